# SPDX-License-Identifier: GPL-3.0-or-later
"""Sensor mode: a device that shows strangers' traffic, as a mirror port of a switch does."""
import os
import re
import subprocess
import sys

import pytest

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


# ---- a switch's mirror: what goes to and comes from a victim, copied by the kernel itself to a third namespace

VICTIM, PEER = "198.18.50.1", "198.18.50.2"
OUTER = ("198.18.61.1", "198.18.61.2")


# Name: the frame around an IP packet of the two.
WRAPPED = {
    "plain": c.ether,
    "vlan": lambda p: c.ether(p, [(0x8100, 7)]),
    "qinq": lambda p: c.ether(p, [(0x88a8, 7), (0x8100, 8)]),
    "pppoe": lambda p: c.ether(c.pppoe(p), ethertype=0x8864),
    "gre": lambda p: c.ether(c.ip(*OUTER, 47, c.gre(p))),
    "vxlan": lambda p: c.ether(c.udp(OUTER[0], 40000, OUTER[1], 4789, c.vxlan(c.ether(p)))),
    "geneve": lambda p: c.ether(c.udp(OUTER[0], 40000, OUTER[1], 6081, c.geneve(c.ether(p)))),
    "ipip": lambda p: c.ether(c.ip(*OUTER, 4, p)),
    "vlan-pppoe-gre": lambda p: c.ether(c.pppoe(c.ip(*OUTER, 47, c.gre(p))), [(0x8100, 7)], ethertype=0x8864),
}


def wire_victim(lab):
    """VICTIM in ns_attack and PEER in ns_b on one link; each packet of either way is mirrored to the host's mon0."""
    def tc(*argv):
        _run("tc", "-n", lab.ns_attack, *argv)
    wire_mirror(lab)
    _run("ip", "-n", lab.ns_attack, "link", "add", "v0", "type", "veth", "peer", "name", "p0", "netns", lab.ns_b)
    for ns, dev, address in ((lab.ns_attack, "v0", VICTIM), (lab.ns_b, "p0", PEER)):
        _run("ip", "-n", ns, "addr", "add", f"{address}/24", "dev", dev)
        _run("ip", "-n", ns, "link", "set", dev, "up")
    tc("qdisc", "add", "dev", "v0", "clsact")
    for way in ("ingress", "egress"):
        tc("filter", "add", "dev", "v0", way, "protocol", "all", "u32", "match", "u32", "0", "0", "action", "mirred", "egress", "mirror", "dev", "mirror0")


@pytest.fixture(scope="module")
def mirrored():
    with Lab(nets=2) as lab:
        wire_victim(lab)
        trails = os.path.join(lab.dir, "trails")
        os.makedirs(os.path.join(trails, "malware"))
        with open(os.path.join(trails, "malware", "apt_test.txt"), "w", encoding="utf-8") as f:
            f.write("".join(f"{name}-{way}.test\n" for name in WRAPPED for way in ("out", "in")) + "host.test\n")
        lab.write_config(f"trails:\n  directories:\n    - {trails}\nsensor:\n  interfaces: mon0\n")
        lab.start()
        lab.wait(lambda: lab.cli_json("status")["sensors"], 10, "the device is read")
        lab.wait(lambda: "refused when enforcing" in lab.log(), 10, "the trails are compiled")
        yield lab


def found(lab, **want):
    rows = lab.cli_json("findings", "--last", "200")["findings"]
    return [f for f in rows if all(f.get(k) == v for k, v in want.items())]


@pytest.mark.parametrize("name", WRAPPED)
def test_both_directions_of_a_mirror_are_read_through(mirrored, name):
    lab = mirrored
    there = c.udp(VICTIM, 40000, PEER, 53, c.question(f"{name}-out.test"))
    back = c.udp(PEER, 40000, VICTIM, 53, c.question(f"{name}-in.test"))
    for ns, dev, packet in ((lab.ns_attack, "v0", there), (lab.ns_b, "p0", back)):
        _run("nsenter", f"--net=/run/netns/{ns}", "python3", "-c", SEND, dev, WRAPPED[name](packet).hex())
    for way, asker, asked in (("out", VICTIM, PEER), ("in", PEER, VICTIM)):
        f = lab.wait(lambda w=way: found(lab, rule="trail-dns", trail=f"{name}-{w}.test"), 10, f"the finding of {name} {way}")[0]
        assert (f["subject"], f["source_port"], f["destination_port"], f["protocol"]) == (asked, 40000, 53, "udp")
        assert f["title"].startswith(f"{asker} asked for {name}-{way}.test"), f


def test_a_strangers_real_connection_and_a_scan_of_a_stranger_are_seen_on_a_mirror(mirrored):
    lab = mirrored
    p = subprocess.Popen(["nsenter", f"--net=/run/netns/{lab.ns_b}", sys.executable, "-u", "-m", "http.server", "--bind", PEER, "0"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(re.search(r"port (\d+)", p.stdout.readline())[1])
        lab.attack("curl", "-s", "-m", "5", "-o", "/dev/null", "-H", "Host: host.test", f"http://{PEER}:{port}/", check=True)
    finally:
        p.kill()
        p.wait()
    f = lab.wait(lambda: found(lab, rule="trail-host"), 10, "the host is found")[0]
    assert (f["subject"], f["trail"], f["destination_port"]) == (PEER, "host.test", port)
    lab.attack("nmap", "-n", "-Pn", "-sS", "-T4", "-e", "v0", "-p", "1-40", PEER, check=True)
    f = lab.wait(lambda: found(lab, rule="scan-vertical"), 10, "the scan is found")[0]
    assert f["title"].startswith(VICTIM) or f["subject"] == VICTIM, f
    assert lab.cli_json("status")["sensors"] == [{"name": "mon0", "not_inspected": 0}]
    assert not lab.cli_json("bans")["bans"]
