# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules over countries and systems by port and direction, from the file to packets that pass or do not."""
import os
import signal

from lab import Lab
from mmdb import asn, country, database
from test_countries import write
from test_egress import findings
from test_forward import router  # noqa: F401, a fixture
from test_page import curl, root_of

# The outside of the lab: the attacker is from KP, others[0] from NO, others[1] from NO by system 64500.
KP4, KP6 = "198.18.0.66", "2001:db8:0:1::66"


def nets(lab, kp=None):
    kp = kp or country("KP", "North Korea")
    return [(lab.attacker + "/32", kp), (lab.others[0] + "/32", country("NO", "Norway")),
            (lab.others[1] + "/32", country("NO", "Norway")), (lab.attacker6 + "/128", kp)]


def rules_of(lab):
    return lab.cli_json("trails", "stats")["country_rules"]


def in_force(lab):
    return lab.cli_json("status")["country_rules"]["in_force"]


def start(lab, text, mode="enforce", web="false"):
    path = write(lab, "country.mmdb", database(nets(lab), link=["::ffff:0:0/96"]))
    systems = write(lab, "asn.mmdb", database([(lab.others[1] + "/32", asn(64500, "Example Net"))], ip_version=4))
    lab.write_config(f"mode: {mode}\nweb:\n  enabled: {web}\n  port: 0\ncountries:\n  file: {path}\n  asn_file: {systems}\n  rules:\n{text}")
    lab.start()
    lab.wait(lambda: in_force(lab), 5, "the rules are in force")


def says(lab, *argv):
    """What a process of the host prints of its fate."""
    p = lab.spawn(*argv)
    p.wait(10)
    return p.stdout.read()


def test_only_a_country_may_reach_a_port_by_both_families():
    with Lab() as lab:
        port, other = lab.listen(address="::")[0], lab.listen(address="::")[0]
        start(lab, f"    - {{countries: [NO], ports: tcp/{port}, action: allow-only}}\n", mode="observe", web="true")
        assert lab.connect(port) == {port: "open"} and rules_of(lab)[0]["packets"] == 1, "observing counts, and drops nothing"
        assert lab.cli("arm")[0] in (0, 6)
        assert lab.connect(port, other) == {port: "silent", other: "open"}
        assert lab.connect(port, other, target=lab.host6) == {port: "silent", other: "open"}
        assert lab.connect(port, source=lab.others[0]) == {port: "open"}
        rule, = rules_of(lab)
        assert rule["text"] == f"only NO may come in to tcp/{port}" and rule["known"]
        assert rule["dropped"] == rule["packets"] - 1 == lab.counter("country-in", "dropped") > 1
        assert "country rule 1 means it: only NO may come in" in lab.cli("why", lab.attacker)[1]
        assert "country rule" not in lab.cli("why", lab.others[0])[1]
        text = curl(lab, root_of(lab) + "/metrics").stdout
        assert f'sockwarden_country_rule_dropped_total{{rule="1"}} {rule["dropped"]}' in text
        assert "1 rule over countries" in lab.cli("status")[1]
        assert "country rule 1" in lab.cli("events", "--last", "50")[1]
        lab.ok("allow", "add", lab.attacker)
        assert lab.connect(port) == {port: "open"}, "the allow list wins"
        lab.ok("allow", "remove", lab.attacker)
        assert lab.connect(port) == {port: "silent"}


def test_ranges_systems_and_datagrams():
    with Lab() as lab:
        first = lab.listen()[0]
        udp = lab.listen(kind="udp")[0]
        start(lab, f"    - {{systems: AS64500, ports: 'tcp/{first - 1}-{first}'}}\n"
                   f"    - {{countries: KP, ports: [udp/{udp}, udp/{udp + 1}]}}\n"
                   f"    - {{countries: KP, ports: tcp/{first}, action: observe}}\n")
        assert lab.connect(first, source=lab.others[1]) == {first: "silent"}
        assert lab.connect(first, source=lab.others[0]) == {first: "open"}
        assert lab.connect(first) == {first: "open"}
        lab.attack("bash", "-c", f"for i in 1 2 3; do echo x > /dev/udp/{lab.host}/{udp}; done", check=True)
        lab.wait(lambda: [r["dropped"] for r in rules_of(lab)][1] == 3, 5, "datagrams are dropped")
        seen = rules_of(lab)
        assert seen[0]["dropped"] >= 1 and (seen[2]["packets"], seen[2]["dropped"]) == (1, 0)
        assert lab.ping() == 3, "a rule of ports says nothing of pings"


def test_what_this_host_begins_is_refused_and_what_it_answers_is_not():
    with Lab() as lab:
        open_port = lab.listen(address="::")[0]
        start(lab, "    - {countries: [KP], direction: out}\n")
        assert lab.connect(open_port) == {open_port: "open"}, "who comes in may"
        assert lab.connect(open_port, target=lab.host6) == {open_port: "open"}
        for to, own in ((lab.attacker, lab.host), (lab.attacker6, lab.host6)):
            assert "not permitted" in says(lab, "bash", "-c", f"echo > /dev/tcp/{to}/9")
            # with its own address given it does not connect first, so that a packet is what is refused
            assert "100% packet loss" in says(lab, "ping", "-c", "1", "-W", "1", "-I", own, to)
        assert "refused" in says(lab, "bash", "-c", f"echo > /dev/tcp/{lab.others[0]}/9"), "another country answers"
        assert rules_of(lab)[0]["dropped"] >= 4
        lab.wait(lambda: [f for f in findings(lab, "country-connect") if f["process"] == "bash" and "country rule 1" in f["title"]],
                 5, "the process is named")
        lab.wait(lambda: findings(lab, "country-egress"), 5, "the packet that was refused is told")


def test_what_is_forwarded_is_judged_both_ways(router):  # noqa: F811
    lab = router
    lab.stop()
    start(lab, "    - {countries: [KP], direction: out}\n")
    assert lab.ping(source=lab.attacker_b, target=lab.attacker, ns=lab.ns_b) == 0
    assert lab.ping(source="2001:db8:0:2::66", target=lab.attacker6, ns=lab.ns_b) == 0
    assert lab.ping(source=lab.attacker_b, target=lab.others[0], ns=lab.ns_b) == 3
    assert lab.counter("country-out", "dropped") == 6
    assert lab.ping(target=lab.attacker_b, source=lab.attacker) == 3, "an answer is no beginning"


def test_a_database_that_breaks_or_goes_leaves_the_rules_before():
    with Lab() as lab:
        port = lab.listen()[0]
        start(lab, f"    - {{countries: [KP], ports: tcp/{port}}}\n")
        assert lab.connect(port) == {port: "silent"}
        good = database(nets(lab))
        write(lab, "country.mmdb", good[:200])

        def said():
            return [d for d in lab.cli_json("status")["degraded"] if "rules over countries" in d]

        assert "those from before stay in force" in lab.wait(said, 5, "the broken file is told")[0]
        assert lab.connect(port) == {port: "silent"}
        assert "country rule 1" in lab.cli("why", lab.attacker)[1]
        lab.kill("sockwarden-engine")
        lab.wait(lambda: "from before" in "".join(said()), 20, "the engine is back, and says so")
        assert lab.connect(port) == {port: "silent"}, "what is in the kernel stays"
        write(lab, "country.mmdb", database(nets(lab, country("SE", "Sweden")) + [("198.18.7.0/24", country("KP", ""))]))
        lab.wait(lambda: lab.connect(port) == {port: "open"}, 5, "the new database is in force")
        assert not said()
        write(lab, "country.mmdb", good)
        lab.wait(lambda: lab.connect(port) == {port: "silent"}, 5, "and the one from before again")
        lab.write_config("mode: enforce\n")
        lab.daemon.send_signal(signal.SIGHUP)
        lab.wait(lambda: lab.connect(port) == {port: "open"}, 5, "without rules nothing is asked")
        assert lab.cli_json("status")["country_rules"]["networks"] == 0


def test_an_allow_only_rule_of_what_no_database_has_shuts_nobody_out():
    with Lab() as lab:
        port = lab.listen()[0]
        path = write(lab, "country.mmdb", database(nets(lab)))
        lab.write_config(f"mode: enforce\ncountries:\n  file: {path}\n  rules:\n    - {{countries: [SE], ports: {port}, action: allow-only}}\n")
        lab.start()
        lab.wait(lambda: any("let in nobody" in d for d in lab.cli_json("status")["degraded"]), 5, "it is told")
        assert lab.connect(port) == {port: "open"} and not in_force(lab)


def test_wrong_rules_are_errors_that_name_the_place(lab):
    head = "countries:\n  file: /x.mmdb\n  rules:\n    - "
    for text, want in (("{countries: [UK]}", "countries.rules[1]: 'UK' is not a country code"), ("{ports: tcp/22}", "wants countries, systems, or both"),
                       ("{countries: KP, ports: tcp/0}", "'tcp/0' is not a port"), ("{countries: KP, ports: [22-20]}", "'22-20' is not a port"),
                       ("{countries: KP, ports: tcpx}", "'tcpx' is not a port"), ("{countries: KP, port: 22}", "did you mean 'ports'?"),
                       ("{systems: 64500}", "countries.asn_file names no database"), ("{countries: KP, direction: up}", "direction"),
                       ("{systems: [AS0]}", "not the number of an autonomous system"), ("{countries: {a: b}}", "not a section"), ("KP", "a rule wants")):
        lab.write_config(head + text + "\n")
        code, _, err = lab.cli("config", "check", os.path.join(lab.dir, "sockwarden.yaml"))
        assert code == 5 and want in err, (text, code, err)
    lab.write_config(head + "{countries: [kp, NO], systems: , ports: [tcp/22, 53], action: allow-only}\n")
    assert lab.cli("config", "check", os.path.join(lab.dir, "sockwarden.yaml"))[0] == 0
