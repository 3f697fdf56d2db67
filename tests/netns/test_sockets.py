# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets through the whole program: the list, the baseline, and what differs from it."""
import os
import shutil
import socket
import subprocess
import sys


def sockets(lab, port):
    return [s for s in lab.cli_json("sockets", "list")["sockets"] if s["lport"] == port and s["protocol"] == "tcp"]


def difference(lab, port):
    changes = lab.cli_json("sockets", "diff")["changes"]
    return next((c for c in changes if c["key"].endswith(f":{port}") and c["key"].startswith("tcp/")), None)


def settled(lab):
    lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 10, "the first inventory is complete")


def test_the_first_start_takes_a_baseline_and_says_so(started):
    settled(started)
    names = [b["name"] for b in started.cli_json("sockets", "baseline", "list")["baselines"]]
    assert names == ["default"]
    assert "were taken as the baseline" in started.cli("events", "--last", "200", "-j")[1]


def test_a_new_listener_is_listed_with_its_owner_differs_and_is_accepted(started):
    settled(started)
    port, _, process = started.listen(8091)
    row = started.wait(lambda: sockets(started, port), 5, "the listener is listed")[0]
    assert (row["local"], row["state"], row["exposure"]) == ("0.0.0.0", "listen", "world")
    assert [p["pid"] for p in row["processes"]] == [process.pid]
    assert "python" in row["processes"][0]["executable"]
    assert difference(started, port)["change"] == "new"
    assert started.cli_json("sockets", "baseline", "accept", "default", f"tcp/0.0.0.0:{port}")["accepted"] == 1
    assert difference(started, port) is None


def test_each_answer_is_of_now_however_soon_one_asks_again(started):
    """No hook need tell of UNIX sockets: the first list and the first difference after a listen() hold it."""
    settled(started)
    listed = lambda path: path in [r.get("path") for r in started.cli_json("sockets", "list", "-x")["sockets"]]
    told = lambda path: any(path in c["key"] for c in started.cli_json("sockets", "diff")["changes"])
    for i in range(10):
        path = os.path.join(started.dir, f"now{i}")
        is_there = (listed, told)[i % 2]
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            s.listen()
            assert is_there(path)
        assert not is_there(path)


def test_a_service_that_widens_its_scope_and_one_that_goes_are_told_apart(started):
    settled(started)
    port, _, narrow = started.listen(8092, address="127.0.0.1")
    started.wait(lambda: sockets(started, port), 5, "the listener is listed")
    started.ok("sockets", "baseline", "save", "default")
    narrow.kill()
    narrow.wait()
    started.wait(lambda: not sockets(started, port), 5, "the listener is gone from the list")
    assert difference(started, port)["change"] == "gone"
    _, _, wide = started.listen(port)
    started.wait(lambda: sockets(started, port), 5, "the wide listener is listed")
    change = difference(started, port)
    assert (change["change"], change["was"]) == ("scope-widened", f"tcp/127.0.0.1:{port}")


def test_listeners_from_before_the_start_have_their_owners(lab):
    port, _, process = lab.listen(8093)
    lab.start()
    settled(lab)
    row = sockets(lab, port)[0]
    assert [p["pid"] for p in row["processes"]] == [process.pid]
    assert "python" in row["processes"][0]["executable"]
    assert difference(lab, port) is None


# Listens on PORT with SO_REUSEPORT and a backlog, and for each line again with that one.
AGAIN = """
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if sys.argv[2] == "share":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("0.0.0.0", int(sys.argv[1])))
s.listen(5)
print(s.getsockname()[1], flush=True)
for line in sys.stdin:
    s.listen(int(line))
    print("again", flush=True)
"""


def again(lab, port, how, python=sys.executable):
    p = lab.spawn(python, "-S", "-E", "-c", AGAIN, port, how, stdin=subprocess.PIPE)
    return int(p.stdout.readline()), p


def becomes(lab, port, change):
    """Without trampolines only a snapshot shows a second listen() and a file that is gone: the list takes one."""
    return lab.wait(lambda: sockets(lab, port) and (difference(lab, port) or {}).get("change") == change and difference(lab, port), 10, change)


def test_another_backlog_is_a_change_and_a_finding_and_a_restart_is_none(started):
    settled(started)
    port, p = again(started, 8094, "alone")
    started.wait(lambda: sockets(started, port), 5, "the listener is listed")
    started.ok("sockets", "baseline", "save", "default")
    p.kill()
    p.wait()
    port, p = again(started, port, "alone")
    started.wait(lambda: sockets(started, port), 5, "the listener is back")
    assert difference(started, port) is None
    p.stdin.write("50\n")
    p.stdin.flush()
    assert p.stdout.readline().strip() == "again"
    assert becomes(started, port, "backlog-changed")["was"] == "5, now 50"
    started.wait(lambda: [f for f in started.cli_json("findings", "--last", "100")["findings"] if f["rule"] == "listener-backlog"],
                 10, "a finding")


def test_a_program_that_joins_a_port_and_one_whose_file_is_gone_are_told_apart(started):
    settled(started)
    port, _ = again(started, 8095, "share")
    started.wait(lambda: sockets(started, port), 5, "the listener is listed")
    started.ok("sockets", "baseline", "save", "default")
    copy = os.path.join(started.dir, "joins")
    shutil.copy(os.path.realpath(sys.executable), copy)
    events = started.follow()
    again(started, port, "share", copy)
    assert becomes(started, port, "port-shared")["socket"]["executable"].endswith("/joins")
    started.wait(lambda: events.find(kind="finding", rule="listener-shared"), 5, "a finding")
    os.unlink(copy)
    becomes(started, port, "deleted-executable")
