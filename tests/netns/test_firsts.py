# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations that a program was not seen to talk to before."""
import sys

CONFIG = "sockets:\n  first_destinations: alert\n  first_destinations_learn: 1s\n"
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"


def firsts(lab):
    return [f for f in lab.cli_json("findings", "--last", "100")["findings"] if f["rule"] == "first-destination"]


def connect(lab, port):
    assert lab.spawn(sys.executable, "-S", "-E", "-c", CONNECT, lab.attacker, port).wait(10) == 0


def test_a_first_destination_is_told_once_and_is_known_after_a_restart(lab):
    lab.write_config(CONFIG)
    lab.start()
    two, _, _ = lab.listen(on_host=False)
    tried = []

    def connect_anew():
        """To a port of its own each time: those of the second in which it only learns are not told."""
        tried.append(lab.listen(on_host=False)[0])
        connect(lab, tried[-1])
        return firsts(lab)

    found = lab.wait(connect_anew, 10, "the finding")
    one = found[0]["destination_port"]
    assert one in tried
    assert found[0]["subject"] == lab.attacker and found[0]["destination_port"] == one and found[0]["severity"] == "low"
    assert "python" in found[0]["process"]
    known = lab.wait(lambda: lab.cli_json("status")["first_destinations"]["known"] == len(tried) and len(tried), 5, "all are known")
    lab.stop()
    lab.start()
    assert lab.cli_json("status")["first_destinations"]["known"] == known
    for port in tried[:3] + [one]:
        connect(lab, port)
    told = {f["destination_port"] for f in firsts(lab)}
    connect(lab, two)
    lab.wait(lambda: len(firsts(lab)) > len(told), 5, "the other destination")
    assert {f["destination_port"] for f in firsts(lab)} == told | {two}
    assert len(firsts(lab)) == len(told) + 1


def test_nothing_is_told_unless_it_is_asked_for(started):
    lab = started
    port, _, _ = lab.listen(on_host=False)
    follow = lab.follow()

    def is_told():  # the stream may begin a moment later
        connect(lab, port)
        return follow.find(kind="socket", action="connect")
    lab.wait(is_told, 10, "the connect")
    assert firsts(lab) == [] and "first_destinations" not in lab.cli_json("status")
