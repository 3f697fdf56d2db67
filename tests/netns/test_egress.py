# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's own processes send to listed and banned addresses: told with the process, refused when armed."""
import sys

import pytest

from lab import Lab

LISTED = "198.18.0.70"

# Raw, because connects and datagrams are refused before there is a packet.
SEND = """
import socket, sys
to = sys.argv[1]
if ":" in to:
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    echo = b"\\x80\\0\\0\\0\\0\\1\\0\\1"
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    echo = b"\\x08\\0\\xf7\\xfd\\0\\1\\0\\1"
for _ in range(3):
    try:
        s.sendto(echo, (to, 0))
        print("sent", flush=True)
    except PermissionError:
        print("refused", flush=True)
"""


def write(lab, name, text):
    path = f"{lab.dir}/{name}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def counter(lab, reason):
    return next(c for c in lab.cli_json("status")["counters"] if c["reason"] == reason)


def findings(lab, rule):
    return [f for f in lab.cli_json("findings")["findings"] if f["rule"] == rule]


def pings(lab, *args):
    p = lab.spawn("ping", "-n", *args)
    return p.wait(30), p.stdout.read()


@pytest.fixture
def listed(started):
    started.ok("trails", "import", write(started, "bad.txt", f"{LISTED}\n2001:db8:0:1::67\n"))
    return started


def test_five_pings_to_a_listed_address_are_one_finding_that_names_ping(listed):
    lab = listed
    code, out = pings(lab, "-c", "5", "-i", "0.2", LISTED)
    assert code == 0 and "5 received" in out, "observing refuses nothing"
    found = lab.wait(lambda: [f for f in findings(lab, "trail-egress") if f["count"] == 5], 5, "five packets in a finding")
    assert len(found) == 1 and len(findings(lab, "trail-connect")) == 0
    assert found[0]["process"] == "ping" and found[0]["subject"] == LISTED and found[0]["list"] == "bad"
    assert counter(lab, "trail-out")["packets"] == 5 and counter(lab, "trail-out")["dropped"] == 0


def send(lab, to):
    return lab.spawn(sys.executable, "-S", "-E", "-c", SEND, to).communicate(timeout=20)[0].split()


def test_armed_what_goes_to_a_listed_address_is_refused_and_the_rest_is_not(listed):
    lab = listed
    assert lab.cli("arm")[0] in (0, 6)
    assert send(lab, LISTED) == ["refused"] * 3 and send(lab, "2001:db8:0:1::67") == ["refused"] * 3
    assert send(lab, lab.others[0]) == ["sent"] * 3
    assert counter(lab, "trail-out")["dropped"] == 6
    # the allow list wins, and so does the gateway that the list names
    lab.ok("allow", "add", LISTED)
    lab.ok("trails", "import", write(lab, "more.txt", lab.gateway + "\n"))
    assert pings(lab, "-c", "1", LISTED)[0] == 0
    assert pings(lab, "-c", "1", lab.gateway)[0] == 0


def test_a_banned_address_is_not_sent_to_either_and_answers_are_no_deeds(listed):
    lab = listed
    assert lab.ping(source=LISTED) == 3, "who is listed and watched gets answers"
    assert counter(lab, "trail-out")["packets"] == 0
    lab.ok("ban", lab.others[0])
    assert lab.cli("arm")[0] in (0, 6)
    assert send(lab, lab.others[0]) == ["refused"] * 3
    found = lab.wait(lambda: findings(lab, "ban-egress"), 5, "the finding")
    assert "python" in found[0]["process"] and counter(lab, "ban-out")["dropped"] == 3


def test_it_can_be_watched_only_or_turned_off(lab):
    lab.write_config("egress: observe\n")
    lab.start()
    lab.ok("trails", "import", write(lab, "bad.txt", LISTED + "\n"))
    assert lab.cli("arm")[0] in (0, 6)
    assert lab.cli_json("status")["egress"] == {"action": "observe", "attached": True}
    assert "egress" in lab.cli("status")[1]
    # the answers are of a listed source, and are dropped when they come
    pings(lab, "-c", "1", "-W", "1", LISTED)
    assert counter(lab, "trail-out")["packets"] == 1 and counter(lab, "trail-out")["dropped"] == 0
    lab.write_config("egress: \"off\"\n")
    lab.daemon.send_signal(1)
    lab.wait(lambda: lab.cli_json("status")["egress"]["action"] == "off", 10, "the configuration is reloaded")
    pings(lab, "-c", "1", "-W", "1", LISTED)
    assert counter(lab, "trail-out")["packets"] == 1


UDP = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for port in sys.argv[2:]:
    try:
        s.sendto(b"x", (sys.argv[1], int(port)))
        print("sent", flush=True)
    except PermissionError:
        print("refused", flush=True)
"""


@pytest.mark.parametrize("engine", ["packed", "lpm"])
def test_what_goes_to_a_listed_port_is_refused_and_to_another_port_of_the_address_not(engine):
    with Lab() as lab:
        lab.write_config(f"trails:\n  engine: {engine}\n")
        lab.start()

        def udp(to):
            return lab.spawn(sys.executable, "-S", "-E", "-c", UDP, to, "7001", "7002").communicate(timeout=20)[0].split()

        lab.ok("trails", "import", write(lab, "ports.txt", f"{LISTED}:7001\n[2001:db8:0:1::67]:7001\n"))
        assert udp(LISTED) == ["sent", "sent"] and counter(lab, "trail-out")["packets"] == 1
        assert lab.cli("arm")[0] in (0, 6)
        assert udp(LISTED) == ["refused", "sent"] and udp("2001:db8:0:1::67") == ["refused", "sent"]
        assert counter(lab, "trail-out")["dropped"] == 2
        found = lab.wait(lambda: findings(lab, "trail-egress"), 10, "it is told")
        assert {(f["list"], f["subject"]) for f in found} <= {("ports", LISTED), ("ports", "2001:db8:0:1::67")}
        lab.ok("allow", "add", LISTED)
        assert udp(LISTED) == ["sent", "sent"]
