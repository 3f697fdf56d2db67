# SPDX-License-Identifier: GPL-3.0-or-later
"""Sensor mode: a device that shows strangers' traffic, as a mirror port of a switch does."""
import os

import capture as c
from lab import Lab, _run

SEND = """
import socket, sys
# Frames in hex, out of a device.
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in sys.argv[2:]:
    s.send(bytes.fromhex(frame))
"""


def wire_mirror(lab):
    """The host's device mon0, and its other end, the switch's port: what is sent there is what the switch mirrors."""
    _run("ip", "-n", lab.ns_attack, "link", "add", "mirror0", "type", "veth", "peer", "name", "mon0", "netns", lab.ns_host)
    _run("ip", "-n", lab.ns_attack, "link", "set", "mirror0", "up")
    _run("ip", "-n", lab.ns_host, "link", "set", "mon0", "up")


def send(lab, *packets):
    _run("nsenter", f"--net=/run/netns/{lab.ns_attack}", "python3", "-c", SEND, "mirror0", *[c.ether(p).hex() for p in packets])


def test_a_mirror_port_is_read_in_both_directions_and_through_tunnels():
    with Lab() as lab:
        wire_mirror(lab)
        trails = os.path.join(lab.dir, "trails")
        os.makedirs(os.path.join(trails, "malware"))
        with open(os.path.join(trails, "malware", "apt_test.txt"), "w", encoding="utf-8") as f:
            f.write("evil.test\n198.18.77.77\nsni.test\n")
        lab.write_config(f"trails:\n  directories:\n    - {trails}\nsensor:\n  interfaces: mon0\n")
        lab.start()
        lab.wait(lambda: lab.cli_json("status")["sensors"], 10, "the device is read")
        lab.wait(lambda: "refused when enforcing" in lab.log(), 10, "the trails are compiled")

        def find(**want):
            rows = lab.cli_json("findings", "--last", "100")["findings"]
            return [f for f in rows if all(f.get(k) == v for k, v in want.items())]

        def wait(**want):
            return lab.wait(lambda: find(**want), 10, f"a finding {want}")[0]
        a, b = "198.18.50.1", "198.18.60.1"
        send(lab, c.udp(a, 40000, b, 53, c.question("x.evil.test")))
        f = wait(rule="trail-dns")
        assert (f["trail"], f["subject"], f["source_port"]) == ("evil.test", b, 40000) and "process" not in f
        assert f["title"] == "198.18.50.1 asked for evil.test: apt test (malware)"
        send(lab, c.udp(b, 53, a, 40000, c.answer("fine.test", [(1, c.packed("198.18.77.77"))])))
        assert wait(rule="trail-answer")["trail"] == "198.18.77.77"
        send(lab, c.tcp(a, 40001, "198.18.77.77", 443))
        assert wait(rule="trail-address")["subject"] == "198.18.77.77"
        hello = c.tcp(a, 40002, b, 443, c.ACK | c.PSH, c.hello("sni.test"))
        send(lab, c.udp(a, 40003, b, 4789, c.vxlan(c.ether(hello))))
        assert wait(rule="trail-sni")["trail"] == "sni.test"
        send(lab, *[c.tcp(a, 50000, b, port) for port in range(1, 40)])
        lab.wait(lambda: lab.cli_json("status")["sensor_packets"] >= 43, 10, "all are read")
        assert lab.cli_json("status")["sensors"] == [{"name": "mon0", "not_inspected": 0}]
        assert not lab.cli_json("bans")["bans"]
