# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans with the tools that people scan with, against the whole program; and what must raise nothing."""
import re
import subprocess
import sys

import pytest
from lab import Lab

# A client that asks an open port again and again, from many source ports: what many users behind one address are.
BUSY = """
import socket, sys
target, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(n):
    s = socket.create_connection((target, port), 5)
    s.recv(64)
    s.close()
print("done")
"""

# Asks an open port and ends the connection with a reset, as balancers check a service.
CHECK = """
import socket, struct, sys
for i in range(int(sys.argv[3])):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    s.recv(64)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
"""

# Sends raw TCP or UDP packets by scapy's absence: built by hand. Lines "proto src sport dst dport flags".
RAW = """
import socket, struct, sys
def csum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b + b"\\0" * (len(b) % 2)))
    s = (s & 0xffff) + (s >> 16)
    return ~(s + (s >> 16)) & 0xffff
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
raw.setsockopt(socket.SOL_IP, socket.IP_MULTICAST_IF, socket.inet_aton("198.18.0.66"))
for line in sys.stdin:
    proto, src, sport, dst, dport, flags = line.split()
    s, d = socket.inet_aton(src), socket.inet_aton(dst)
    if proto == "udp":
        l4, number = struct.pack("!HHHH", int(sport), int(dport), 8, 0), 17
    elif proto == "icmp":  # a packet was too large for the way: 1280 bytes would do
        l4, number = struct.pack("!BBHHH", 3, 4, 0, 0, 1280) + struct.pack("!BBHHHBBH4s4sHHI", 0x45, 0, 40, 0, 0, 64, 6, 0, d, s, int(dport), int(sport), 1), 1
        l4 = l4[:2] + struct.pack("!H", csum(l4)) + l4[4:]
    else:
        l4, number = struct.pack("!HHIIBBHHH", int(sport), int(dport), 1, 0, 0x50, int(flags, 0), 1024, 0, 0), 6
        l4 = l4[:16] + struct.pack("!H", csum(s + d + struct.pack("!BBH", 0, 6, len(l4)) + l4)) + l4[18:]
    raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 0, 0, 64, number, 0, s, d) + l4, (dst, 0))
"""


@pytest.fixture(scope="module")
def watched():
    with Lab() as lab:
        lab.start()
        lab.port, _, _ = lab.listen(0)
        lab.port6, _, _ = lab.listen(0, address="::")
        yield lab


def scans(lab, rule=None):
    found = [f for f in lab.cli_json("findings", "-n", "1000")["findings"] if f["kind"] == "scan"]
    return [f for f in found if rule in (None, f["rule"])]


def send(lab, lines):
    lab.attack(sys.executable, "-S", "-E", "-c", RAW, input="\n".join(lines) + "\n", check=True)


PORTS = "1-40"
NMAP = ("nmap", "-n", "-Pn", "--max-retries", "0", "-p", PORTS)
A, B, C, D = Lab.others
NET6 = "2001:db8:0:1::/64"
# each way from a source of its own where the rule is the same
SCANS = {
    "nmap -sS -T4": (*NMAP, "-sS", "-T4", "-S", A, "-e", "eth0", "scan-vertical", A),
    "nmap -sS -T3": (*NMAP, "-sS", "-T3", "-S", B, "-e", "eth0", "scan-vertical", B),
    "nmap -sS -T5 with ECN": (*NMAP, "--scanflags", "SYNECECWR", "-T5", "-S", C, "-e", "eth0", "scan-vertical", C),
    "nmap -sT": (*NMAP, "-sT", "-T4", "scan-vertical", Lab.attacker),
    "hping3": ("hping3", "--scan", PORTS, "-S", "-n", "-a", D, "scan-vertical", D),
    "nmap -sF": (*NMAP, "-sF", "-T5", "scan-fin", Lab.attacker),
    "nmap -sN": (*NMAP, "-sN", "-T5", "scan-null", Lab.attacker),
    "nmap -sX": (*NMAP, "-sX", "-T5", "scan-xmas", Lab.attacker),
    "nmap -sM": (*NMAP, "-sM", "-T5", "scan-maimon", Lab.attacker),
    "nmap -sA": (*NMAP, "-sA", "-T5", "scan-ack", Lab.attacker),
    "nmap -sU": (*NMAP, "-sU", "-T5", "--host-timeout", "10s", "scan-udp", Lab.attacker),
    "nmap with SYN and FIN": (*NMAP, "--scanflags", "SYNFIN", "-T5", "scan-flags", Lab.attacker),
    "nmap -6 -sF": ("nmap", "-6", *NMAP[1:], "-sF", "-T5", "scan-fin", NET6),
    "nmap -6 -sN": ("nmap", "-6", *NMAP[1:], "-sN", "-T5", "scan-null", NET6),
    "nmap -6 -sX": ("nmap", "-6", *NMAP[1:], "-sX", "-T5", "scan-xmas", NET6),
    "nmap -6 -sA": ("nmap", "-6", *NMAP[1:], "-sA", "-T5", "scan-ack", NET6),
    "nmap -6 -sU": ("nmap", "-6", *NMAP[1:], "-sU", "-T5", "--host-timeout", "10s", "scan-udp", NET6),
    "nmap -6 -sM": ("nmap", "-6", *NMAP[1:], "-sM", "-T5", "scan-maimon", NET6),
    "hping3 -F": ("hping3", "--scan", PORTS, "-F", "-n", "-a", D, "scan-fin", D),
    "hping3 -2": ("hping3", "--udp", "-n", "-q", "-i", "u2000", "-c", "40", "-s", "50000", "-k", "-p", "++2000", "-a", D, "scan-udp", D),
    "masscan": ("masscan", "--rate", "1000", "--wait", "0", "-p", PORTS, "--interface", "eth0", "--adapter-ip", "198.18.0.99",
                "--router-mac", "MAC", "scan-vertical", "198.18.0.99"),
}


@pytest.mark.parametrize("name", SCANS)
def test_a_scan_is_told_by_its_name_and_source(watched, name):
    *argv, rule, source = SCANS[name]
    if "MAC" in argv:
        link = watched.on_host("ip", "link", "show", "eth0").stdout
        argv[argv.index("MAC")] = re.search(r"ether ([0-9a-f:]+)", link)[1].replace(":", "-")
    watched.attack(*argv, watched.host6 if "-6" in argv else watched.host, stdin=subprocess.DEVNULL)
    told = watched.wait(lambda: [f for f in scans(watched, rule) if f["subject"] == source], 5, f"{rule} of {source} is told")
    assert told[0]["severity"] == "medium"
    assert told[0]["count"] >= 5


def test_a_scan_cut_into_fragments_is_told_as_that_and_its_flags_are_not_invented(watched):
    """nmap -f cuts after eight bytes: no fragment has its flags, the first has the ports."""
    before, source = watched.counter("unparsed"), Lab.others[1]
    watched.attack(*NMAP, "-sS", "-f", "-T5", "-S", source, "-e", "eth0", watched.host)
    told = watched.wait(lambda: [f for f in scans(watched, "scan-fragment") if f["subject"] == source], 10, "the scan is told")
    assert told[0]["severity"] == "medium" and told[0]["count"] >= 5
    assert not [f for f in scans(watched) if f["subject"] == source and f["rule"] not in ("scan-fragment", "scan-vertical")]
    assert watched.counter("unparsed") == before


def test_a_scan_over_ipv6_is_told_of_its_64(watched):
    watched.attack("nmap", "-6", "-n", "-Pn", "-sS", "-T4", "-p", PORTS, watched.host6, check=True)
    told = watched.wait(lambda: [f for f in scans(watched, "scan-vertical") if ":" in f["subject"]], 5, "the scan is told")
    assert told[0]["subject"] == "2001:db8:0:1::/64"


def test_a_decoy_scan_names_every_source_and_bans_none():
    with Lab() as lab:
        lab.start()
        lab.attack("nmap", "-n", "-Pn", "-sS", "-T4", "-D", ",".join(lab.others), "-p", PORTS, lab.host, check=True)
        lab.wait(lambda: {f["subject"] for f in scans(lab)} >= {lab.attacker, *lab.others}, 5, "all of them are told")
        assert not lab.cli_json("bans")["bans"]


def test_a_scan_bans_only_where_it_was_said_and_not_for_long():
    with Lab(config="mode: enforce\ndetect:\n  scan_action: ban\n  scan_ban_for: 5m\n") as lab:
        lab.start()
        lab.attack("nmap", "-n", "-Pn", "-sS", "-T4", "-p", PORTS, lab.host, check=True)
        ban = lab.wait(lambda: lab.cli_json("bans")["bans"], 5, "the scanner is banned")[0]
        assert ban["net"] == lab.attacker
        lab.wait(lambda: lab.ping() == 0, 5, "its packets are dropped")


def test_an_allowed_network_of_a_rule_is_left_alone():
    with Lab(config=f"detect:\n  scan-vertical:\n    allow:\n      - {Lab.attacker}\n") as lab:
        lab.start()
        lab.attack("nmap", "-n", "-Pn", "-sS", "-T4", "-p", PORTS, lab.host, check=True)
        lab.wait(lambda: next(r for r in lab.cli_json("detect", "list")["rules"] if r["rule"] == "scan-vertical")["spared"], 5,
                 "the rule kept it back")
        assert not scans(lab)


def floods(lab):
    return [f for f in lab.cli_json("findings", "-n", "1000")["findings"] if f["rule"] == "syn-flood" and f["subject"]]


def flood(lab, port, source):
    """SYNs by the thousand of which no connection comes; hping3 counts them."""
    lab.attack("hping3", "-S", "-n", "-q", "-i", "u50", "-c", "3000", "-p", str(port), "-a", source, lab.host, stdin=subprocess.DEVNULL)


def test_a_flood_of_syns_names_its_source_and_bans_nobody(watched):
    flood(watched, watched.port, Lab.others[0])
    told = watched.wait(lambda: floods(watched), 5, "the flood is told")
    assert [f["subject"] for f in told] == [Lab.others[0]]
    assert told[0]["severity"] == "high" and told[0]["count"] >= 1000
    assert f"to {watched.host} port {watched.port}" in told[0]["title"]
    assert not watched.cli_json("bans")["bans"]


def test_thousands_of_connections_of_one_address_are_no_flood(watched):
    before = {f["subject"] for f in floods(watched)}
    for address, port in ((watched.host, watched.port), (watched.host6, watched.port6), (watched.host, watched.port6)):
        watched.attack(sys.executable, "-S", "-E", "-c", BUSY, address, port, 1500, check=True)
        watched.attack(sys.executable, "-S", "-E", "-c", CHECK, address, port, 1500, check=True)
    flood(watched, watched.port, Lab.others[1])  # told behind them
    told = watched.wait(lambda: {f["subject"] for f in floods(watched)} - before, 5, "the flood behind them is told")
    assert told == {Lab.others[1]}


def test_a_source_that_the_rule_allows_may_flood():
    with Lab(config=f"detect:\n  syn-flood:\n    allow:\n      - {Lab.others[0]}\n") as lab:
        lab.start()
        port, _, _ = lab.listen(0)
        flood(lab, port, Lab.others[0])
        lab.wait(lambda: next(r for r in lab.cli_json("detect", "list")["rules"] if r["rule"] == "syn-flood")["spared"], 5,
                 "the rule kept it back")
        assert not floods(lab)


def test_ten_sources_that_share_the_ports_are_one_scan():
    with Lab() as lab:
        lab.start()
        send(lab, [f"tcp 198.18.77.{1 + i % 12} 50000 {lab.host} {100 + i} 0x02" for i in range(48)])
        told = lab.wait(lambda: scans(lab, "scan-distributed"), 5, "the scan is told")
        assert len(told) == 1
        assert not scans(lab, "scan-vertical")


def test_twenty_connections_to_a_login_port_are_told():
    with Lab() as lab:
        lab.start()
        lab.listen(22)
        lab.attack(sys.executable, "-S", "-E", "-c", BUSY, lab.host, 22, 25, check=True)
        told = lab.wait(lambda: [f for f in lab.cli_json("findings")["findings"] if f["rule"] == "brute-force"], 5, "it is told")
        assert told[0]["subject"] == lab.attacker


def test_a_new_listener_that_connects_elsewhere_is_told():
    talk = """
import socket, sys, time
s = socket.socket(); s.bind(("0.0.0.0", 0)); s.listen(1)
c = socket.socket(); c.settimeout(0.2)
try:
    c.connect((sys.argv[1], 4444))
except OSError:
    pass
print("ready", flush=True)
sys.stdin.readline()
"""
    with Lab() as lab:
        lab.start()
        lab.wait(lambda: lab.cli_json("status")["inventory"]["baseline"], 5, "there is a baseline")
        p = lab.spawn(sys.executable, "-S", "-E", "-c", talk, lab.attacker, stdin=-1)
        assert p.stdout.readline() == "ready\n"
        told = lab.wait(lambda: [f for f in lab.cli_json("findings")["findings"] if f["rule"] == "listener-talks"], 5, "it is told")
        assert told[0]["subject"] == lab.attacker and told[0]["pid"] == p.pid


def test_silence_of_everyday_traffic(watched):
    lab = watched
    before = lab.counter("probe")
    told = len(scans(lab))
    # a busy service, over both families
    lab.attack(sys.executable, "-S", "-E", "-c", BUSY, lab.host, lab.port, 400, check=True)
    lab.attack(sys.executable, "-S", "-E", "-c", BUSY, lab.host6, lab.port6, 200, check=True)
    # backscatter of SYNs that somebody forged with our address, and of UDP questions
    send(lab, [f"tcp 198.18.0.67 80 {lab.host} {2000 + i} 0x12" for i in range(60)])
    send(lab, [f"tcp 198.18.0.67 80 {lab.host} {2000 + i} 0x14" for i in range(60)])
    send(lab, [f"udp 198.18.0.67 53 {lab.host} {2000 + i} 0" for i in range(60)])
    # broadcasts and multicast
    send(lab, [f"udp 198.18.0.67 {5000 + i} 198.18.0.255 {137 + i} 0" for i in range(60)])
    send(lab, [f"udp 198.18.0.67 {5000 + i} 239.1.2.3 {5000 + i} 0" for i in range(60)])
    # 5,000 users behind one address, all at the open port
    send(lab, [f"tcp 198.18.0.68 {1024 + i} {lab.host} {lab.port} 0x02" for i in range(5000)])
    # packets too large for the way, as routers tell (path MTU discovery)
    lab.attack("ping", "-n", "-q", "-c", "3", "-i", "0.05", "-s", "1400", "-M", "do", "-I", lab.attacker, lab.host)
    send(lab, [f"icmp 198.18.0.67 {lab.port} {lab.host} {40000 + i} 0" for i in range(60)])
    # a balancer asks each moment whether the port is there, and ends it with a reset
    lab.attack(sys.executable, "-S", "-E", "-c", CHECK, lab.host, lab.port, 300, check=True)
    # our own scan of others: their answers come here
    lab.on_host("nmap", "-n", "-Pn", "-sS", "-T5", "-p", "1-200", lab.attacker, check=True)
    lab.on_host("nmap", "-n", "-Pn", "-sT", "-T5", "-p", "1-200", lab.attacker, check=True)
    assert lab.counter("probe") == before
    assert len(scans(lab)) == told


def test_a_balancer_that_finds_its_service_down_raises_nothing(watched):
    lab = watched
    before, told = lab.counter("probe"), len(scans(lab))
    send(lab, [f"tcp 198.18.0.67 {20000 + i} {lab.host} {port} 0x02" for i in range(200) for port in (8080, 8443)])
    lab.wait(lambda: lab.counter("probe") >= before + 400, 5, "all are counted")
    assert len(scans(lab)) == told


def test_docker_and_routed_pods_raise_nothing():
    """A host whose ports lead to containers, with NAT as Docker writes it, and pods that are routed to."""
    with Lab(nets=2) as lab:
        pod = lab.ns_b
        lab.start()
        for argv in (("sysctl", "-qw", "net.ipv4.ip_forward=1"),
                     ("iptables", "-t", "nat", "-N", "DOCKER"),
                     ("iptables", "-t", "nat", "-A", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "DOCKER"),
                     ("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "198.18.1.0/24", "!", "-o", "eth1", "-j", "MASQUERADE")):
            lab.on_host(*argv, check=True)
        for port in range(8001, 8041):  # forty containers
            lab.on_host("iptables", "-t", "nat", "-A", "DOCKER", "!", "-i", "eth1", "-p", "tcp", "--dport", str(port),
                        "-j", "DNAT", "--to-destination", f"{lab.attacker_b}:80", check=True)
        lab.attack("ip", "route", "add", "198.18.1.0/24", "via", lab.host, check=True)
        lab.attack("ip", "route", "add", "default", "via", "198.18.1.1", ns=pod, check=True)
        # the rules are read when they are written: a probe of such a port counts until then, and no more after
        lab.wait(lambda: published_is_known(lab, 8040), 5, "the last rule is known")
        before = lab.counter("probe")
        send(lab, [f"tcp {lab.attacker} 50000 {lab.host} {port} 0x02" for port in range(8001, 8041)])
        send(lab, [f"tcp {lab.attacker} 50000 {lab.attacker_b} {port} 0x02" for port in range(1, 100)])  # a routed pod
        # answers to clients behind the masquerade
        send(lab, [f"udp {lab.attacker} 3478 {lab.host} {20000 + i} 0" for i in range(60)])
        send(lab, [f"tcp {lab.attacker} 50000 {lab.host} {20000 + i} 0x11" for i in range(60)])
        assert lab.counter("probe") == before
        assert not scans(lab)


def published_is_known(lab, port):
    raw = [int(b, 16) for b in lab.pinned("probe_ctl")[0]["value"]]
    return raw[port >> 3] >> (port & 7) & 1
