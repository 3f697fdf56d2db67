# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line without a daemon, and against an engine that only says what the test wants."""
import gzip
import json
import os
import re
import sqlite3
import subprocess
import time

import pytest
from offline import CLI, ROOT, STATUS, run


def commands():
    """The names `help` lists, each with the least words it takes."""
    out = run("help").stdout.split("\nOptions, everywhere:")[0]
    return [line[2:36].split("  ")[0].strip() for line in out.splitlines() if line.startswith("  ")]


NAMES = [" ".join(w for w in name.split() if w[0] not in "[" and w.islower() and "|" not in w) for name in commands()]
ASKS = ["status", "events", "findings", "threats", "sockets list", "sockets diff", "sockets baseline save", "ban 192.0.2.1",
        "unban 192.0.2.1", "bans", "bans history", "shadow", "allow add 192.0.2.1", "allow remove 192.0.2.1", "allow list", "why 192.0.2.1",
        "check 192.0.2.1", "trails list", "trails search 192.0.2.1", "feeds list", "feeds update", "arm", "web"]


@pytest.mark.parametrize("ask", ASKS)
def test_without_a_daemon_every_question_exits_3_and_says_how_to_start_it(ask):
    r = run(*ask.split())
    assert r.returncode == 3 and r.stdout == ""
    assert "the daemon is not running" in r.stderr and "start it: " in r.stderr


def test_off_without_daemon_and_pins_says_that_nothing_is_there():
    r = run("off")
    assert r.returncode == 0 and "nothing of sockwarden is in the kernel" in r.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_help_lists_has_a_help_of_its_own(name):
    for argv in ((*name.split(), "--help"), ("help", *name.split()), ("-h", *name.split())):
        r = run(*argv)
        assert r.returncode == 0 and r.stdout.startswith(f"usage: sockwarden {name}"), argv


@pytest.mark.parametrize("group", sorted({n.rsplit(" ", 1)[0] for n in NAMES if " " in n}))
def test_the_help_of_a_group_lists_the_commands_below_it_and_no_others(group):
    below = [n for n in NAMES if n.startswith(group + " ")]
    for argv in ((*group.split(), "--help"), ("help", *group.split()), ("-h", *group.split())):
        r = run(*argv)
        assert r.returncode == 0 and r.stdout.startswith(f"usage: sockwarden {group}"), argv
        assert f"sockwarden {group} COMMAND ...\n" in r.stdout.split("\n\n")[0] + "\n", argv
        listed = r.stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        assert [line.startswith(f"  {n}") for line, n in zip(listed, below, strict=True)] == [True] * len(below), listed


def test_the_help_of_import_names_the_tools_and_their_files():
    tools = run("import", "--help").stdout.split("Tools:\n")[1].split("\n\n")[0].splitlines()
    assert [t.split()[0] for t in tools] == ["portsentry", "lsm", "maltrail", "fail2ban", "iptables", "swatch"]
    assert "maltrail.conf (/opt/maltrail/maltrail.conf)" in tools[2]


def test_help_shows_every_command_once_and_says_the_same_as_for_none():
    table = re.findall(r"^\t\{\"([a-z ]+)\", \"(?!the same as )", open(os.path.join(ROOT, "user/cli/command.c"), encoding="utf-8").read(), re.M)
    assert sorted(NAMES) == sorted(table)


@pytest.mark.parametrize("argv,said", [
    ("", "usage: sockwarden"),
    ("statsu", "unknown command 'statsu'\n  did you mean 'status'?"),
    ("sockets lst", "unknown command 'sockets lst'\n  did you mean 'sockets list'?"),
    ("config", "'config' wants another word\n  see: sockwarden help config"),
    ("config chekc", "unknown command 'config chekc'\n  did you mean 'config check'?"),
    ("config zzzzzzzzzzz", "unknown command 'config zzzzzzzzzzz'\n  see: sockwarden help config"),
    ("sockets baseline", "'sockets baseline' wants another word\n  see: sockwarden help sockets baseline"),
    ("sockets baseline sav", "unknown command 'sockets baseline sav'\n  did you mean 'sockets baseline save'?"),
    ("status --jsn", "unknown option '--jsn': did you mean --json?"),
    ("status extra", "status: 'extra' is one word too many"),
    ("ban", "ban wants ADDR|CIDR"),
    ("ban example.net", "'example.net' is not an address or a network"),
    ("ban 192.0.2.1 --for soon", "--for: 'soon' is not a duration"),
    ("sockets list 22", "'22' is not a port such as :22"),
    ("sockets list :99999", "':99999' is not a port such as :22"),
    ("events -k bna", "there are no events 'bna': did you mean 'ban'?"),
    ("bans -o tabel", "did you mean 'table'?"),
    ("bans --color pink", "--color: 'pink' is not auto, always or never"),
    ("config explain bans.lenght", "did you mean 'bans.length'?"),
    ("trails import /etc --name x", "--name goes with one file"),
    ("trails import /etc/hostname --action dropp", "did you mean 'drop'?"),
    ("arm --confirm 60s --keep", "give one of them"),
    ("completion tcsh", "'tcsh' is not bash, zsh or fish"),
    ("help nothing", "there is no command 'nothing'"),
    ("policy freeze sshd", "'sshd' is no number of a process\n  sockwarden ps shows the numbers of processes"),
    ("import fail3ban", "'fail3ban' is no tool that can be read\n  did you mean 'fail2ban'?"),
    ("import nothing-like-it", "\n  it reads: portsentry, lsm, maltrail, fail2ban, iptables, swatch\n"),
])
def test_a_wrong_call_exits_2_and_says_what_is_right(argv, said):
    r = run(*argv.split())
    assert r.returncode == 2
    assert said in r.stderr + r.stdout


def test_config_check_tells_every_error_with_its_place_and_exits_5(tmp_path):
    f = tmp_path / "c.yaml"
    f.write_text("mode: enforcing\nban:\n  length: 1h\nweb: {port: 99999}\n")
    r = run("config", "check", f)
    assert r.returncode == 5 and r.stdout == ""
    assert r.stderr.splitlines() == [
        f"{f}:1:7: mode: 'enforcing' is not observe or enforce: did you mean 'enforce'?",
        f"{f}:2:1: ban: unknown key: did you mean 'bans'?",
        f"{f}:4:13: web.port: '99999' is not a whole number from 0 to 65535"]
    assert run("config", "check", tmp_path / "none").returncode == 5
    f.write_text("mode: enforce\n")
    assert run("config", "check", f).returncode == 0
    r = run("-c", f, "config", "check")
    assert r.returncode == 0 and r.stderr == f"{f}: good\n"
    r = run("-c", tmp_path / "none", "config", "check")
    assert r.returncode == 5 and r.stderr == f"sockwarden: {tmp_path}/none: No such file or directory\n"


def test_config_shows_explains_and_describes_itself(tmp_path):
    shown = tmp_path / "shown.yaml"
    shown.write_text(run("-c", "/nonexistent", "config", "show").stdout)
    assert "ban" in shown.read_text() and run("config", "check", shown).returncode == 0
    with open(os.path.join(ROOT, "deploy", "sockwarden.yaml"), encoding="utf-8") as f:
        assert run("config", "default").stdout == f.read()
    assert json.loads(run("config", "schema").stdout)["properties"]["bans"]["properties"]["length"]["default"] == "24h"
    keys = {s["key"] for s in json.loads(run("config", "explain", "-j").stdout)["settings"]}
    assert {"mode", "bans.length", "feeds", "alerts.mail.smtp.url"} <= keys
    for key in keys:
        assert run("config", "explain", key).stdout.startswith(key + "\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_know_every_first_word(shell):
    out = run("completion", shell).stdout
    assert all(name.split()[0] in out for name in NAMES)


@pytest.mark.parametrize("typed,offered", [
    ("sockets ba", "baseline"),
    ("sockets baseline ", "save list show accept delete"),
    ("ban --f", "--for"),
    ("bans --f", ""),  # not those of ban, whose name it begins with
    ("bans history --s", "--state-dir --since"),
    ("sockets --proc", "--processes"),
    ("sockets :22 --proc", "--processes"),
    ("sockets baseline save --proc", ""),
    ("sockets baseline list -o j", "json jsonl"),
    ("--output = j", "json jsonl"),  # as bash takes --output=j apart
    ("--run-dir /tmp sockets ba", "baseline"),
    ("findings --form o", "ocsf"),
    ("help sockets ba", "baseline"),
    ("import s", "swatch"),
    ("completion ", "bash zsh fish"),
])
def test_bash_completes_what_may_follow(typed, offered):
    words = ["sockwarden", *typed.split(" ")]
    script = run("completion", "bash").stdout + '\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _sockwarden; echo "${COMPREPLY[@]}"'
    r = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    assert (r.stdout.split(), r.stderr) == (offered.split(), "")


def test_fish_is_offered_words_where_they_belong_and_options_of_their_command():
    rows = run("completion", "fish").stdout.splitlines()
    assert any(r.startswith("complete -c sockwarden -f -n '__sockwarden_at \"sockets baseline\"' -a save -d ") for r in rows)
    assert not any("'__sockwarden_at \"sockets\"' -a save" in r for r in rows)
    assert any(r.startswith("complete -c sockwarden -n '__sockwarden_in \"ban\"' -l for -r -d ") for r in rows)
    assert [r for r in rows if r.startswith("complete") and r.count('"') % 2] == []


@pytest.mark.parametrize("argv", ["--version", "help", "--help", "status --help", "sockets --help", "config default"])
def test_an_output_that_cannot_be_written_is_no_success(argv):
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([CLI, *argv.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (r.returncode, r.stderr) == (6, "sockwarden: cannot write the output: No space left on device\n")


def test_doctor_answers_each_question_and_gives_fixes_in_json_too():
    r = run("doctor", "-j")
    checks = {c["name"]: c for c in json.loads(r.stdout)["checks"]}
    assert {"kernel", "btf", "bpffs", "cgroup", "clock", "disk", "config", "daemon", "administrator", "cut", "alerts"} <= set(checks)
    assert all(c["fix"] for c in checks.values() if c["state"] == "fail")
    assert r.returncode == (6 if "fail" in {c["state"] for c in checks.values()} else 0)
    assert checks["daemon"]["state"] == "warn"


def test_doctor_names_the_programs_of_alerts_that_are_not_there(tmp_path):
    config = tmp_path / "sockwarden.yaml"
    config.write_text("alerts:\n  mail:\n    to: root@lab\n    sendmail: /bin/true\n    whois: true\n    whois_program: /nonexistent/whois\n"
                      "  command:\n    run: /nonexistent/page --now\n")
    r = run("doctor", "-j", "--config", str(config))
    alerts = {c["text"]: c for c in json.loads(r.stdout)["checks"] if c["name"] == "alerts"}
    assert set(alerts) == {"alerts.mail.whois_program: /nonexistent/whois: No such file or directory",
                           "alerts.command.run: /nonexistent/page: No such file or directory"}, alerts
    assert {c["state"] for c in alerts.values()} == {"warn"}
    assert "apt-get install whois" in {c["fix"] for c in alerts.values()}
    mailer = tmp_path / "sendmail"
    mailer.write_text("#!/bin/sh\n")
    mailer.chmod(0o4755)
    config.write_text(f"alerts:\n  mail:\n    to: root@lab\n    sendmail: {mailer}\n")
    r = run("doctor", "-j", "--config", str(config))
    alerts = [c for c in json.loads(r.stdout)["checks"] if c["name"] == "alerts"]
    assert str(mailer) + " needs rights of its own" in alerts[0]["text"] and "smtp://localhost" in alerts[0]["fix"], alerts
    config.write_text("alerts:\n  report:\n    schedule: daily\n")
    r = run("doctor", "-j", "--config", str(config))
    assert "nobody gets mail" in [c["text"] for c in json.loads(r.stdout)["checks"] if c["name"] == "alerts"][0]


def test_the_answers_of_doctor_stand_in_one_column(engine):
    reports = {"error": "no answer", "waiting": 1, "reported": 0, "withdrawn": 0}
    engine.replies["status"] = {"data": {**STATUS, "tier": "B", "hooks": "on_state", "crowdsec": {"reports": reports}}}
    rows = engine.cli("doctor").stdout.split("\n\n")[0].splitlines()
    assert any(re.match(r"warn  crowdsec-reports no answer; 1 waiting", r) for r in rows), rows
    assert {re.match(r"(\S+ +\S+ +|  +(?=fix: ))", r).end() for r in rows} == {23}, rows


def test_doctor_plan_looks_at_a_device_and_attaches_nothing():
    r = run("doctor", "--plan", "lo", "-j")
    plan = json.loads(r.stdout)
    assert plan["name"] == "lo" and plan["hook"] and plan["why"]
    assert run("doctor", "--plan", "nosuchdev0").returncode == 1


# ---- against an engine

@pytest.mark.parametrize("code,status", [("usage", 2), ("permission", 4), ("config", 5), ("refused", 1), ("not-found", 1), ("internal", 6)])
def test_a_refusal_is_told_with_its_hint_and_its_exit_status(engine, code, status):
    engine.replies["bans"] = {"error": {"code": code, "message": "no \x1b[31m", "hint": "do that"}}
    r = engine.cli("bans")
    assert r.returncode == status and r.stdout == "" and r.stderr == "sockwarden: no \\x1b[31m\n  do that\n"


def test_what_is_typed_reaches_the_engine_as_args(engine):
    for argv, want in (
            ("ban 192.0.2.77/24 --for 2h --reason why --wide", ("ban", {"net": "192.0.2.0/24", "reason": "why", "for": 7200, "wide": True})),
            ("ban 2001:DB8::1 --for=forever", ("ban", {"net": "2001:db8::1", "for": 0})),
            ("unban 192.0.2.7", ("unban", {"net": "192.0.2.7"})),
            ("sockets list -t :22 -a --pid 1 --user root --netns x -4", ("sockets.list", {
                "fresh": True, "listening": False, "all": True, "protocol": "tcp", "family": 4, "port": 22, "pid": 1, "user": "root", "netns": "x"})),
            ("sockets -lp", ("sockets.list", {"fresh": True, "listening": True, "all": False})),
            ("sockets baseline accept a b", ("baseline.accept", {"name": "a", "key": "b"})),
            ("sockets diff", ("sockets.diff", {})),
            ("trails search 192.0.2.7", ("trails.search", {"net": "192.0.2.7"})),
            ("trails search evil", ("trails.search", {"text": "evil"})),
            ("feeds update x", ("feeds.update", {"name": "x", "accept": False})),
            ("feeds update x --accept", ("feeds.update", {"name": "x", "accept": True})),
            ("why 192.0.2.7", ("why", {"subject": "192.0.2.7"})),
            ("events -n 3 -k ban", ("events", {"follow": False, "last": 3, "kind": "ban"})),
            ("threats -n 3", ("findings", {"last": 3})),
            ("arm", ("mode", {"mode": "enforce", "confirm": 0})),
            ("arm --confirm 60s", ("mode", {"mode": "enforce", "confirm": 60})),
            ("arm --keep", ("mode", {"mode": "enforce", "confirm": 0})),
            ("off", ("mode", {"mode": "off", "confirm": 0})),
            ("off --observe", ("mode", {"mode": "observe", "confirm": 0}))):
        engine.asked.clear()
        engine.cli(*argv.split(), stdin=subprocess.DEVNULL)
        assert engine.asked == [want], argv


def test_arm_passes_where_the_administrator_comes_from(engine):
    engine.cli("arm", env={"SSH_CONNECTION": "198.51.100.7 50000 192.0.2.1 22"})
    engine.cli("arm", env={"SSH_CLIENT": "::ffff:198.51.100.8 50000 22"})
    engine.cli("arm", env={"SSH_CLIENT": "nonsense"})
    assert [a.get("ssh_client") for _, a in engine.asked] == ["198.51.100.7", "198.51.100.8", None]


def test_an_engine_that_hangs_does_not_hold_up_off(engine):
    engine.hangs = True
    r = engine.cli("off")
    assert r.returncode == 0 and "nothing of sockwarden is in the kernel" in r.stderr
    assert engine.asked == [("mode", {"mode": "off", "confirm": 0})]


def test_trails_import_passes_the_opened_file_and_a_directory_file_by_file(engine, tmp_path):
    d = tmp_path / "lists"
    d.mkdir()
    (d / "one.txt").write_text("192.0.2.1\n")
    (d / "two").write_text("192.0.2.2\n")
    (d / ".hidden").write_text("x")
    engine.replies["trails.import"] = {"data": {"list": {"name": "one", "entries4": 1, "entries6": 0, "skipped": 0}}}
    assert engine.cli("trails", "import", d / "one.txt", "--action", "observe").returncode == 0
    assert engine.cli("trails", "import", d).returncode == 0
    assert [(verb, {k: v for k, v in args.items() if k != "sealed"}) for verb, args in engine.asked] == [
        ("trails.import", {"name": "one", "action": "observe"}), ("trails.import", {"name": "one", "action": "drop"}),
                            ("trails.import", {"name": "two", "action": "drop"})]
    assert engine.texts == ["192.0.2.1\n", "192.0.2.1\n", "192.0.2.2\n"]


def test_answers_that_are_no_are_exit_1(engine):
    engine.replies["check"] = {"data": {"listed": True, "banned": False, "allowed": False}}
    assert engine.cli("check", "192.0.2.1").returncode == 1
    engine.replies["check"] = {"data": {"listed": False, "banned": False, "allowed": False}}
    assert engine.cli("check", "192.0.2.1").returncode == 0
    engine.replies["sockets.diff"] = {"data": {"changes": [{"change": "new", "socket": {"protocol": "tcp", "local": "0.0.0.0", "lport": 22},
                                                            "text": "sshd listens"}], "complete": True}}
    r = engine.cli("sockets", "diff")
    assert r.returncode == 1 and "0.0.0.0:22" in r.stdout
    engine.replies["sockets.diff"] = {"data": {"changes": []}}
    assert engine.cli("sockets", "diff").returncode == 0
    assert engine.cli("trails", "search", "192.0.2.1").returncode == 1


def test_events_are_lines_and_json_lines(engine):
    items = [{"at": "2026-11-22T05:53:17.1Z", "kind": "ban", "text": "192.0.2.1 is banned"}, {"at": "x", "kind": "odd", "text": "\x07"}]
    engine.replies["events"] = {"items": items}
    r = engine.cli("events", "--follow")
    assert r.returncode == 0
    assert r.stdout.splitlines() == ["2026-11-22 05:53:17  ban      192.0.2.1 is banned", "x  odd      \\x07"]
    r = engine.cli("events", "--follow", "-j")
    assert [json.loads(line) for line in r.stdout.splitlines()] == items


def test_web_prints_the_link_and_only_it_on_standard_output(engine):
    engine.replies["web.link"] = {"data": {"token": "abc", "address": "127.0.0.1", "port": 8338}}
    r = engine.cli("web")
    assert r.stdout == "http://127.0.0.1:8338/login?token=abc\n" and "once" in r.stderr


PAST = {"made_at": "2026-11-22T10:00:00.000000Z", "ended_at": None, "end": "open", "by": "policy"}


@pytest.fixture
def fail2ban_db(tmp_path):
    """A database in the form of fail2ban 1.0."""
    path, now = tmp_path / "fail2ban.sqlite3", int(time.time())
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,"
               " bancount INTEGER NOT NULL default 1, data JSON)")
    db.executemany("INSERT INTO bans VALUES(?,?,?,600,1,'{}')", [("sshd", "198.18.0.1", now - 60), ("sshd", "2001:db8::7", now - 50),
                                                                 ("nginx", "198.18.0.3", now - 40), ("sshd", "198.18.0.4", now - 200000)])
    db.commit()
    db.close()
    return path


def test_shadow_tells_the_same_bans_plus_and_minus_with_why(engine, fail2ban_db):
    engine.replies["bans.history"] = {"data": {"bans": [
        {**PAST, "net": "198.18.0.1", "origin": "rule:sshd", "reason": "5 failures in 10m"},
        {**PAST, "net": "2001:db8::/64", "origin": "rule:sshd", "reason": "5 failures in 10m"},
        {**PAST, "net": "198.18.0.2", "origin": "rule:sshd", "reason": "6 failures in 10m"},
        {**PAST, "net": "198.18.0.9", "origin": "operator", "reason": "by hand"}]}}
    engine.replies["why"] = {"data": {"chain": [{"what": "allow", "net": "198.18.0.0/24", "text": "198.18.0.0/24 is allowed by root: office"}]}}
    r = engine.cli("shadow", "--db", fail2ban_db, "-j")
    assert r.returncode == 1, r.stderr
    rows = {(b["state"], b["net"]): b for b in json.loads(r.stdout)["bans"]}
    assert set(rows) == {("same", "198.18.0.1"), ("same", "2001:db8::7"), ("only-fail2ban", "198.18.0.3"), ("only-here", "198.18.0.2")}
    assert rows["only-fail2ban", "198.18.0.3"]["why"].endswith("allowed by root: office")
    assert rows["only-here", "198.18.0.2"]["why"] == "6 failures in 10m"
    assert "the same: 2; plus, only here: 1; minus, only fail2ban: 1" in engine.cli("shadow", "--db", fail2ban_db).stderr
    wide = json.loads(engine.cli("shadow", "--db", fail2ban_db, "-j", "--since", "7d").stdout)
    assert wide["only_fail2ban"] == 2


def test_shadow_says_when_both_ban_alike_and_when_there_is_no_database(engine, fail2ban_db, tmp_path):
    engine.replies["bans.history"] = {"data": {"bans": [{**PAST, "net": net, "origin": "rule:x", "reason": ""}
                                                        for net in ("198.18.0.1", "2001:db8::7", "198.18.0.3")]}}
    assert engine.cli("shadow", "--db", fail2ban_db).returncode == 0
    r = engine.cli("shadow", "--db", tmp_path / "none")
    assert r.returncode == 2 and str(tmp_path / "none") in r.stderr
    (tmp_path / "junk").write_text("no database at all, only text" * 100)
    r = engine.cli("shadow", "--db", tmp_path / "junk")
    assert r.returncode == 2 and "not a database" in r.stderr


RULES = os.path.join(ROOT, "feeds", "rules")
PACK = """rules:
  - name: sshd
    files: [{log}]
    threshold: 2 in 5m
    match: ['^shop: wrong password of <F-USER>\\S+</F-USER> from <ADDR>$']
    samples:
      match: [{{host: 192.0.2.9, line: 'shop: wrong password of eve from 192.0.2.9'}}]
"""


def test_rules_are_listed_shown_and_overridden(tmp_path):
    config, log = tmp_path / "sockwarden.yaml", tmp_path / "shop.log"
    rules = ("--rules-dir", RULES, "-c", str(config), "rules")
    rows = {r["name"]: r for r in json.loads(run(*rules, "list", "-j").stdout)["rules"]}
    assert rows["sshd"]["from"].startswith(RULES) and rows["nginx-auth"]["action"] == "ban"
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "own.yaml").write_text(PACK.format(log=log))
    log.write_text("shop: wrong password of eve from 192.0.2.9\nother\n")
    config.write_text("rules:\n  enabled: off\n  set:\n    - {name: nginx-auth, enabled: auto, threshold: 9 in 1m, action: observe}\n")
    rows = {r["name"]: r for r in json.loads(run(*rules, "list", "-j").stdout)["rules"]}
    assert rows["sshd"]["state"] == "on" and rows["sshd"]["threshold"] == "2 in 5m" and "own.yaml:2" in rows["sshd"]["from"]
    assert rows["postfix"]["state"] == "off" and rows["nginx-auth"]["state"] != "off"
    assert rows["nginx-auth"]["action"] == "observe" and rows["nginx-auth"]["threshold"] == "9 in 1m"
    assert "wrong password of" in run(*rules, "show", "sshd").stdout
    assert run(*rules, "show", "sshdd").stderr.endswith("did you mean 'sshd'?\n")
    got = [json.loads(line) for line in run(*rules, "test", "--rule", "sshd", "-o", "jsonl", log).stdout.splitlines()]
    assert [(g["matched"], g["host"], g["rule"]) for g in got] == [(True, "192.0.2.9", "sshd:1"), (False, None, None)]


def test_rules_lint_says_what_is_wrong_and_where(tmp_path):
    pack = tmp_path / "own.yaml"
    pack.write_text(PACK.format(log="/x"))
    assert run("rules", "lint", pack).returncode == 0
    pack.write_text(PACK.format(log="/x").replace("192.0.2.9, line", "192.0.2.8, line"))
    r = run("rules", "lint", pack)
    assert r.returncode == 5 and "own.yaml:7" in r.stdout and "the host '192.0.2.9' and not '192.0.2.8'" in r.stdout
    pack.write_text(PACK.format(log="/x").replace("'^shop", "'shop"))
    r = run("rules", "lint", pack)
    assert r.returncode == 1 and "not anchored" in r.stdout
    pack.write_text(PACK.format(log="/x").replace("threshold", "treshold"))
    r = run("rules", "lint", pack)
    assert r.returncode == 5 and f"{pack}:4:5: rules[1].treshold: unknown key: did you mean 'threshold'?" in r.stderr
    config = tmp_path / "c.yaml"
    config.write_text("rules:\n  set:\n    - name: sshx\n")
    r = run("--rules-dir", RULES, "-c", config, "rules", "list")
    assert r.returncode == 5 and f"{config}:3: rules.set: no rule is named 'sshx': did you mean 'sshd'?" in r.stderr
    r = run("--rules-dir", RULES, "config", "check", config)
    assert r.returncode == 5 and "no rule is named 'sshx'" in r.stderr


def test_a_build_finds_its_own_rules_where_none_are_installed(tmp_path):
    out = run("-c", tmp_path / "none.yaml", "rules", "list", "-j").stdout
    assert "sshd" in {r["name"] for r in json.loads(out)["rules"]}


# As a widely read article has them: the log in a comment, a script that counts to three or locks at once.
SWATCH = {
    "messages.conf": r"""# logfile /var/log/messages

watchfor /query \'VERSION\.BIND\/TXT\/CH\' denied/
    pipe "/usr/local/bin/swatch_action.sh 7 lock"
    throttle=00:00:10

watchfor /named.*client.*query.*denied/
    pipe "/usr/local/bin/swatch_action.sh 7 lock"
""",
    "secure.conf": """# logfile /var/log/secure

watchfor /sshd.*refused/
    pipe "/usr/local/bin/swatch_action.sh 10 lock"
    throttle=00:00:10

watchfor /sshd.*Invalid user/
    pipe "/usr/local/bin/swatch_action.sh 10"
    throttle=00:00:10
""",
    "vsftpd.conf": """# logfile /var/log/vsftpd.log

watchfor /Connection refused: tcp_wrappers denial/
    pipe "/usr/local/bin/swatch_action.sh 10 lock"
    throttle=00:00:10

watchfor /FAIL LOGIN/
    pipe "/usr/local/bin/swatch_action.sh 12"
    throttle=00:00:10
"""}
SWATCH_LINES = [
    ("Nov 22 09:00:00 ns1 named[811]: client 192.0.2.7#40222: query 'VERSION.BIND/TXT/CH' denied", "192.0.2.7", "swatch-messages-1"),
    ("Nov 22 09:00:00 ns1 named[811]: client 192.0.2.8#40222: query (cache) 'a.example/A/IN' denied", "192.0.2.8", "swatch-messages-2"),
    ("Nov 22 09:00:00 web1 sshd[811]: refused connect from a.example (192.0.2.9)", "192.0.2.9", "swatch-secure-1"),
    ("Nov 22 09:00:00 web1 sshd[811]: Invalid user oracle from 192.0.2.10 port 4022", "192.0.2.10", "swatch-secure-2"),
    ('Sun Nov 22 09:00:00 2026 [pid 811] [anna] FAIL LOGIN: Client "192.0.2.11"', "192.0.2.11", "swatch-vsftpd-2"),
    ("Nov 22 09:00:00 web1 sshd[811]: Accepted password for anna from 192.0.2.10 port 4022 ssh2", None, None),
]


def test_import_swatch_does_what_the_script_did(tmp_path):
    for name, text in SWATCH.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "rules.d").mkdir()
    pack, log = tmp_path / "rules.d" / "swatch.yaml", tmp_path / "log"
    r = run("import", "swatch", *(tmp_path / name for name in SWATCH), "--write", pack)
    assert r.returncode == 0, r.stderr
    log.write_text("".join(line + "\n" for line, _, _ in SWATCH_LINES))
    got = [json.loads(line) for line in run("rules", "test", "--file", pack, "-o", "jsonl", log).stdout.splitlines()]
    assert [(g["host"], g["rule"] and g["rule"].split(":")[0]) for g in got] == [(h, n) for _, h, n in SWATCH_LINES]
    rows = {r["name"]: r for r in json.loads(run("-c", tmp_path / "c.yaml", "--rules-dir", "/nonexistent", "rules", "list", "-j").stdout)["rules"]}
    assert {n: (r["threshold"], r["ban"], r["action"]) for n, r in rows.items()} == {
        "swatch-messages-1": ("at once", "1d", "ban"), "swatch-messages-2": ("at once", "1d", "ban"),
        "swatch-secure-1": ("at once", "1d", "ban"), "swatch-secure-2": ("3", "1d", "ban"),
        "swatch-vsftpd-1": ("at once", "1d", "ban"), "swatch-vsftpd-2": ("3", "1d", "ban")}
    text = pack.read_text()
    assert text.count("ignore: [127.0.0.1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]") == 6 and text.count("throttle: 10s") == 5


def test_import_swatch_knows_every_directive(tmp_path):
    conf = tmp_path / "all.conf"
    conf.write_text("ignore /known/\nwatchfor /disk (full|bad)/i\n  echo bold\n  bell 3\n  mail=root,subject=x,when=1-5:8-17\n"
                    "  threshold track_by=$1,type=threshold,count=4,seconds=60\n  continue\n  quit\n  write anna\n"
                    "  exec \"/bin/tell $1\"\nwatchfor /panic/\n  throttle 00:05:00\nwathcfor /x/\n")
    r = run("import", "swatch", conf)
    assert r.returncode == 7 and "mon-fri 08:00-18:00" in r.stdout and "threshold: 4 in 60s" in r.stdout
    assert "throttle: 300s" in r.stdout and "'(?:known)'" in r.stdout and "track: rule" in r.stdout
    left = r.stdout.split("# Not taken:")[1]
    assert "exec" in left and "write anna" in left and "wathcfor" in left


def swatch(tmp_path, text):
    """The rules that a configuration comes to, and the state and reason of each of its lines."""
    conf = tmp_path / "x.conf"
    conf.write_text("# logfile /var/log/x\n" + text)
    data = json.loads(run("import", "swatch", conf, "-j").stdout)
    pack = tmp_path / "x.yaml"
    pack.write_text(data["configuration"])
    assert run("rules", "lint", pack).returncode in (0, 1), data["configuration"]
    return data["configuration"], [(line["state"], line["note"]) for line in data["lines"]]


@pytest.mark.parametrize("text, said", [("throttle 00:00:10", "10s"), ("throttle 15:00,key=log", "900s"), ("throttle 1:02:03:04", "93784s"),
                                        ("throttle threshold=3,delay=0:1:0,key=regex", "60s"), ("throttle=30", "30s"),
                                        ("threshold track_by=$1,\\\n  type=limit, count=1,seconds=60", "60s"),
                                        ("throttle soon", None), ("throttle 1:2:3:4:5", None)])
def test_every_form_of_swatchs_throttle_is_read(tmp_path, text, said):
    yaml, lines = swatch(tmp_path, f"watchfor /x/\n  {text}\n")
    assert (f"throttle: {said}" in yaml) if said else ("throttle" not in yaml.split("# Not taken")[0]), yaml
    assert lines[1][0] == ("taken" if said else "left")


@pytest.mark.parametrize("actions, when, is_lost", [
    ("  {script},when=1-5:8-17\n", "mon-fri 08:00-18:00", False), ("  {script},when=*:22\n", "sun-sat 22:00-23:00", False),
    ("  {script}\n  mail=root,when=1-5:8-17\n", None, True), ("  mail=root,when=0:8-17\n  echo\n", "sun 08:00-18:00", False),
    ("  mail=root\n  bell 3,when=1-5:8-17\n", None, True), ("  mail=a,when=1:8\n  mail=b,when=2:8\n", None, True)])
def test_swatchs_when_is_that_of_what_the_rule_stands_for(tmp_path, actions, when, is_lost):
    yaml, lines = swatch(tmp_path, "watchfor /x/\n" + actions.format(script='pipe "/usr/local/bin/swatch_action.sh 7 lock"'))
    assert (f"when: ['{when}']" in yaml) if when else ("when: [" not in yaml), yaml
    assert any(state == "left" and "when= is not kept" in note for state, note in lines) == is_lost, lines


def test_hours_that_swatch_never_meets_are_said(tmp_path):
    _, lines = swatch(tmp_path, 'watchfor /x/\n  pipe "/usr/local/bin/swatch_action.sh 7",when=5-1:8\n')
    assert lines[1] == ("left", "when= wants DAYS:HOURS, each '*', a number or FIRST-LAST")


def test_what_swatch_would_hand_to_perl_is_said_and_not_guessed(tmp_path):
    yaml, lines = swatch(tmp_path, "perlcode my $a = '^x';\nwatchfor /$a pppd/\n  echo\nwaitfor /a/ || /b/\ninclude /etc/other.conf\n"
                         "watchfor /a\\/b$/i\n  throttle 1:0:0\n")
    assert [state for state, _ in lines] == ["left"] * 5 + ["taken"] * 2, lines
    for note, word in zip(lines, ("Perl", "variable of perlcode", "above it was not taken", "more than one expression", "give that file too")):
        assert word in note[1]
    assert yaml.count("- name:") == 1 and "(?i:a\\/b$)" in yaml


def test_jails_of_fail2ban_are_rules_by_path_and_by_import(tmp_path):
    etc = tmp_path / "f2b"
    for d in ("filter.d", "jail.d"):
        (etc / d).mkdir(parents=True)
    (etc / "filter.d" / "shop.conf").write_text("[Definition]\nfailregex = ^shop<what>: bad login from <ADDR>$\nwhat =\n[Init]\nmode = normal\n")
    (etc / "jail.conf").write_text("[DEFAULT]\nbantime = 10m\nfindtime = 10m\nmaxretry = 5\nbackend = auto\nenabled = false\nmode = normal\n"
                                   "filter = %(__name__)s[mode=%(mode)s]\nshop_log = /var/log/shop.log\n[shop]\nlogpath = %(shop_log)s\n"
                                   "[other]\nlogpath = /x\n")
    (etc / "jail.d" / "own.conf").write_text("[shop]\nenabled = true\nmaxretry = 3\n")
    (etc / "jail.local").write_text("[DEFAULT]\nbantime = 1d 12h\nbantime.increment = true\nbantime.multipliers = 1 2 4\nbantime.maxtime = 5w\n"
                                    "ignoreip = 198.51.100.0/24, gw.example.net\nignorecommand = /bin/x\nport = 80\n")
    r = run("import", "fail2ban", etc)
    assert r.returncode == 7, r.stderr
    for text in ("name: shop", f"fail2ban: '{etc}/filter.d/shop.conf[mode=normal]'", "files: ['/var/log/shop.log']", "threshold: 3 in 600s",
                 "ban_for: 129600s", "increment: true", "multipliers: ['1', '2', '4']", "max_ban: 3024000s", "ignore: ['198.51.100.0/24']"):
        assert text in r.stdout, text
    assert "gw.example.net" in r.stdout and "other" not in r.stdout.replace("others", "")
    assert "ignorecommand" in r.stdout.split("# Not taken:")[1] and "port = 80" in r.stdout.split("# Nothing has to be set")[1]
    config, log = tmp_path / "c.yaml", tmp_path / "log"
    config.write_text(f"rules:\n  fail2ban: {etc}\n")
    log.write_text("shop: bad login from 192.0.2.7\n")
    args = ("-c", config, "--rules-dir", "/nonexistent", "rules")
    row, = json.loads(run(*args, "list", "-j").stdout)["rules"]
    assert (row["name"], row["threshold"], row["ban"]) == ("shop", "3 in 10m", "1d12h")
    assert json.loads(run(*args, "test", "--rule", "shop", "-o", "jsonl", log).stdout)["host"] == "192.0.2.7"


def test_a_jail_that_lets_in_is_no_rule(tmp_path):
    etc = tmp_path / "f2b"
    (etc / "filter.d").mkdir(parents=True)
    (etc / "filter.d" / "knock.conf").write_text("[Definition]\nfailregex = ^knock by <ADDR>$\n")
    jail = "[DEFAULT]\nenabled = true\nblocktype = REJECT\n[knock]\nfilter = knock\nlogpath = /var/log/x\n"
    (etc / "jail.conf").write_text(jail)
    assert "name: knock" in run("import", "fail2ban", etc).stdout
    (etc / "jail.conf").write_text(jail + "blocktype = RETURN\nreturntype = DROP\n")
    r = run("import", "fail2ban", etc)
    assert r.returncode == 7 and "name: knock" not in r.stdout and "its ban lets in" in r.stdout


@pytest.mark.parametrize("zone, is_known", [("CET-01CEST-02,M3.5.0,M10.5.0", True), ("UTC", True), ("<+03>-3", True), ("Nowhere/X", False),
                                            ("", False)])
def test_a_time_zone_that_is_none_is_said(tmp_path, zone, is_known):
    conf, log = tmp_path / "shop.conf", tmp_path / "log"
    conf.write_text(FILTER)
    log.write_text("x\n")
    r = run("rules", "test", "--time-zone", zone, "--filter", conf, log)
    assert (r.returncode == 0) == is_known and ("no time zone" in r.stderr) != is_known, r.stderr


def test_rules_test_takes_every_rule_of_a_source(tmp_path):
    log = tmp_path / "log"
    log.write_text("Nov 22 09:00:00 web1 sshd[1]: Failed password for root from 192.0.2.7 port 5 ssh2\nother\n"
                   "Nov 22 09:00:00 web1 sudo[7]: eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root\n")
    args = ("--rules-dir", RULES, "-c", tmp_path / "none.yaml", "rules", "test", "--source")
    got = [json.loads(line) for line in run(*args, "/var/log/auth.log", "-o", "jsonl", log).stdout.splitlines()]
    assert [(g["line"], g["rule"], g["host"], g["user"]) for g in got] == [(1, "sshd:1", "192.0.2.7", "root"), (3, "sudo:1", "", "eve")]
    assert run(*args, "/nowhere", log).returncode == 1


FILTER = """[INCLUDES]
[DEFAULT]
_daemon = shopd
[Definition]
prefregex = ^\\s*\\S+ %(_daemon)s\\[\\d+\\]: <F-CONTENT>.+</F-CONTENT>$
failregex = <mdre-<mode>>
mdre-normal = ^denied <F-USER>.*</F-USER> from <HOST>$
mdre-aggressive = %(mdre-normal)s
                  ^(?:probe|scan) by <HOST>$
ignoreregex = ^denied (?:<allowed>) from
[Init]
mode = normal
allowed = nobody-at-all
"""


def test_rules_test_takes_any_bytes_and_filters_with_options(tmp_path):
    conf, log = tmp_path / "shop.conf", tmp_path / "log"
    conf.write_text(FILTER)
    head = b"Aug 14 11:58:00 h shopd[7]: "
    lines = [b"denied eve from 192.0.2.7", b"denied e\0ve from 192.0.2.7", b"\0" * 50, b"denied " + b"e" * 10000 + b" from 2001:db8::7",
             b"A" * 300000, b"denied \xff\xfe\xc3 from 192.0.2.7", b"", b"probe by 192.0.2.8", b"denied bob from 192.0.2.9\r",
             b"denied eve from 192.0.2.7"]
    log.write_bytes(b"\n".join(head + line for line in lines))
    args = ("rules", "test", "-o", "jsonl", "--time-zone", "CET-01CEST-02,M3.5.0,M10.5.0", "--now", "1124013600", "--filter")

    def rows(options="", path=log, **kw):
        r = run(*args, f"{conf}{options}", path, **kw)
        assert r.returncode == 0, r.stderr
        out = [json.loads(line) for line in r.stdout.splitlines()]
        assert [o["line"] for o in out] == list(range(1, len(lines) + 1))
        assert all(set(o) == {"line", "matched", "ignored", "host", "time", "user", "rule"} for o in out)
        return out
    plain = rows()
    assert [o["host"] for o in plain] == ["192.0.2.7", "192.0.2.7", None, "2001:db8::7", None, "192.0.2.7", None, None, "192.0.2.9", "192.0.2.7"]
    assert {o["time"] for o in plain} == {1124013480} and plain[1]["user"] == "e\0ve" and plain[5]["user"] == "\ufffd" * 3
    assert plain[0]["rule"] == "shop:1" and plain[2]["rule"] is None and [o["matched"] for o in plain] == [o["host"] is not None for o in plain]
    with open(log, "rb") as f:
        assert rows(path="-", stdin=f) == plain
    more = rows("[mode=aggressive, allowed='eve|bob']")
    assert [(o["host"], o["rule"]) for o in more if o["matched"]][-1] == ("192.0.2.8", "shop:2")
    assert [o["line"] for o in more if o["ignored"]] == [1, 9, 10] and not any(o["matched"] and o["ignored"] for o in more)
    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    r = run(*args, conf, packed)
    assert r.returncode == 2 and "is compressed" in r.stderr and "zcat" in r.stderr


def test_trails_test_says_what_of_a_file_would_be_taken_without_a_daemon(tmp_path):
    f = tmp_path / "list.txt"
    f.write_text("# a\n192.0.2.1\n192.0.2.0/240\nevil.example x\n192.0.2.9-192.0.2.12\n\nwhat?\n192.0.2.3:53\n")
    r = run("trails", "test", f, "--config", tmp_path / "none", "-j", "-v")
    data = json.loads(r.stdout)
    assert r.returncode == 7 and (data["taken"], data["skipped"], data["refused"]) == (4, 2, 0)
    assert [(x["line"], x["verdict"], x.get("kind")) for x in data["lines"]] == [
        (2, "taken", "ip"), (3, "skipped", None), (4, "taken", "domain"), (5, "taken", "range"), (7, "skipped", None), (8, "taken", "ip-port")]
    assert data["kinds"] == {"ip": 1, "domain": 1, "range": 1, "ip-port": 1}
    f.write_text("192.0.2.1\n0.0.0.0/1\n")
    r = run("trails", "test", f, "--config", tmp_path / "none")
    assert r.returncode == 1 and "line 2: 0.0.0.0/1 is wider than /8" in r.stderr and "refused" in r.stdout
    (tmp_path / "c").write_text("trails:\n  widest_ipv4: 1\n")
    assert run("trails", "test", f, "--config", tmp_path / "c").returncode == 0
    f = tmp_path / "list.csv"
    f.write_text("trail,info,reference\nevil.example,\"a, b\",x\n192.0.2.1,i,r\nnot a trail,i,r\n")
    r = run("trails", "test", f, "--config", tmp_path / "none", "-j")
    data = json.loads(r.stdout)
    assert r.returncode == 7 and data["taken"] == 2 and [x["line"] for x in data["lines"]] == [4]
