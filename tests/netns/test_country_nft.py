# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules over countries where the packet program is not: nftables holds them, as its listing shows and packets find."""
import ipaddress
import json
import signal
import sys

import pytest

from lab import Lab
from mmdb import asn, country, database
from test_countries import write
from test_country_rules import in_force, says

CONFIG = """mode: {mode}
interfaces:
  - none0
egress: {egress}
bans:
  backends:
    - xdp
    - nftables
countries:
  file: {dir}/country.mmdb
  asn_file: {dir}/asn.mmdb
  rules:
{rules}"""


# A server of datagrams that answers; a client that is not connected, of which conntrack alone knows what it asked.
ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
print(s.getsockname()[1], flush=True)
s.sendto(*s.recvfrom(9))
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
s.settimeout(5)
s.sendto(b"x", (sys.argv[2], int(sys.argv[3])))
print("answered" if s.recvfrom(9)[0] == b"x" else "wrong")
"""


def configure(lab, rules, mode="enforce", egress="drop"):
    lab.write_config(CONFIG.format(dir=lab.dir, mode=mode, egress=egress, rules="".join(f"    - {r}\n" for r in rules)))


def write_databases(lab, kp="KP"):
    kp, no = country(kp, "Somewhere"), country("NO", "Norway")
    write(lab, "country.mmdb", database([(lab.attacker + "/32", kp), (lab.attacker6 + "/128", kp), (lab.others[0] + "/32", no),
                                         (lab.others[1] + "/32", no)], link=["::ffff:0:0/96"]))
    write(lab, "asn.mmdb", database([(lab.others[1] + "/32", asn(64500, "Example Net"))], ip_version=4))


def reload(lab, *rules, **more):
    """Without any first, so that what is listed then are the new ones."""
    for now in [(), rules] if rules else [()]:
        configure(lab, now, **more)
        lab.daemon.send_signal(signal.SIGHUP)
        lab.wait(lambda: bool(rules_listed(lab)) == bool(now), 5, "the rules are in nftables, or gone")


def listing(lab):
    out = lab.on_host("nft", "-j", "list", "table", "inet", "sockwarden", check=True).stdout
    return [(kind, what) for row in json.loads(out)["nftables"] for kind, what in row.items()]


def rules_listed(lab):
    """(chain, comment, packets dropped) of each rule of a country, in order."""
    return [(r["chain"], r["comment"], next(e["counter"]["packets"] for e in r["expr"] if "counter" in e))
            for kind, r in listing(lab) if kind == "rule" and r.get("comment", "").startswith("country rule")]


def next_address(address):
    return str(ipaddress.ip_address(address) + 1)


def elements(lab, name):
    """Of the set in either bank: what is put in beside it is asked by nobody yet, and what was before is gone."""
    rows = listing(lab)
    name += "b" if f'"@{name}b"' in json.dumps(rows) else ""
    return [s.get("elem", []) for kind, s in rows if kind == "set" and s["name"] == name][0]


@pytest.fixture(scope="module")
def started():
    with Lab(nets=2) as lab:
        lab.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", check=True)
        lab.attack("ip", "route", "add", "198.18.1.0/24", "via", lab.host, check=True)
        lab.attack("ip", "route", "add", "198.18.0.0/24", "via", "198.18.1.1", ns=lab.ns_b, check=True)
        write_databases(lab)
        configure(lab, ["{countries: [KP], ports: tcp/1}"])
        lab.start()
        lab.wait(lambda: in_force(lab), 5, "the rules are in force")
        yield lab


def test_only_a_country_may_reach_a_port_by_both_families(started):
    lab = started
    port, other = lab.listen(address="::")[0], lab.listen(address="::")[0]
    reload(lab, f"{{countries: [NO], ports: tcp/{port}, action: allow-only}}", mode="observe")
    assert lab.connect(port) == {port: "open"}, "observing drops nothing"
    lab.cli("arm")
    assert lab.connect(port, other) == {port: "silent", other: "open"}
    assert lab.connect(port, other, target=lab.host6) == {port: "silent", other: "open"}
    assert lab.connect(port, source=lab.others[0]) == {port: "open"}
    assert [(c, t, n > 0) for c, t, n in rules_listed(lab)] == [("geo_in_tcp", "country rule 1", True)] * 2
    lab.ok("allow", "add", lab.attacker)
    assert lab.connect(port) == {port: "open"}, "the allow list wins"
    lab.ok("allow", "remove", lab.attacker)
    assert lab.connect(port) == {port: "silent"}
    lab.cli("off", "--observe")
    assert lab.connect(port) == {port: "open"}


def test_what_is_listed_is_what_the_rules_say(started):
    lab = started
    reload(lab, "{countries: [KP], ports: [tcp/22, 'tcp/6000-6063', udp/53]}", "{countries: [AQ, KP], direction: out, ports: udp}",
           "{countries: [NO], action: observe}")
    text = lab.on_host("nft", "list", "table", "inet", "sockwarden", check=True).stdout
    drop = "@geo{}_4 counter packets 0 bytes 0 drop comment \"country rule {}\""
    for want in ("tcp dport 22 ip saddr " + drop.format(1, 1), "tcp dport 6000-6063 ip saddr " + drop.format(1, 1),
                 "udp dport 53 ip saddr " + drop.format(1, 1), "meta l4proto udp ip daddr " + drop.format(2, 2), "tcp flags syn / syn,ack jump geo_in_tcp"):
        assert want in text, (want, text)
    assert elements(lab, "geo1_4") == elements(lab, "geo2_4") == [lab.attacker]
    assert elements(lab, "geo1_6") == [lab.attacker6]
    assert not [s for kind, s in listing(lab) if kind == "set" and s["name"] == "geo3_4"], "what only observes is not here"
    reload(lab, "{countries: [NO], action: allow-only}")
    assert {"range": ["172.32.0.0", "192.167.255.255"]} in elements(lab, "geo1_4"), "what no country has is not let in; private networks are"
    assert elements(lab, "geo1_4")[-1] == {"range": [next_address(lab.others[1]), "223.255.255.255"]}
    assert {"prefix": {"addr": "fe00::", "len": 9}} in elements(lab, "geo1_6")
    reload(lab)
    assert "geo" not in lab.on_host("nft", "list", "table", "inet", "sockwarden", check=True).stdout, "conntrack is not turned on for nothing"


def test_datagrams_but_not_answers_pings_and_what_is_forwarded(started):
    lab = started
    udp = lab.listen(kind="udp")[0]
    reload(lab, "{countries: [KP]}")
    lab.cli("arm")
    assert lab.ping() == 0 and lab.ping(target=lab.host6, source=lab.attacker6) == 0 and lab.ping(source=lab.others[0]) == 3
    lab.attack("bash", "-c", f"echo x > /dev/udp/{lab.host}/{udp}", check=True)
    counts = {c: n for c, _, n in rules_listed(lab) if n}
    assert counts["geo_in_udp"] == 1 and counts["geo_in_other"] == 3, counts
    echo = lab.spawn(sys.executable, "-c", ECHO, lab.attacker, on_host=False)
    assert says(lab, sys.executable, "-c", ASK, lab.host, lab.attacker, echo.stdout.readline()) == "answered\n"
    assert lab.ping(source=lab.attacker, target=lab.attacker_b) == 0, "what is forwarded came in"
    assert lab.ping(source=lab.attacker_b, target=lab.attacker, ns=lab.ns_b) == 3, "an answer is no beginning"
    reload(lab, "{countries: [KP], direction: out}")
    assert lab.ping(source=lab.attacker_b, target=lab.attacker, ns=lab.ns_b) == 0
    assert lab.ping() == 3
    lab.cli("off", "--observe")


def test_what_goes_out_is_dropped_unless_egress_says_otherwise(started):
    lab = started
    reload(lab, "{countries: [KP], direction: out}")
    lab.cli("arm")
    before = sum(n for _, _, n in rules_listed(lab))
    assert "100% packet loss" in says(lab, "ping", "-c", "1", "-W", "1", "-I", lab.host, lab.attacker)
    assert "100% packet loss" in says(lab, "ping", "-c", "1", "-W", "1", "-I", lab.host6, lab.attacker6)
    assert sum(n for _, _, n in rules_listed(lab)) >= before + 2
    configure(lab, ["{countries: [KP], direction: out}"], egress="observe")
    lab.daemon.send_signal(signal.SIGHUP)
    lab.wait(lambda: not rules_listed(lab), 5, "nothing that goes out is dropped")
    assert " 0% packet loss" in says(lab, "ping", "-c", "1", "-W", "1", "-I", lab.host, lab.attacker)
    reload(lab)
    lab.cli("off", "--observe")


@pytest.mark.parametrize("harm", ["delete element inet sockwarden geo1_4 {{ {attacker} }}", "flush chain inet sockwarden geo_in_tcp",
                                  "flush chain inet sockwarden geo_prerouting", "flush ruleset"])
def test_what_somebody_else_changes_is_put_back(started, harm):
    lab = started
    port = lab.listen()[0]
    reload(lab, f"{{countries: [KP], ports: tcp/{port}}}")
    lab.cli("arm")
    assert lab.connect(port) == {port: "silent"}
    before = repairs(lab)
    lab.on_host("nft", harm.format(attacker=lab.attacker), check=True)
    lab.wait(lambda: repairs(lab) == before + 1, 5, "it is put right, and said")
    assert lab.connect(port) == {port: "silent"}
    assert elements(lab, "geo1_4") == [lab.attacker]
    lab.cli("off", "--observe")


def repairs(lab):
    return [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"]


def test_another_database_another_guard_and_a_dead_one(started):
    lab = started
    port = lab.listen()[0]
    reload(lab, f"{{countries: [KP], ports: tcp/{port}}}")
    lab.cli("arm")
    assert lab.connect(port) == {port: "silent"}
    write_databases(lab, kp="SE")
    lab.wait(lambda: not elements(lab, "geo1_4"), 10, "the new database is in force")
    assert lab.connect(port) == {port: "open"}
    write_databases(lab)
    lab.wait(lambda: elements(lab, "geo1_4") == [lab.attacker], 10, "and the one from before again")
    lab.kill_all()
    assert lab.connect(port) == {port: "silent"}, "it drops while nothing runs"
    lab.start()
    assert lab.connect(port) == {port: "silent"}
    assert len(rules_listed(lab)) == 2
    lab.cli("off", "--observe")
