# SPDX-License-Identifier: GPL-3.0-or-later
"""`sockwarden replay` on captures that the test writes: each case is a row, with what is to be found."""
import hashlib
import json
import os
import re
import select
import socket
import struct
import subprocess

import pytest

import capture as c
from capture import ACK, CWR, ECE, PSH, SYN, URG, Capture

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLI = os.path.join(ROOT, "build", "sockwarden")
US, THEM, BAD, BAD6 = "198.18.0.1", "198.18.5.5", "198.18.9.9", "2001:db8:bad::1"


def replay(path, *args):
    p = subprocess.run([CLI, "replay", str(path), *map(str, args)], capture_output=True, text=True, timeout=120, check=False,
                       env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"})
    return p


def found(path, *args):
    p = replay(path, *args, "-o", "jsonl", "-q")
    assert p.returncode in (0, 1), p.stderr
    rows = [json.loads(line) for line in p.stdout.splitlines()]
    assert p.returncode == (1 if rows else 0)
    return rows


CERT = b"0\x82" + bytes(range(256)) * 5
CERT_SHA1 = hashlib.sha1(CERT).hexdigest()
JA3_TEXT = "771,4865-4866-49199,0-10-11-13-16-43,29-23,0"
JA3 = hashlib.md5(JA3_TEXT.encode()).hexdigest()


def ja4(kind="t"):
    ciphers = hashlib.sha256(b"1301,1302,c02f").hexdigest()[:12]
    ext = hashlib.sha256(b"000a,000b,000d,002b_0403,0804").hexdigest()[:12]
    return f"{kind}13d0306h2_{ciphers}_{ext}"


@pytest.fixture(scope="module")
def trails(tmp_path_factory):
    d = tmp_path_factory.mktemp("trails")
    for name in ("malware", "malicious", "suspicious"):
        (d / name).mkdir()
    (d / "malware" / "apt_test.txt").write_text(
        "# Copyright line\n# Reference: https://example.org/one\n# Reference: https://example.org/two\n\n"
        f"{BAD}\n{BAD6}\n203.0.113.0/24\n2001:db8:cd::/48\n198.18.7.7:4444\n[2001:db8:7::7]:4444\nEvil-Domain.Test # note\n"
        "# Reference:\nhttp://host-only.test\nurlhost.test/gate/Panel.php?id=\n/lonely/path.php\nwww.wwwtrail.test\nbadtld\n"
        f"198.18.3.3/load.sh\n{JA3}\n{ja4()}\n{ja4('q')}\n{CERT_SHA1.upper()}\nbücher-böse.test\nhttp://bücher-url.test/x.php\n"
        "/stripped.php?a=&b=\n/to-equal.php?x=\n/segment.php\n/some/directory\n/posted.php?cmd=\ncand.test/whole.php?a=1&b=2\n"
        f"cand.test/s.php?a=&b=\ncand.test/last.php\ncand.test/d1/d2\ncand.test/p.php?cmd=\ndga[0-9]{{4}}\\.test\n")
    (d / "suspicious" / "ua.txt").write_text("# agents\nEvilBot/\\d\n")
    (d / "malicious" / "both.txt").write_text("evil-domain.test\nonly-malicious.test\n")
    (d / "mass_scanner.txt").write_text("198.18.200.1\n")
    return d


def one(*packets, link=c.ETHER):
    cap = Capture(link)
    for p in packets:
        cap.add(p)
    return cap


def http_flow(data, chunks=None, dst=THEM, dport=80):
    return Capture().flow(US, 40000, dst, dport, chunks or [data])


def ask(name, qtype=1, port=53):
    return one(c.udp(US, 40000, THEM, port, c.question(name, qtype)))


def split(data, *at):
    at = (0, *at, len(data))
    return [data[a:b] for a, b in zip(at, at[1:])]


def reordered(data):
    """The second half of a request before the first's end: three segments, the last two swapped."""
    a, b, d = split(data, 20, 60)
    cap = Capture()
    for seq, part in ((1, a), (61, d), (21, b)):
        cap.add(c.tcp(US, 40000, THEM, 80, ACK | PSH, part, seq=seq))
    return cap


def shuffled(data, order, dport=80, begun=True, before=b"", way=1, first=1000):
    """A connection whose client's (way 1) or server's segments arrive in another order; begun: its SYN was seen."""
    client, server = (US, 40000), (THEM, dport)
    (a, ap), (b, bp) = (client, server) if way else (server, client)
    cap, parts, at = Capture(), [], first + 1 + len(before)
    if begun:
        cap.add(c.tcp(a, ap, b, bp, SYN if way else SYN | ACK, seq=first))
    if before:
        cap.add(c.tcp(a, ap, b, bp, ACK | PSH, before, seq=first + 1))
    for part in data:
        parts.append((at, part))
        at += len(part)
    for i in order:
        cap.add(c.tcp(a, ap, b, bp, ACK | PSH, parts[i][1], seq=parts[i][0]))
    return cap


def quic(hello, *cuts, version=1, order=None, src=US, dst=THEM):
    """A ClientHello by QUIC: each datagram holds the pieces between two cuts, in any order."""
    message, cap = hello[5:], Capture()
    at = (0, *cuts, len(message))
    pieces = [(a, message[a:b]) for a, b in zip(at, at[1:])]
    for number, piece in enumerate(order or range(len(pieces))):
        half = len(pieces[piece][1]) // 2
        a, data = pieces[piece]
        cap.add(c.udp(src, 40000, dst, 443, c.quic_initial([(a + half, data[half:]), (a, data[:half])], version, number)))
    return cap


def served(data, *cuts):
    """A connection whose server sends bytes, in so many segments."""
    cap = Capture().flow(US, 40000, THEM, 443, [c.hello("fine.example", ciphers=(0x1303,))])
    for a, part in zip((0, *cuts), split(data, *cuts)):
        cap.add(c.tcp(THEM, 443, US, 40000, ACK | PSH, part, seq=9001 + a))
    return cap


def wifi(packet, qos=False, protected=False):
    """An IP packet in a data frame of IEEE 802.11."""
    return bytes([0x88 if qos else 0x08, 0x41 if protected else 1]) + b"\0" * (24 if qos else 22) + b"\xaa\xaa\3\0\0\0\x08\0" + packet


INNER = c.tcp(US, 40000, BAD, 443)
REQUEST = c.http(host="evil-domain.test", path="/x", more=["Accept: */*", "Cookie: " + "c" * 200])
HELLO = c.hello("a.evil-domain.test")
TCP_DNS = c.question("evil-domain.test")

# name: (capture, rule, kind, trail)
CASES = {
    "address, outbound": (lambda: one(c.tcp(US, 40000, BAD, 443)), "trail-address", "ip", BAD),
    "address, inbound": (lambda: one(c.tcp(BAD, 40000, US, 443)), "trail-address", "ip", BAD),
    "address, ECN bits": (lambda: one(c.tcp(US, 40000, BAD, 443, SYN | ECE | CWR)), "trail-address", "ip", BAD),
    "address, SYN-ACK": (lambda: one(c.tcp(BAD, 443, US, 40000, SYN | ACK)), "trail-address", "ip", BAD),
    "address, amid a flow": (lambda: one(c.tcp(BAD, 443, US, 40000, ACK, b"zz")), "trail-address", "ip", BAD),
    "address, ping": (lambda: one(c.icmp(US, BAD)), "trail-address", "ip", BAD),
    "address, IPv6": (lambda: one(c.tcp(US6, 40000, BAD6, 443)), "trail-address", "ip", BAD6),
    "address, IPv6 extension": (lambda: one(c.tcp(US6, 40000, BAD6, 443, ext=b"\x06\0" + b"\0" * 6, ext_proto=0)),
                                "trail-address", "ip", BAD6),
    "network": (lambda: one(c.tcp(US, 40000, "203.0.113.77", 443)), "trail-address", "cidr", "203.0.113.0/24"),
    "network, IPv6": (lambda: one(c.udp(US6, 40000, "2001:db8:cd::99", 443)), "trail-address", "cidr", "2001:db8:cd::/48"),
    "address and port, TCP": (lambda: one(c.tcp(US, 40000, "198.18.7.7", 4444)), "trail-address", "ip-port", "198.18.7.7:4444"),
    "address and port, UDP": (lambda: one(c.udp(US, 40000, "198.18.7.7", 4444)), "trail-address", "ip-port", "198.18.7.7:4444"),
    "address and port, IPv6": (lambda: one(c.udp(US6, 40000, "2001:db8:7::7", 4444)), "trail-address", "ip-port",
                               "[2001:db8:7::7]:4444"),
    "VLAN": (lambda: one(c.ether(INNER, [(0x8100, 7)])), "trail-address", "ip", BAD),
    "QinQ": (lambda: one(c.ether(INNER, [(0x88a8, 7), (0x8100, 8)])), "trail-address", "ip", BAD),
    "PPPoE": (lambda: one(c.ether(c.pppoe(INNER), ethertype=0x8864)), "trail-address", "ip", BAD),
    "GRE": (lambda: one(c.ip(US, THEM, 47, c.gre(INNER))), "trail-address", "ip", BAD),
    "GRE with a key": (lambda: one(c.ip(US, THEM, 47, c.gre(INNER, 9))), "trail-address", "ip", BAD),
    "IPIP": (lambda: one(c.ip(US, THEM, 4, INNER)), "trail-address", "ip", BAD),
    "6in4": (lambda: one(c.ip(US, THEM, 41, c.tcp(US6, 1025, BAD6, 443))), "trail-address", "ip", BAD6),
    "VXLAN": (lambda: one(c.udp(US, 40000, THEM, 4789, c.vxlan(c.ether(INNER)))), "trail-address", "ip", BAD),
    "GENEVE": (lambda: one(c.udp(US, 40000, THEM, 6081, c.geneve(c.ether(INNER)))), "trail-address", "ip", BAD),
    "raw IP": (lambda: one(INNER, link=c.RAW), "trail-address", "ip", BAD),
    "cooked": (lambda: one(b"\0" * 14 + b"\x08\0" + INNER, link=c.SLL), "trail-address", "ip", BAD),
    "cooked 2": (lambda: one(b"\x08\0" + b"\0" * 18 + INNER, link=c.SLL2), "trail-address", "ip", BAD),
    "cooked 2, VLAN": (lambda: one(b"\x81\0" + b"\0" * 18 + b"\0\5\x08\0" + INNER, link=c.SLL2), "trail-address", "ip", BAD),
    "PPP": (lambda: one(b"\xff\3\0\x21" + INNER, link=c.PPP), "trail-address", "ip", BAD),
    "PPP, short": (lambda: one(b"\x21" + INNER, link=c.PPP), "trail-address", "ip", BAD),
    "PPPoE, short": (lambda: one(c.ether(c.pppoe(INNER, short=True), ethertype=0x8864)), "trail-address", "ip", BAD),
    "PPPoE alone": (lambda: one(c.pppoe(INNER), link=c.PPP_ETHER), "trail-address", "ip", BAD),
    "Cisco HDLC": (lambda: one(b"\x0f\0\x08\0" + INNER, link=c.C_HDLC), "trail-address", "ip", BAD),
    "802.11": (lambda: one(wifi(INNER), link=c.WIFI), "trail-address", "ip", BAD),
    "802.11, QoS": (lambda: one(wifi(INNER, qos=True), link=c.WIFI), "trail-address", "ip", BAD),
    "802.11, radiotap": (lambda: one(b"\0\0\x0c\0" + b"\0" * 8 + wifi(INNER), link=c.WIFI_RADIO), "trail-address", "ip", BAD),
    "loopback": (lambda: one(struct.pack("<I", 2) + INNER, link=c.NULL), "trail-address", "ip", BAD),
    "domain": (lambda: ask("evil-domain.test"), "trail-dns", "domain", "evil-domain.test"),
    "domain, below": (lambda: ask("a.B.evil-DOMAIN.test"), "trail-dns", "domain", "evil-domain.test"),
    "domain, AAAA": (lambda: ask("evil-domain.test", 28), "trail-dns", "domain", "evil-domain.test"),
    "domain, TXT": (lambda: ask("evil-domain.test", 16), "trail-dns", "domain", "evil-domain.test"),
    "domain, mDNS": (lambda: ask("evil-domain.test", port=5353), "trail-dns", "domain", "evil-domain.test"),
    "domain, www": (lambda: ask("wwwtrail.test"), "trail-dns", "domain", "wwwtrail.test"),
    "top-level domain": (lambda: ask("any.badtld"), "trail-dns", "domain", "badtld"),
    "domain expression": (lambda: ask("x.dga1234.test"), "trail-dns", "regex", "dga[0-9]{4}\\.test"),
    "domain over TCP": (lambda: http_flow(None, [struct.pack("!H", len(TCP_DNS)) + TCP_DNS], dport=53),
                        "trail-dns", "domain", "evil-domain.test"),
    "domain over TCP, split": (lambda: http_flow(None, split(struct.pack("!H", len(TCP_DNS)) + TCP_DNS, 1, 9), dport=53),
                               "trail-dns", "domain", "evil-domain.test"),
    "answer, A": (lambda: one(c.udp(THEM, 53, US, 40000, c.answer("fine.test", [(1, c.packed(BAD))]))), "trail-answer", "ip", BAD),
    "answer, AAAA": (lambda: one(c.udp(THEM, 53, US, 40000, c.answer("fine.test", [(28, c.packed(BAD6))], 28))),
                     "trail-answer", "ip", BAD6),
    "answer, CNAME": (lambda: one(c.udp(THEM, 53, US, 40000, c.answer("fine.test", [(5, c.dns_name("x.evil-domain.test"))]))),
                      "trail-answer", "domain", "evil-domain.test"),
    "host": (lambda: http_flow(REQUEST), "trail-host", "domain", "evil-domain.test"),
    "host, split": (lambda: http_flow(None, split(REQUEST, 2, 25, 40)), "trail-host", "domain", "evil-domain.test"),
    "host, reordered": (lambda: reordered(REQUEST), "trail-host", "domain", "evil-domain.test"),
    "host, the first segment second": (lambda: shuffled(split(REQUEST, 20), (1, 0)), "trail-host", "domain", "evil-domain.test"),
    "host, the first segment last": (lambda: shuffled(split(REQUEST, 20, 60), (1, 2, 0)), "trail-host", "domain", "evil-domain.test"),
    "host, backwards": (lambda: shuffled(split(REQUEST, 20, 40, 60), (3, 2, 1, 0)), "trail-host", "domain", "evil-domain.test"),
    "host, a later request's first segment second": (
        lambda: shuffled(split(REQUEST, 20), (1, 0), begun=False, before=c.http()), "trail-host", "domain", "evil-domain.test"),
    "host, numbers that run over": (lambda: shuffled(split(REQUEST, 20), (1, 0), first=(1 << 32) - 10), "trail-host", "domain",
                                    "evil-domain.test"),
    "server name, the first segment second": (lambda: shuffled(split(HELLO, 60), (1, 0), 443), "trail-sni", "domain", "evil-domain.test"),
    "server name, the first segment last": (lambda: shuffled(split(c.hello("evil-domain.test", pad=1800), 700, 1400), (2, 1, 0), 443),
                                            "trail-sni", "domain", "evil-domain.test"),
    "certificate, the first segment second": (lambda: shuffled(split(c.server_hello(CERT), 700), (1, 0), 443, way=0), "trail-certificate",
                                              "certificate", CERT_SHA1),
    "domain over TCP, the first segment second": (
        lambda: shuffled(split(struct.pack("!H", len(TCP_DNS)) + TCP_DNS, 9), (1, 0), 53), "trail-dns", "domain", "evil-domain.test"),
    "host, IPv6": (lambda: Capture().flow(US6, 4000, "2001:db8::9", 8080, [REQUEST]), "trail-host", "domain", "evil-domain.test"),
    "host alone": (lambda: http_flow(c.http(host="host-only.test")), "trail-url", "url", "host-only.test/"),
    "URL": (lambda: http_flow(c.http(host="urlhost.test", path="/gate/panel.php?id=77&x=1")), "trail-url", "url",
            "urlhost.test/gate/panel.php?id="),
    "URL, www and port": (lambda: http_flow(c.http(host="WWW.urlhost.test:8080", path="/gate/panel.php?id=7"), dport=8080),
                          "trail-url", "url", "urlhost.test/gate/panel.php?id="),
    "path": (lambda: http_flow(c.http(path="/lonely/path.php?q=1")), "trail-url", "path", "/lonely/path.php"),
    "host of a proxy's URL, user and password before it": (
        lambda: http_flow(c.http(path="http://u:p@evil-domain.test:81/x"), dport=3128), "trail-host", "domain", "evil-domain.test"),
    "host, in a SYN": (lambda: one(c.tcp(US, 40000, THEM, 80, SYN, REQUEST[:30]), c.tcp(US, 40000, THEM, 80, ACK, REQUEST[30:], seq=1031)),
                       "trail-host", "domain", "evil-domain.test"),
    "host expression": (lambda: http_flow(c.http(host="x.dga1234.test:8080"), dport=8080), "trail-host", "regex", "dga[0-9]{4}\\.test"),
    "expression of a path": (lambda: http_flow(c.http(path="/x/dga1234.test")), "trail-url", "regex", "dga[0-9]{4}\\.test"),
    "URL, whole": (lambda: http_flow(c.http(host="cand.test", path="/whole.php?a=1&b=2")), "trail-url", "url", "cand.test/whole.php?a=1&b=2"),
    "path, up to the first =": (lambda: http_flow(c.http(path="/to-equal.php?x=1&y=2")), "trail-url", "path", "/to-equal.php?x="),
    "path, values stripped": (lambda: http_flow(c.http(path="/stripped.php?a=1&b=2")), "trail-url", "path", "/stripped.php?a=&b="),
    "URL, values stripped": (lambda: http_flow(c.http(host="cand.test", path="/s.php?a=7&b=8")), "trail-url", "url", "cand.test/s.php?a=&b="),
    "path, last segment": (lambda: http_flow(c.http(path="/a/b/segment.php")), "trail-url", "path", "/segment.php"),
    "URL, last segment": (lambda: http_flow(c.http(host="cand.test", path="/a/b/last.php?q=1")), "trail-url", "url", "cand.test/last.php"),
    "path, directory": (lambda: http_flow(c.http(path="/some/directory/x.bin")), "trail-url", "path", "/some/directory"),
    "URL, directory": (lambda: http_flow(c.http(host="cand.test", path="/d1/d2/x.bin")), "trail-url", "url", "cand.test/d1/d2"),
    "path, the body as a query": (lambda: http_flow(c.http("POST", "/posted.php", body=b"cmd=id&x=1")), "trail-url", "path", "/posted.php?cmd="),
    "URL, the body as a query": (lambda: http_flow(c.http("POST", "/p.php", host="cand.test", body=b"cmd=id")), "trail-url", "url",
                                 "cand.test/p.php?cmd="),
    "path, POST": (lambda: http_flow(c.http("POST", "/lonely/path.php", body=b"a=1")), "trail-url", "path", "/lonely/path.php"),
    "address and path": (lambda: http_flow(c.http(host=None, path="/load.sh"), dst="198.18.3.3"), "trail-url", "url",
                         "198.18.3.3/load.sh"),
    "user agent": (lambda: http_flow(c.http(agent="evilbot/3 (x)")), "trail-agent", "user-agent", "EvilBot/\\d"),
    "server name": (lambda: http_flow(HELLO, dport=443), "trail-sni", "domain", "evil-domain.test"),
    "server name, split": (lambda: http_flow(None, split(HELLO, 3, 60), dport=443), "trail-sni", "domain", "evil-domain.test"),
    "server name, records": (lambda: http_flow(c.hello("evil-domain.test", records=3), dport=443), "trail-sni", "domain",
                             "evil-domain.test"),
    "server name, large": (lambda: http_flow(None, split(c.hello("evil-domain.test", pad=1800), 1400), dport=443), "trail-sni",
                           "domain", "evil-domain.test"),
    "server name, IPv6": (lambda: Capture().flow(US6, 4000, "2001:db8::9", 443, [HELLO]), "trail-sni", "domain", "evil-domain.test"),
    "server name, QUIC": (lambda: quic(HELLO), "trail-sni", "domain", "evil-domain.test"),
    "server name, QUIC version 2": (lambda: quic(HELLO, version=0x6b3343cf), "trail-sni", "domain", "evil-domain.test"),
    "server name, QUIC in three datagrams": (lambda: quic(c.hello("evil-domain.test", pad=1800), 700, 1400), "trail-sni", "domain",
                                             "evil-domain.test"),
    "server name, QUIC reordered": (lambda: quic(c.hello("evil-domain.test", pad=1800), 700, 1400, order=(2, 0, 1)), "trail-sni",
                                    "domain", "evil-domain.test"),
    "server name, QUIC over IPv6": (lambda: quic(HELLO, src=US6, dst="2001:db8::9"), "trail-sni", "domain", "evil-domain.test"),
    "JA4, QUIC": (lambda: quic(c.hello("fine.test")), "trail-ja4", "ja4", ja4("q")),
    "certificate": (lambda: served(c.server_hello(CERT)), "trail-certificate", "certificate", CERT_SHA1),
    "certificate, split": (lambda: served(c.server_hello(CERT, records=2), 500, 900), "trail-certificate", "certificate", CERT_SHA1),
    "domain of other script": (lambda: ask("a.xn--bcher-bse-67a3d.test"), "trail-dns", "domain", "xn--bcher-bse-67a3d.test"),
    "host of other script": (lambda: http_flow(c.http(host="BÜCHER-böse.test")), "trail-host", "domain", "xn--bcher-bse-67a3d.test"),
    "URL of other script": (lambda: http_flow(c.http(host="xn--bcher-url-q9a.test", path="/x.php")), "trail-url", "url",
                            "xn--bcher-url-q9a.test/x.php"),
    "JA3": (lambda: http_flow(c.hello("fine.test"), dport=443), "trail-ja3", "ja3", JA3),
    "JA4": (lambda: http_flow(c.hello("fine.test"), dport=443), "trail-ja4", "ja4", ja4()),
}
US6 = "2001:db8::1"


@pytest.mark.parametrize("name", CASES)
def test_what_is_listed_is_found(name, trails, tmp_path):
    make, rule, kind, trail = CASES[name]
    rows = found(make().save(tmp_path / "x.pcap"), "--trails", trails)
    assert (rule, kind, trail) in [(r["rule"], r["kind"], r["trail"]) for r in rows], rows
    assert len({r["trail"] for r in rows}) == len(rows), "one thing is told once"


def broken_quic():
    cap = quic(HELLO)
    data = bytearray(cap.packets[0][1])
    data[200] ^= 1
    cap.packets[0] = (cap.packets[0][0], bytes(data))
    return cap


QUIET = {
    "QUIC that is not sealed by its id": broken_quic,
    "another certificate": lambda: served(c.server_hello(CERT + b"x")),
    "a certificate that nobody sees": lambda: served(c.server_hello()),
    "a name that only ends alike": lambda: ask("notevil-domain.test"),
    "a name that only begins alike": lambda: ask("evil-domain.test.example.org"),
    "another port": lambda: one(c.tcp(US, 40000, "198.18.7.7", 4445)),
    "beside a network": lambda: one(c.tcp(US, 40000, "203.0.114.1", 443)),
    "another path": lambda: http_flow(c.http(host="urlhost.test", path="/gate/panel.phpx?id=77")),
    "a URL's host asked for": lambda: ask("host-only.test"),
    "802.11 that is encrypted": lambda: one(wifi(INNER, protected=True), link=c.WIFI),
    "PPP that is no IP": lambda: one(b"\xff\3\xc0\x21" + INNER, link=c.PPP),
    "padding behind a packet": lambda: one(c.ether(c.udp(US, 40000, THEM, 9, b"")) + b"GET / HTTP/1.1\r\nHost: evil-domain.test\r\n\r\n"),
    "no packet": lambda: one(c.ether(b"\0\1\x08\0\6\4\0\1" + b"\0" * 20, ethertype=0x806)),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_is_not_listed_is_not_found(name, trails, tmp_path):
    assert found(QUIET[name]().save(tmp_path / "x.pcap"), "--trails", trails) == []


def test_a_line_has_all_that_is_promised(trails, tmp_path):
    cap = Capture(start=1_700_000_000.25)
    cap.add(c.tcp(US, 1, THEM, 2), 0).add(c.tcp(US, 40000, BAD, 443), 0.5)
    rows = found(cap.save(tmp_path / "x.pcap"), "--trails", trails)
    path = str(trails / "malware" / "apt_test.txt")
    assert rows == [{
        "time": "2023-11-14T22:13:20.750000Z", "rule": "trail-address", "kind": "ip", "trail": BAD, "info": "apt test (malware)",
        "source": US, "source_port": 40000, "destination": BAD, "destination_port": 443, "protocol": "tcp", "packet": 2,
        "severity": "medium", "reference": "(static)", "citation": "https://example.org/one https://example.org/two",
        "file": path, "line": 5}]
    p = replay(tmp_path / "x.pcap", "--trails", trails)
    assert p.returncode == 1 and BAD in p.stdout and "2 packets, 1 findings" in p.stderr
    data = json.loads(replay(tmp_path / "x.pcap", "--trails", trails, "-o", "json").stdout)
    assert data["schema_version"] == 1 and data["findings"] == rows and data["packets"] == 2


HOST = socket.gethostname()
FORMS = {
    "ecs": lambda line: {"@timestamp": "2023-11-14T22:13:20.750000Z", "rule": {"name": "trail-address", "category": "ip"},
                         "threat": {"indicator": {"name": BAD, "description": "a|b=c \"q\""},
                                    "feed": {"name": "a|b=c \"q\"", "reference": "x.example"}},
                         "source": {"ip": US, "port": 40000}, "destination": {"ip": BAD, "port": 443}, "network": {"transport": "tcp"},
                         "host": {"hostname": HOST}}.items() <= json.loads(line).items(),
    "ocsf": lambda line: {"class_uid": 2004, "type_uid": 200401, "severity_id": 3, "time": 1700000000750, "evidences": [
        {"src_endpoint": {"ip": US, "port": 40000}, "dst_endpoint": {"ip": BAD, "port": 443}, "connection_info": {"protocol_name": "tcp"}}],
        "device": {"hostname": HOST}}.items() <= json.loads(line).items(),
    "cef": lambda line: line.startswith("CEF:0|sockwarden|sockwarden|") and line.endswith(
        f'|trail-address|a\\|b=c "q"|5|rt=1700000000750 src={US} spt=40000 dst={BAD} dpt=443 proto=tcp dvchost={HOST} cnt=1 '
        f'cs1Label=trail cs1={BAD} cs2Label=list cs2=a|b\\=c "q"'),
    "syslog": lambda line: line == f'<28>1 2023-11-14T22:13:20.750000Z {HOST} sockwarden - trail-address - a|b=c "q" source={US} '
                                   f'destination={BAD} protocol=tcp trail={BAD} list=a|b=c "q"',
    "maltrail": lambda line: line == f'"2023-11-14 22:13:20.750000" {HOST} {US} 40000 {BAD} 443 TCP IP {BAD} "a|b=c ""q""" x.example',
}


@pytest.mark.parametrize("form", FORMS)
def test_a_finding_is_a_line_of_another_tools_form(form, tmp_path):
    (tmp_path / "t.csv").write_text(f'trail,info,reference\n{BAD},"a|b=c ""q""",x.example\n')
    cap = Capture(start=1_700_000_000.25).add(c.tcp(US, 40000, BAD, 443), 0.5)
    p = replay(cap.save(tmp_path / "x.pcap"), "--trails", tmp_path / "t.csv", "--form", form)
    assert p.returncode == 1 and p.stdout.count("\n") == 1 and FORMS[form](p.stdout.rstrip("\n")), p.stdout


def test_a_form_that_nobody_has_is_refused(tmp_path):
    p = replay(one(c.tcp(US, 1, THEM, 2)).save(tmp_path / "x.pcap"), "--form", "oscf")
    assert p.returncode == 2 and "did you mean 'ocsf'" in p.stderr and not p.stdout


def test_malware_wins_over_malicious_and_a_root_file_has_no_class(trails, tmp_path):
    cap = one(c.udp(US, 1, THEM, 53, c.question("evil-domain.test")), c.udp(US, 2, THEM, 53, c.question("only-malicious.test")),
              c.tcp("198.18.200.1", 1, US, 22))
    rows = found(cap.save(tmp_path / "x.pcap"), "--trails", trails)
    assert [r["info"] for r in rows] == ["apt test (malware)", "both (malicious)", "mass scanner"]


def test_a_csv_gives_info_and_reference(tmp_path):
    (tmp_path / "t.csv").write_text(f'trail,info,reference\n{BAD},"bad, ""very""",source.example\nevil-domain.test,domain,\n')
    cap = one(c.tcp(US, 40000, BAD, 443), c.udp(US, 1, THEM, 53, c.question("evil-domain.test")))
    rows = found(cap.save(tmp_path / "x.pcap"), "--trails", tmp_path / "t.csv")
    assert [(r["info"], r["reference"], r["line"]) for r in rows] == [('bad, "very"', "source.example", 2), ("domain", "(custom)", 3)]


def test_pcapng_and_nanoseconds_are_read(trails, tmp_path):
    cap = one(c.tcp(US, 40000, BAD, 443))
    a = found(cap.save(tmp_path / "x.pcap"), "--trails", trails)
    assert a == found(cap.save_ng(tmp_path / "x.pcapng"), "--trails", trails)
    assert a == found(cap.save(tmp_path / "n.pcap", nano=True), "--trails", trails)


def test_what_cannot_be_read_to_its_end_is_counted(tmp_path):
    deep = INNER
    for _ in range(5):
        deep = c.ip(US, THEM, 4, deep)
    cap = one(deep, c.udp(US, 4000, THEM, 53, b"\0\7\1\0\0\1\0\0\0\0\0\0\5ab"), c.udp(THEM, 53, US, 4000, c.answer("a.test", [(1, b"")])[:-3]),
              c.tcp(US, 4000, THEM, 80, ACK, b"GET  HTTP/1.1\r\n\r\n"), c.tcp(US, 4000, THEM, 443, ACK, b"\x16\3\1\0\5\1\0\0\1\0"))
    p = replay(cap.save(tmp_path / "x.pcap"))
    assert p.returncode == 0 and "5 messages could not be read to their end" in p.stderr, p.stderr


def test_a_capture_that_breaks_off_is_told_and_what_was_read_counts(trails, tmp_path):
    cap = one(c.tcp(US, 40000, BAD, 443), c.tcp(US, 40001, THEM, 443))
    path = cap.save(tmp_path / "x.pcap")
    with open(path, "r+b") as f:
        f.truncate(os.path.getsize(path) - 5)
    p = replay(path, "--trails", trails, "-o", "jsonl")
    assert p.returncode == 7 and json.loads(p.stdout)["packet"] == 1 and "after packet 1" in p.stderr


@pytest.mark.parametrize("content", [b"", b"not a capture at all, whatever its name", struct.pack("<I", 0xa1b2c3d4)])
def test_a_foreign_file_is_refused(content, tmp_path):
    (tmp_path / "x.pcap").write_bytes(content)
    p = replay(tmp_path / "x.pcap")
    assert p.returncode == 7 and "x.pcap" in p.stderr and p.stdout == ""


def test_usage_is_told(tmp_path):
    p = replay(tmp_path / "none.pcap")
    assert p.returncode == 2 and not p.stdout and "none.pcap: cannot open it: No such file" in p.stderr
    cap = one(c.tcp(US, 1, THEM, 2)).save(tmp_path / "x.pcap")
    assert replay(cap, "--trails", tmp_path / "none").returncode == 2
    (tmp_path / "empty").mkdir()
    assert replay(cap, "--trails", tmp_path / "empty").returncode == 2
    assert replay(cap).returncode == 0
    link = Capture(c.FDDI).add(b"\0" * 40).save(tmp_path / "fddi.pcap")
    p = replay(link)
    assert p.returncode == 7 and "link type" in p.stderr


def block(kind, data):
    data += b"\0" * (-len(data) % 4)
    return struct.pack("<II", kind, len(data) + 12) + data + struct.pack("<I", len(data) + 12)


def test_a_capture_of_two_link_types_is_refused_by_name_and_reason(tmp_path):
    path = tmp_path / "two.pcapng"
    path.write_bytes(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", c.RAW, 0, 0)) +
                     block(1, struct.pack("<HHI", c.ETHER, 0, 0)) + block(6, struct.pack("<IIIII", 0, 0, 0, len(INNER), len(INNER)) + INNER))
    p = replay(path)
    assert p.returncode == 7 and not p.stdout and str(path) in p.stderr and "different from the type of the first interface" in p.stderr


def test_it_needs_no_privilege_and_no_daemon(trails, tmp_path):
    cap = one(c.tcp(US, 40000, BAD, 443)).save(tmp_path / "x.pcap")
    for d in (tmp_path, *tmp_path.parents[:2], trails):
        d.chmod(d.stat().st_mode | 0o755)
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", CLI,
            "--run-dir", "/nonexistent", "replay", "-", "--trails", trails, "-o", "jsonl"]
    with open(cap, "rb") as f:
        p = subprocess.run([*map(str, argv)], stdin=f, capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 1 and json.loads(p.stdout)["trail"] == BAD, p


def test_progress_of_what_comes_in_is_told_on_a_terminal(tmp_path):
    with open(one(*[c.udp(US, 1, THEM, 9)] * 1000).save(tmp_path / "x.pcap"), "rb") as f:
        head, packets = f.read(24), f.read()
    master, slave = os.openpty()
    seen = b""
    with subprocess.Popen([CLI, "replay", "-"], stdin=subprocess.PIPE, stderr=slave, stdout=subprocess.DEVNULL) as p:
        os.close(slave)
        p.stdin.write(head)
        while b" packets" not in seen:  # it begins after a second
            p.stdin.write(packets)
            if select.select([master], [], [], 0)[0]:
                seen += os.read(master, 4096)
        p.stdin.close()
    os.close(master)
    assert re.match(rb"\r\d+ packets", seen), seen


def test_only_replay_needs_libpcap_and_says_so(tmp_path):
    path = tmp_path / "x.pcap"
    ask("x.test").save(path)
    hidden = 'for f in /usr/lib/*/libpcap.so.*; do mount --bind /dev/null "$(realpath "$f")"; done; exec "$0" "$@"'
    run = lambda *argv: subprocess.run(["unshare", "-m", "sh", "-c", hidden, CLI, *map(str, argv)], capture_output=True, text=True,  # noqa: E731
                                       timeout=60, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    p = run("replay", path)
    assert p.returncode not in (0, 1) and "libpcap, which reads captures, cannot be loaded" in p.stderr, p
    assert run("--version").returncode == 0
