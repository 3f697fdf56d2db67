# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line shows: on a terminal and in a pipe, of much and of nothing, to an engine that says what the test wants."""
import json
import re
import resource
import subprocess
import sys

import pytest
from offline import STATUS, on_terminal, run


def test_status_is_one_screen_and_exits_6_when_degraded(engine):
    engine.replies["status"] = {"data": STATUS}
    r = engine.cli("status")
    assert r.returncode == 0
    assert "sockwarden 9.9 on h\\x1b[2J, up 1h1m" in r.stdout and "\x1b" not in r.stdout
    for part in ("everything is judged and told, nothing is dropped", "eth0", "native", "asked for", "4.0K",
                 "lost        packet-events-lost 2: packet events lost because the ring was full"):
        assert part in r.stdout
    assert len(r.stdout.splitlines()) <= 24
    engine.replies["status"] = {"data": {**STATUS, "degraded": ["the database is full: make room"]}}
    r = engine.cli("status")
    assert r.returncode == 6 and "the database is full: make room" in r.stdout
    r = engine.cli("status", "-j")
    assert r.returncode == 6 and json.loads(r.stdout)["degraded"] and r.stdout.count("\n") == 1
    assert engine.cli("status", "--pretty").stdout.count("\n") > 10


def test_what_is_degraded_is_broken_between_words_where_the_terminal_ends(engine):
    text = "the database is full, and " * 5 + "so on"
    engine.replies["status"] = {"data": {**STATUS, "degraded": [{"text": text, "fix": "make room " * 9}]}}
    shown = on_terminal(engine, "status", env={"COLUMNS": "60"})[1].replace("\r\n", "\n").split("degraded")[1].splitlines()[1:]
    assert max(map(len, shown)) <= 60 and " ".join(shown).split() == (text + " make room" * 9).split()
    assert [len(line) - len(line.lstrip()) for line in shown] == [2, 2, 2, 4, 4]
    assert "  " + text + "\n" in engine.cli("status").stdout


COUNTED = [{"name": n, "count": 5} for n in (
    "packet-events-sent", "packet-events-limited", "socket-events-lost", "socket-events-limited", "connects-refused", "binds-refused",
    "packets-inspected", "not-inspected", "domain-hits", "shunned", "tags-again", "findings-not-told")]


def test_status_shows_what_matters_and_json_keeps_all(engine):
    none = {"packets": 0, "bytes": 0, "dropped": 0}
    state = {**STATUS, "counters": [{"reason": "ban", **none}, {"reason": "probe", **none, "packets": 4}], "losses": COUNTED,
             "interfaces": [{"name": "eth0", "hook": "tcx", "driver": "veth", "why": "so", "put_back": 0}],
             "processes": [{"name": "engine", "pid": 7, "restarts": 1}, {"name": "net", "pid": 8, "restarts": 2}]}
    engine.replies["status"] = {"data": state}
    out = engine.cli("status").stdout
    assert "\nprobe " in out and "\nban " not in out and "PUT BACK" not in out and "FORWARDED" not in out
    assert "engine 7 (1 restart), net 8 (2 restarts)" in out
    told = [line.split()[:2] for line in out.splitlines() if line.split()[:1] in (["lost"], ["summed"], ["refused"])]
    assert told == [["summed", "packet-events-limited"], ["lost", "socket-events-lost"], ["summed", "socket-events-limited"],
                    ["refused", "connects-refused"], ["refused", "binds-refused"], ["lost", "not-inspected"], ["refused", "shunned"],
                    ["lost", "findings-not-told"]]
    assert "\nban " in engine.cli("status", "-v").stdout and "\nban " in engine.cli("status", "-o", "wide").stdout
    assert json.loads(engine.cli("status", "-j").stdout) == {"schema_version": 1, **state}
    state["counters"].pop()
    state["interfaces"][0].update(put_back=3, forward="tcx")
    out = engine.cli("status").stdout
    assert "judged      no packet yet" in out and "JUDGED" not in out and "PUT BACK" in out and "FORWARDED" in out


def test_on_a_terminal_arm_asks_and_a_yes_keeps(engine):
    code, shown = on_terminal(engine, "arm", "--confirm", "60s", answer=b"y\n")
    assert code == 0 and "Keep it? [y/N] (60s)" in shown and "kept" in shown
    assert [a["confirm"] for _, a in engine.asked] == [60, 0] and engine.asked[1][1]["mode"] == "enforce"


def test_on_a_terminal_a_no_goes_back_to_observing_and_silence_counts_down(engine):
    code, shown = on_terminal(engine, "arm", "--confirm", "60s", answer=b"n\n")
    assert code == 1 and engine.asked[1][1]["mode"] == "observe"
    engine.asked.clear()
    code, shown = on_terminal(engine, "arm", "--confirm", "2s")
    assert code == 1 and "(2s)" in shown and "(1s)" in shown and "ended by itself" in shown
    assert len(engine.asked) == 1


HELPS = [("help",), ("trails", "--help"), ("trails", "import", "--help"), ("import", "--help"), ("config", "explain", "bans"),
         ("config", "explain", "bans.backends")]


@pytest.mark.parametrize("argv", HELPS, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80, 132])
def test_help_fits_the_terminal_word_by_word_and_a_pipe_gets_whole_lines(argv, columns):
    piped = run(*argv, env={"COLUMNS": str(columns)}).stdout
    shown = on_terminal(None, *argv, env={"COLUMNS": str(columns)})[1].replace("\r\n", "\n")
    assert shown.split() == piped.split()
    assert shown != piped or max(map(len, piped.splitlines())) <= columns
    broken = [line for line in shown.splitlines() if not re.match("usage: | +sockwarden ", line)]  # commands to copy are never broken
    assert [line for line in broken if len(line) > columns and " " in line.strip()] == []


def test_colours_are_for_terminals_and_no_color_is_heeded(engine):
    engine.replies["status"] = {"data": STATUS}
    assert "\x1b[" in on_terminal(engine, "status")[1]
    assert "\x1b[" in engine.cli("status", "--color", "always").stdout
    assert "\x1b[" not in on_terminal(engine, "status", "--color", "never")[1]


def test_why_says_in_one_line_that_nothing_is_known(engine):
    engine.replies["why"] = {"data": {"subject": "192.0.2.7", "verdict": "none", "chain": []}}
    r = engine.cli("why", "192.0.2.7")
    assert (r.returncode, r.stdout, r.stderr) == (0, "192.0.2.7: none: no ban, list, rule or finding names it\n", "")
    assert engine.cli("why", "192.0.2.7", "-o", "csv").stdout == "WHAT,ADDRESS,WHY\n"
    engine.replies["why"]["data"]["chain"] = [{"what": "ban", "net": "192.0.2.7", "text": "so"}]
    assert engine.cli("why", "192.0.2.7").stdout.splitlines()[1:] == ["WHAT  ADDRESS    WHY", "ban   192.0.2.7  so"]


def test_feeding_a_rule_that_is_not_there_is_told_before_any_line(engine):
    engine.replies["logs.feed"] = {"error": {"code": "not-found", "message": "there is no rule 'nix'"}}
    r = engine.cli("logs", "feed", "nix", input="")
    assert r.returncode == 1 and r.stderr == "sockwarden: there is no rule 'nix'\n"
    assert engine.asked == [("logs.feed", {"rule": "nix", "lines": []})]


def test_what_an_import_skips_is_counted_and_where_to_read_on_is_said(engine, tmp_path):
    (tmp_path / "l.txt").write_text("192.0.2.1\n?\n")
    engine.replies["trails.import"] = {"data": {"in_force": True, "list": {
        "name": "l", "entries4": 1, "entries6": 0, "others": 1, "skipped": 1, "bad_lines": 1, "first_bad_line": 2}}}
    assert engine.cli("trails", "import", tmp_path / "l.txt").stderr.splitlines()[1:] == [
        "  and 1 of other kinds: domains, URLs, addresses with a port, fingerprints",
        "  skipped as trails that nothing can be done with: 1",
        "  skipped as no trail at all: 1, the first in line 2; sockwarden trails test FILE tells all of them"]


HOARDER = """
import ctypes, mmap, os, sys
ctypes.CDLL(None).prctl(15, sys.argv[2].encode("latin-1"), 0, 0, 0)
kept = []
for i in range(int(sys.argv[1])):
    path = f"{sys.argv[3]}/{i}"
    with open(path, "w+b") as f:
        f.truncate(8192)
        kept += [mmap.mmap(f.fileno(), 4096), mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ)]
print("ready", flush=True)
sys.stdin.read()
"""


def files_of(tmp_path, n, name):
    p = subprocess.Popen([sys.executable, "-S", "-E", "-c", HOARDER, str(n), name, str(tmp_path)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    out = run("ps", p.pid, "-j").stdout
    took_sec = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    p.communicate("")
    return json.loads(out)["files"], took_sec


@pytest.mark.parametrize("name,shown", [("\xff\xfe", "\\xff\\xfe"), ("aaaaaaaa\xc3\xa4", "aaaaaaaa"), ("\xc3\xa4\xc3\xa4", "\u00e4\u00e4")])
def test_a_process_cannot_hide_its_name_from_ps(tmp_path, name, shown):
    assert {f["command"] for f in files_of(tmp_path, 1, name)[0]} == {shown}


def test_ps_of_a_process_that_maps_thousands_of_files_takes_no_longer_than_they_are_many(tmp_path):
    files, took_sec = files_of(tmp_path, 4000, "hoarder")
    mapped = [f["name"] for f in files if f["fd"] == "mem" and f["name"].startswith(str(tmp_path))]
    assert len(mapped) == len(set(mapped)) == 4000
    assert took_sec < 1  # of the processor; by a search of all rows for each it took 3


def test_audit_counts_connections_by_port_protocol_and_namespace(engine):
    def sock(protocol, lport, rport=0, netns="", exe="/bin/a"):
        return {"protocol": protocol, "state": "listen" if not rport else "established", "local": "198.18.0.1", "lport": lport, "rport": rport,
                "netns_name": netns, "exposure": "world", "user": "root", "inode": 1, "processes": [{"name": "a", "pid": 9, "executable": exe}]}
    engine.replies["sockets.list"] = {"data": {"complete": True, "sockets": [
        sock("tcp", 80), sock("tcp", 80, exe="/bin/b"), sock("tcp", 80, netns="x"), sock("tcp", 81),
        sock("tcp", 80, 1000), sock("tcp", 80, 1001), sock("udp", 80, 1002), sock("tcp", 80, 1003, netns="x")]}}
    rows = json.loads(engine.cli("audit", "-j").stdout)["services"]
    assert sorted((r["port"], r["netns_name"], r["executable"], r["connections"]) for r in rows) == [
        (80, "", "/bin/a", 2), (80, "", "/bin/b", 2), (80, "x", "/bin/a", 1), (81, "", "/bin/a", 0)]


def test_audit_of_a_program_that_listens_on_thousands_of_ports_takes_no_longer_than_they_are_many(engine):
    listener = {"protocol": "tcp", "state": "listen", "local": "198.18.0.1", "exposure": "world", "inode": 1}
    engine.replies["sockets.list"] = {"data": {"complete": True, "sockets": [
        *({**listener, "lport": p} for p in range(1000, 4000)),
        *({**listener, "state": "established", "lport": p, "rport": 9} for p in range(1000, 4000))]}}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    rows = json.loads(engine.cli("audit", "-j").stdout)["services"]
    assert len(rows) == 3000 and {r["connections"] for r in rows} == {1}
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1.5
