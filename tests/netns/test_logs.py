# SPDX-License-Identifier: GPL-3.0-or-later
"""From a line in a log to a ban: the real daemon, real files in a /var/log of the lab's own."""
import json
import os
import re
import subprocess
import sys
import time

import pytest
from lab import ROOT, Lab
from test_cli_offline import SWATCH
from test_report import mails, sendmail

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
import debs  # noqa: E402

RULE = """  - name: {name}
    about: a service of the test's own
    files: ["/var/log/{name}*.log"]
    threshold: {threshold}
    action: {action}
    proven: {proven}
    match: ['{match}']
"""
DENIED = r"^\s*denied <F-USER>\S*</F-USER> from <ADDR>$"
FORWARDED = r"^\s*denied <ADDR> <F-FORWARDED>.*</F-FORWARDED>$"
NAMES = ("web", "six", "turn", "pardon", "owner", "injected", "behind", "link", "nat")
PROXIES = "mode: enforce\ntrusted_proxies:\n  - 198.19.77.0/24\n"


def rule(name, threshold="3 in 10m", action="ban", proven="true", match=DENIED):
    return RULE.format(name=name, threshold=threshold, action=action, proven=proven, match=match)


JOURNAL = """  - name: journal
    about: a service that writes to the journal alone
    journal: ["SYSLOG_IDENTIFIER=jweb PRIORITY=4", "SYSLOG_IDENTIFIER=jother"]
    threshold: 3 in 10m
    action: ban
    match: ['^\\S+ j(web|other)\\[\\d+\\]: denied <F-USER>\\S*</F-USER> from <ADDR>$']
"""
RULES = "rules:\n" + JOURNAL + "".join(map(rule, NAMES)) + rule("datagrams", 1, proven="false") + rule("dry", 1, "observe") + \
    rule("bomb", 1, match=r"^\s*x(a|aa)+b <ADDR>$") + rule("proxied", match=FORWARDED) + \
    rule("logins") + "    success: ['^\\s*welcome <F-USER>\\S+</F-USER> from <ADDR>$']\n"


def make(config="mode: enforce\n", rules=RULES, lab=None):
    if not lab:
        lab = Lab()
        lab.__enter__()
    try:
        lab.write_config(config)
        os.mkdir(os.path.join(lab.dir, "rules.d"), 0o755)
        with open(os.path.join(lab.dir, "rules.d", "own.yaml"), "w", encoding="utf-8") as f:
            f.write(rules)
        lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        lab.wait(lambda: lab.cli_json("status")["listeners"] is not None, 15, "the engine answers")
    except BaseException:
        lab.__exit__(None, None, None)
        raise
    return lab


@pytest.fixture(scope="module")
def web():
    """One daemon for all tests that have a rule, a file and a source of their own."""
    lab = make(PROXIES)
    yield lab
    left = lab.close()
    assert not left, left


@pytest.fixture
def alone():
    lab = make()
    yield lab
    left = lab.close()
    assert not left, left


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def write(lab, name, *lines, how=">>"):
    """Appends lines to /var/log/NAME of the lab, by one write."""
    text = "".join(line + "\n" for line in lines)
    lab.on_host("sh", "-c", f"cat {how} /var/log/{name}", input=text, check=True)


def denied(n, source, user="x"):
    return [f"{now()} denied {user} from {source}"] * n


def nets(lab, origin=None):
    return {b["net"] for b in lab.cli_json("bans")["bans"] if origin in (None, b["origin"])}


def findings(lab, rule):
    return [f for f in lab.cli_json("findings", "-n", "500")["findings"] if f["rule"] == rule]


def logs(lab):
    return lab.cli_json("logs")


def test_lines_of_standard_input_count_as_those_of_the_rules_log(alone):
    source = "198.19.6.6"
    p = alone.spawn(os.path.join(ROOT, "build/sockwarden"), *alone.cli_paths(), "logs", "feed", "web", in_cgroup=False, stdin=subprocess.PIPE)
    p.stdin.write("".join(line + "\n" for line in denied(3, source)) + f"{now()} den")
    p.stdin.flush()
    alone.wait(lambda: source in nets(alone), 10, "who is handed in is banned while the pipe is open")
    p.stdin.write(f"ied x from {source}\nand a \x01 \x00 word\nno newline at the end")
    assert "6 lines, 4 of them hits" in p.communicate(timeout=20)[0] and p.returncode == 0
    assert count(alone, "web") == 4
    for name, status, said in (("nosuch", 1, "no rule has the name nosuch"), ("sshd-preauth", 1, "the rule sshd-preauth is off")):
        code, _, err = alone.cli("logs", "feed", name, input="x\n")
        assert (code, said in err) == (status, True), err


def count(lab, name, what="hits"):
    return sum(r[what] for r in logs(lab)["rules"] if r["rule"] == name)


def test_lines_become_a_ban_in_force_and_why_shows_them(web):
    write(web, "web.log", *denied(2, web.attacker), "noise", *denied(1, web.others[0]))
    web.wait(lambda: count(web, "web") == 3, 15, "the lines were read")
    assert web.attacker not in nets(web) and web.ping() == 3
    write(web, "web.log", *denied(1, web.attacker, "root"))
    web.wait(lambda: nets(web, "rule:web") == {web.attacker}, 15, "the third is one too many")
    assert web.ping() == 0 and web.ping(web.others[0]) == 3
    f = findings(web, "web")
    assert len(f) == 1 and f[0]["subject"] == web.attacker and f[0]["count"] == 3
    assert re.search(r"3 hits in \S+ from 198\.18\.0\.66 \(user root\); banned for ", f[0]["title"])
    why = web.ok("why", web.attacker)
    assert "denied root from 198.18.0.66" in why and "rule web" in why
    assert "web.log" in web.ok("logs") and "logs" in web.cli("status")[1]


def test_ipv6_is_counted_and_banned_by_its_64(web):
    write(web, "six.log", *[f"{now()} denied x from 2001:db8:77:1::{i}" for i in ("66", "67", "68")])
    web.wait(lambda: nets(web, "rule:six") == {"2001:db8:77:1::/64"}, 15, "three addresses of one /64 are one customer")


def test_rotation_of_every_form_loses_and_doubles_nothing(web):
    sources = [f"198.19.0.{i}" for i in range(1, 7)]

    def wait_for(i):
        web.wait(lambda: sources[i] in nets(web), 5, f"{sources[i]} is banned")

    write(web, "turn.log", *denied(3, sources[0]))
    wait_for(0)
    web.on_host("sh", "-c", "mv /var/log/turn.log /var/log/old; cat >> /var/log/old", input=denied(1, sources[1])[0] + "\n", check=True)
    write(web, "turn.log", *denied(2, sources[1]))
    wait_for(1)
    write(web, "turn.log", *denied(3, sources[2]), how=">")
    wait_for(2)
    web.on_host("rm", "/var/log/turn.log", check=True)
    write(web, "turn.log", *denied(3, sources[3]))
    wait_for(3)
    write(web, "turn-new.log", *denied(3, sources[4]))
    wait_for(4)
    web.on_host("sh", "-c", "cp /var/log/turn.log /var/log/turn.copy; cat > /var/log/turn.log",
                input="\n".join(denied(3, sources[5])) + "\n", check=True)
    wait_for(5)
    assert count(web, "turn") == 18 and nets(web, "rule:turn") == set(sources)


def test_a_pardon_forgets_the_count(web):
    who = web.others[1]
    write(web, "pardon.log", *denied(3, who))
    web.wait(lambda: nets(web, "rule:pardon"), 15, "banned")
    web.ok("unban", who)
    write(web, "pardon.log", *denied(2, who))
    web.wait(lambda: count(web, "pardon") == 5, 15, "read")
    assert nets(web, "rule:pardon") == set() and web.ping(who) == 3
    write(web, "pardon.log", *denied(1, who))
    web.wait(lambda: nets(web, "rule:pardon"), 15, "three again")


def test_a_login_forgives_what_its_user_failed_at_and_nobody_elses(web):
    office, thief = "203.0.113.30", "203.0.113.31"
    for user in ("anna", "bob", "eve"):
        write(web, "logins.log", *denied(2, office, user), f"{now()} welcome {user} from {office}")
    for user in ("root", "admin"):
        write(web, "logins.log", *denied(1, thief, "known"), f"{now()} welcome known from {thief}", *denied(1, thief, user))
    web.wait(lambda: count(web, "logins") == 10 and count(web, "logins", "forgiven") == 8, 15, "the lines were read")
    assert not nets(web, "rule:logins")
    write(web, "logins.log", *denied(1, thief, "test"))
    web.wait(lambda: nets(web, "rule:logins") == {thief}, 15, "who guesses at others is banned all the same")
    assert "(1 more forgiven: who was tried logged in)" in findings(web, "logins")[0]["title"]


def test_dry_rules_and_forgeable_lines_ban_nobody(web):
    write(web, "dry.log", f"{now()} denied x from 198.19.7.1")
    write(web, "datagrams.log", f"{now()} denied x from 198.19.7.2")
    f = web.wait(lambda: findings(web, "datagrams"), 15, "the datagram is told")
    assert "not banned: anybody can forge the source" in f[0]["title"]
    web.wait(lambda: count(web, "dry", "would_ban") == 1, 15, "the dry rule counts")
    assert not nets(web) & {"198.19.7.1", "198.19.7.2"} and "would be banned for 1d (the rule only observes)" in findings(web, "dry")[0]["title"]
    assert "198.19.7.1" in web.ok("why", "198.19.7.1")


def test_the_owner_is_never_banned(web):
    web.ok("allow", "add", web.others[2])
    for who in (web.host, web.gateway, "127.0.0.1", web.others[2], web.gateway6, "::1"):
        write(web, "owner.log", *denied(3, who))
    web.wait(lambda: count(web, "owner", "due") == 6, 15, "all were due")
    assert nets(web, "rule:owner") == set() and count(web, "owner", "protected") == 6
    assert web.ping(web.gateway) == 3 and all("not banned: " in f["title"] for f in findings(web, "owner"))


def proxied(n, peer, header):
    return [f"{now()} denied {peer} {header}"] * n


def test_behind_a_trusted_proxy_the_client_is_the_rightmost_hop_that_is_none(web):
    write(web, "proxied.log", *proxied(3, "198.19.6.1", "198.19.6.200"), *proxied(3, "198.19.77.1", "203.0.113.5, 198.19.6.2, 198.19.77.9"),
          *proxied(3, "198.19.77.1", "198.19.6.3, unknown"), *proxied(3, "198.19.77.1", "-"), *proxied(3, "198.19.77.1", web.gateway))
    web.wait(lambda: count(web, "proxied") == 15, 15, "the lines were read")
    web.wait(lambda: count(web, "proxied", "due") == 4, 15, "two clients, the proxy itself and the gateway were due")
    bans = {b["net"]: b for b in web.cli_json("bans")["bans"] if b["origin"] == "rule:proxied"}
    assert set(bans) == {"198.19.6.1", "198.19.6.2"} and count(web, "proxied", "protected") == 2
    assert (bans["198.19.6.1"]["via"], bans["198.19.6.1"]["enforceable"]) == (None, True)
    assert (bans["198.19.6.2"]["via"], bans["198.19.6.2"]["enforceable"]) == ("198.19.77.1", False)
    assert "198.19.77.1: not enforceable here" in web.ok("bans")
    assert "its packets come from the proxy 198.19.77.1: not enforceable here" in " ".join(web.ok("why", "198.19.6.2").split())
    titles = {f["subject"]: f["title"] for f in findings(web, "proxied")}
    assert "from 198.19.6.2 behind 198.19.77.1" in titles["198.19.6.2"] and "not enforceable here" in titles["198.19.6.2"]
    assert "enforceable" not in titles["198.19.6.1"] and "not banned: " in titles["198.19.77.1"]


# Says who came, one line each.
PEERS = """
import socket, sys
s = socket.create_server((sys.argv[1], 0))
print(s.getsockname()[1], flush=True)
while True:
    c, who = s.accept()
    print(who[0], flush=True)
    c.close()
"""
SNAT = "add table ip lab; add chain ip lab out {{ type nat hook postrouting priority 100; }}; " \
       "add rule ip lab out ip saddr {} meta l4proto tcp snat to {}"


def test_who_hides_many_behind_one_address_is_not_banned(web):
    """The gateway that masquerades a network, and the bridge of containers, whose address is the host's own."""
    web.attack("nft", SNAT.format(web.others[3], web.gateway), check=True)
    web.on_host("ip", "link", "add", "bridge0", "type", "bridge", check=True)
    web.on_host("ip", "addr", "add", "198.19.88.1/24", "dev", "bridge0", check=True)
    web.wait(lambda: "198.19.88.1" in web.ok("allow", "list"), 15, "an address that came later is the host's own")
    server = web.spawn(sys.executable, "-S", "-E", "-c", PEERS, web.host)
    port = int(server.stdout.readline())
    assert web.connect(port, source=web.others[3])[port] == "open"
    assert server.stdout.readline() == web.gateway + "\n", "who listens sees the gateway alone"
    write(web, "nat.log", *denied(3, web.gateway), *denied(3, "198.19.88.1"), *denied(3, "198.19.77.1"))
    web.wait(lambda: count(web, "nat", "protected") == 3, 15, "none of the three is banned")
    assert nets(web, "rule:nat") == set() and web.connect(port, source=web.others[3])[port] == "open" and web.ping(web.gateway) == 3
    web.attack("nft", "delete table ip lab", check=True)
    web.on_host("ip", "link", "del", "bridge0", check=True)


HOSTILE = [
    "denied root from 198.19.9.9 from {}",  # the address that the client wrote into its name
    "denied $(touch$IFS{pwned}) from {}",
    "denied `touch${{IFS}}{pwned}` from {}",
    "denied \x1b[31m;touch${{IFS}}{pwned} from {}",
    "denied ~!touch${{IFS}}{pwned} from {}",
]


def test_injected_lines_ban_who_wrote_them_and_nothing_is_run_or_drawn(web):
    who, pwned = web.others[3], os.path.join(web.dir, "pwned")
    write(web, "injected.log", *[f"{now()} " + line.format(who, pwned=pwned) for line in HOSTILE])
    web.wait(lambda: nets(web, "rule:injected"), 15, "banned")
    assert nets(web, "rule:injected") == {who}
    out = web.ok("why", who) + web.ok("findings") + web.ok("bans") + web.ok("events", "-n", "50")
    assert "touch" in out and "\x1b" not in out and "198.19.9.9" not in nets(web)
    assert not os.path.exists(pwned)


def test_a_line_that_hangs_other_tools_is_given_up_on(web):
    write(web, "bomb.log", f"{now()} x" + "a" * 4000 + " 198.19.0.9")
    write(web, "behind.log", *denied(3, "198.19.8.1"))
    web.wait(lambda: "198.19.8.1" in nets(web), 10, "the lines behind it are read")
    web.wait(lambda: logs(web)["match_limits"] >= 1, 15, "it is counted")
    assert "198.19.0.9" not in nets(web)


def test_a_link_in_a_directory_of_others_is_not_followed(web):
    web.on_host("sh", "-c", "ln -s /etc/shadow /var/log/evil && chown -h nobody /var/log/evil && mv /var/log/evil /var/log/link-evil.log",
                check=True)
    d = web.wait(lambda: [f for f in logs(web)["followed"] if f["path"].endswith("evil.log")], 15, "the link is seen")
    assert d[0]["state"] == "unreadable" and web.cli_json("status")["logs"]["files_unreadable"] == 1


def test_a_restart_reads_what_was_written_meanwhile_and_tells_nothing_twice(alone):
    write(alone, "web.log", *denied(3, "198.19.0.1"))
    write(alone, "web.log", *denied(2, "198.19.0.3"))
    alone.wait(lambda: nets(alone) == {"198.19.0.1"} and logs(alone)["hits"] == 5, 15, "banned, and one is near it")
    alone.stop()
    write(alone, "web.log", *denied(2, "198.19.0.2"))
    alone.on_host("sh", "-c", "cd /var/log && gzip -c web.log > web.log.1.gz && rm web.log", check=True)
    write(alone, "web.log", *denied(1, "198.19.0.2"))
    alone.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
    alone.wait(lambda: nets(alone) == {"198.19.0.1", "198.19.0.2"}, 15, "what came meanwhile counts")
    assert logs(alone)["hits"] == 3
    assert sorted(f["subject"] for f in findings(alone, "web")) == ["198.19.0.1", "198.19.0.2"]
    write(alone, "web.log", *denied(2, "198.19.0.4"))
    alone.wait(lambda: logs(alone)["hits"] == 5, 15, "read")
    assert len(nets(alone)) == 2
    write(alone, "web.log", *denied(1, "198.19.0.3"))
    alone.wait(lambda: "198.19.0.3" in nets(alone), 15, "the third counts with the two before the restart")
    alone.kill("sockwarden-engine")
    alone.wait(lambda: alone.cli("status")[0] in (0, 6) and logs(alone)["files"], 10, "a new engine follows")
    assert logs(alone)["hits"] == 0 and len(findings(alone, "web")) == 3
    write(alone, "web.log", *denied(1, "198.19.0.4"))
    alone.wait(lambda: "198.19.0.4" in nets(alone), 15, "so does what was saved with a ban")
    write(alone, "web.log", *denied(2, alone.attacker))
    alone.wait(lambda: logs(alone)["hits"] == 3, 15, "two hits")
    alone.daemon.send_signal(1)
    alone.wait(lambda: "was reloaded" in alone.log(), 15, "the configuration was reloaded")
    alone.wait(lambda: alone.cli("status")[0] in (0, 6), 15, "the engine is back")
    write(alone, "web.log", *denied(1, alone.attacker))
    alone.wait(lambda: alone.attacker in nets(alone), 15, "the third counts with the two before the reload")
    assert logs(alone)["hits"] == 4


def test_a_forged_flood_meets_the_caps_and_the_attacker_before_it_stays_banned():
    lab = make("mode: enforce\nbans:\n  per_minute: 100\n  aggregate:\n    count: 3\n    ipv4: 28\n")
    try:
        write(lab, "web.log", *denied(3, lab.attacker))
        lab.wait(lambda: lab.attacker in nets(lab), 15, "banned")
        write(lab, "web.log", *[line for i in (1, 2, 3) for line in denied(3, f"203.0.113.{i}")])
        lab.wait(lambda: nets(lab, "aggregate") == {"203.0.113.0/28"}, 15, "three of a network take it with them")
        flood = [line for i in range(1000) for line in denied(3, f"198.19.{i // 250}.{1 + i % 250}")]
        write(lab, "web.log", *flood)
        lab.wait(lambda: logs(lab)["lines"] == 3012, 20, "the flood was read")
        assert len(nets(lab)) == 100 and lab.attacker in nets(lab) and lab.ping() == 0
        assert count(lab, "web", "refused") >= 900 and lab.cli_json("status")["degraded"]
    finally:
        lab.__exit__(None, None, None)


# ---- the journal

class Journal:
    """A journal file that systemd-journal-remote writes, entry by entry, as the export format has them."""

    def __init__(self, lab, remote, name):
        self.dir = os.path.join(lab.dir, "journal", "a" * 32)
        os.makedirs(self.dir, exist_ok=True)
        self.path, self.seq = os.path.join(self.dir, name), 0
        self.process = subprocess.Popen([remote, "--output", self.path, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def write(self, message, identifier="jweb", priority=4):
        self.seq += 1
        usec = int(time.time() * 1e6)
        entry = {"__CURSOR": f"s={'0' * 31}1;i={self.seq:x}", "__REALTIME_TIMESTAMP": usec, "__MONOTONIC_TIMESTAMP": usec % 10**9,
                 "_BOOT_ID": "b" * 32, "_HOSTNAME": "lab", "SYSLOG_IDENTIFIER": identifier, "_PID": 77, "PRIORITY": priority}
        data = message.encode()
        text = "".join(f"{k}={v}\n" for k, v in entry.items()).encode() + b"MESSAGE\n" + len(data).to_bytes(8, "little") + data + b"\n\n"
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def test_the_journal_is_read_by_its_matches_through_rotation_and_restarts():
    root, why = debs.unpacked("systemd-journal-remote")
    if why:
        pytest.skip(why)
    lab = Lab()
    lab.__enter__()
    try:
        lab = make(f"mode: enforce\nrules:\n  journal_files: \"{lab.dir}/journal/*/*.journal\"\n", lab=lab)
        remote = os.path.join(root, "lib/systemd/systemd-journal-remote")
        j = Journal(lab, remote, "system.journal")
        for _ in range(3):
            j.write("denied x from 198.19.0.1")
            j.write("denied x from 198.19.0.2", priority=6)
            j.write("denied x from 198.19.0.3", identifier="somebody")
            j.write("well\nlab jweb[77]: denied x from 198.19.0.4")
        lab.wait(lambda: nets(lab) == {"198.19.0.1"}, 10, "only what meets the matches counts")
        assert count(lab, "journal") == 3 and logs(lab)["journal_files"] == 1
        j.write("denied x from 198.19.0.5", identifier="jother")
        lab.wait(lambda: count(lab, "journal") == 4, 15, "the other alternative")
        os.rename(j.path, os.path.join(j.dir, "system@1.journal"))
        k = Journal(lab, remote, "system.journal")
        k.write("denied x from 198.19.0.5")
        lab.wait(lambda: count(lab, "journal") == 5, 10, "the new file is read")
        lab.stop()
        k.write("denied x from 198.19.0.6")
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        for _ in range(2):
            k.write("denied x from 198.19.0.6")
        lab.wait(lambda: "198.19.0.6" in nets(lab), 10, "what came meanwhile counts, and what came before does not")
        assert count(lab, "journal") == 3
        j.close()
        k.close()
    finally:
        lab.__exit__(None, None, None)


BOTH = """rules:
  - name: both
    about: a service in the journal, and in a file where a syslog daemon runs
    files: [/var/log/both.log]
    journal: ["SYSLOG_IDENTIFIER=jboth"]
    threshold: 90 in 10m
    action: alert
    match: ['denied <F-USER>\\S*</F-USER> from <ADDR>$']
"""


def test_a_log_left_over_from_a_syslog_daemon_does_not_hide_the_journal():
    root, why = debs.unpacked("systemd-journal-remote")
    if why:
        pytest.skip(why)
    lab = Lab()
    lab.__enter__()
    j = None

    def state():
        return [f["state"] for f in logs(lab)["followed"] if f["path"].endswith("both.log")]

    try:
        lab.write_config(f"rules:\n  journal_files: \"{lab.dir}/journal/*/*.journal\"\n")
        os.mkdir(os.path.join(lab.dir, "rules.d"), 0o755)
        with open(os.path.join(lab.dir, "rules.d", "own.yaml"), "w", encoding="utf-8") as f:
            f.write(BOTH)
        lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
        write(lab, "both.log", "old")
        lab.on_host("touch", "-d", "3 hours ago", "/var/log/both.log", check=True)
        j = Journal(lab, os.path.join(root, "lib/systemd/systemd-journal-remote"), "system.journal")
        j.write("denied x from 198.19.0.1", identifier="jboth")
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        lab.wait(lambda: count(lab, "both") == 1, 15, "the journal is read where the file is left over")
        assert state() == ["stale"]
        j.write("denied x from 198.19.0.1", identifier="jboth")
        lab.wait(lambda: count(lab, "both") == 2, 15, "as it grows")
        write(lab, "both.log", *denied(1, "198.19.0.1"))
        lab.wait(lambda: count(lab, "both") == 3 and state() == ["followed"], 15, "somebody writes to it again")
        written = time.time()
        lab.wait(lambda: time.time() > written + 1.1, 5, "what comes is newer than the file")
        j.write("denied x from 198.19.0.1", identifier="jboth")
        write(lab, "both.log", *denied(2, "198.19.0.1"))
        lab.wait(lambda: count(lab, "both") >= 5, 15, "the file is read")
        assert count(lab, "both") == 5, "and the journal is not"
        j.close()
        j = None
    finally:
        if j:
            j.process.kill()
        lab.__exit__(None, None, None)


# ---- a real sshd

def sshd(lab):
    """OpenSSH's own server on a port of its own, its log a file of the lab; (port, None) or (None, why not)."""
    root, why = debs.unpacked("openssh-server")
    if why:
        return None, why
    port, _, p = lab.listen()
    p.kill()
    p.wait()
    key = os.path.join(lab.dir, "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    passwd = os.path.join(lab.dir, "passwd")
    with open("/etc/passwd", encoding="utf-8") as old, open(passwd, "w", encoding="utf-8") as f:
        f.write(old.read() + "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
    lab.on_host("sh", "-ec", f"mount --bind {passwd} /etc/passwd; mount -t tmpfs tmpfs /run; mkdir /run/sshd", check=True)
    lab.spawn("sh", "-c", f"exec {root}/usr/sbin/sshd -D -e -f /dev/null -h {key} -p {port} -o UsePAM=no -o PidFile=none "
              "-o MaxAuthTries=6 -o LoginGraceTime=20 2>&1 | while IFS= read -r l; do "
              "echo \"$(date '+%b %e %H:%M:%S') lab sshd[1]: $l\"; done >> /var/log/auth.log")
    lab.wait(lambda: lab.connect(port) == {port: "open"}, 10, "sshd listens")
    return port, None


ASKPASS = "#!/bin/sh\necho wrong\n"


def guess(lab, port, n):
    """n wrong passwords by the ssh client, from the attacker's address; one who is banned meanwhile hears nothing more."""
    path = os.path.join(lab.dir, "askpass")
    with open(path, "w", encoding="utf-8") as f:
        f.write(ASKPASS)
    os.chmod(path, 0o755)
    lab.attack("timeout", "20", "env", f"SSH_ASKPASS={path}", "SSH_ASKPASS_REQUIRE=force", "ssh", "-b", lab.attacker, "-p", port,
               "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", f"NumberOfPasswordPrompts={n}", "-o", "PreferredAuthentications=password",
               "-o", "ConnectTimeout=15", "root@" + lab.host, "true", timeout=60)


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_real_sshd_with_wrong_passwords(mode):
    lab = make(f"mode: {mode}\n")
    try:
        port, why = sshd(lab)
        if why:
            pytest.skip(why)
        guess(lab, port, 5)
        if mode == "enforce":
            lab.wait(lambda: lab.attacker in nets(lab, "rule:sshd"), 10, "banned by the packaged rule")
            assert lab.ping() == 0 and lab.connect(port, timeout=0.3) == {port: "silent"}
        f = lab.wait(lambda: findings(lab, "sshd"), 10, "a finding")
        assert ("; banned for " if mode == "enforce" else "; would be banned (observing) for ") in f[0]["title"]
        if mode == "observe":
            assert lab.ping() == 3
    finally:
        lab.__exit__(None, None, None)


# ---- swatch's configurations and their script, as a widely read article has them

def swatch_lab(lab):
    """The three files imported as rules, mail by a program of ours, whois by another that answers at once."""
    box, mailer = sendmail(lab)
    whois = os.path.join(lab.dir, "whois")
    with open(whois, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho 'inetnum: 193.0.0.0 - 193.0.7.255'\necho 'netname: EXAMPLE-NET'\n")
    os.chmod(whois, 0o755)
    for name, text in SWATCH.items():
        with open(os.path.join(lab.dir, name), "w", encoding="utf-8") as f:
            f.write(text)
    os.mkdir(os.path.join(lab.dir, "rules.d"), 0o755)
    lab.write_config("mode: enforce\nalerts:\n  mail:\n    to: root@lab\n    min_severity: low\n    throttle: 1s\n    whois: true\n"
                     f"    sendmail: {mailer}\n    whois_program: {whois}\n")
    pack = os.path.join(lab.dir, "rules.d", "swatch.yaml")
    p = subprocess.run([os.path.join(ROOT, "build/sockwarden"), "import", "swatch", *(os.path.join(lab.dir, n) for n in SWATCH), "--write", pack],
                       capture_output=True, text=True, check=False)
    assert p.returncode == 0, p.stderr
    lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
    return box


def test_swatchs_script_lives_on_after_import():
    lab = Lab()
    lab.__enter__()
    try:
        box = swatch_lab(lab)
        for name in ("secure", "messages", "vsftpd.log"):
            write(lab, name, "")
        lab.start("--rules-dir", "/nonexistent")
        guess, bind = "Nov 22 09:00:00 web1 sshd[8]: Invalid user eve from {} port 4022", "Nov 22 09:00:00 ns1 named[8]: client {}#40222: query {} denied"
        who, others = "193.0.6.139", {"193.0.6.140", "193.0.6.141", "193.0.6.142", "193.0.6.143"}
        write(lab, "secure", *[guess.format(who)] * 2, *[guess.format(a) for a in ("10.1.2.3", "172.31.5.5", "192.168.1.1", "127.0.0.1") for _ in range(3)],
              "Nov 22 09:00:00 web1 sshd[8]: refused connect from a.example (193.0.6.140)")
        write(lab, "messages", bind.format("193.0.6.141", "'VERSION.BIND/TXT/CH'"), bind.format("193.0.6.142", "(cache) 'a.example/A/IN'"))
        write(lab, "vsftpd.log", *['Sun Nov 22 09:00:00 2026 [pid 8] [eve] FAIL LOGIN: Client "193.0.6.143"'] * 3)
        lab.wait(lambda: nets(lab) == others, 15, "one is enough with lock, three without; two are not, and private ones never")
        lab.stop()
        lab.start("--rules-dir", "/nonexistent")
        write(lab, "secure", guess.format(who))
        lab.wait(lambda: nets(lab) == others | {who}, 15, "the third counts however long after the first two it comes")
        ban, = [b for b in lab.cli_json("bans")["bans"] if b["net"] == who]
        assert ban["origin"] == "rule:swatch-secure-2"
        assert 86340 < ban["left_sec"] <= 86400, ban
        assert "Invalid user eve from 193.0.6.139" in lab.ok("why", who)
        lab.wait(lambda: [m for m in mails(box) if who in m and "Invalid user eve" in m and "EXAMPLE-NET" in m], 15, "the mail has lines and whois")
    finally:
        lab.__exit__(None, None, None)
