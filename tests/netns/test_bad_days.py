# SPDX-License-Identifier: GPL-3.0-or-later
"""Days that are worse than others: names that attack the reader, very many sockets, very many short processes."""
import os
import shutil
import sys

HELD, MAKERS = 5000, 4  # 20,000 sockets: what two shared cores make and list in a few seconds

HOSTILE = """
import signal, socket, sys
s = socket.socket()
s.bind(("0.0.0.0", 0))
s.listen()
u = socket.socket(socket.AF_UNIX)
u.bind(sys.argv[1])
u.listen()
print(s.getsockname()[1], flush=True)
signal.pause()
"""

MANY = """
import resource, signal, socket, sys
n, address = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 64, n + 64))
held = []
for i in range(n):
    s = socket.socket()
    s.bind((address, 10000 + i))
    s.listen(1)
    held.append(s)
print("ready", flush=True)
signal.pause()
"""

# A bounded bomb: each waits for its own children, never more than eight at once.
FORKS = """
import os, sys
n = int(sys.argv[1])
alive = 0
for i in range(n):
    if os.fork() == 0:
        os._exit(0)
    alive += 1
    if alive == 8:
        os.wait()
        alive -= 1
while alive:
    os.wait()
    alive -= 1
print("done", flush=True)
"""


def python(*args):
    return [sys.executable, "-S", "-E", "-c", *args]


def complete(lab):
    return lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 30, "the inventory is complete")


def test_names_that_attack_the_reader_stay_text(started):
    complete(started)
    name = "e\x1b[31mvil\n2026-01-01 all is well\x07"
    program, path = os.path.join(started.dir, name), os.path.join(started.dir, "u\x1b]0;x\x07\nfake")
    shutil.copy(os.path.realpath(sys.executable), program)
    events = started.follow()
    p = started.spawn(program, "-S", "-E", "-c", HOSTILE, path)
    port = int(p.stdout.readline())
    rows = [s for s in started.cli_json("sockets", "list")["sockets"] if s.get("lport") == port]
    assert [q["executable"] for s in rows for q in s["processes"]] == [os.path.realpath(program)]
    assert any(s.get("path") == path for s in started.cli_json("sockets", "list", "-x")["sockets"])
    started.wait(lambda: events.find(kind="finding", finding="new-listener", pid=p.pid), 5, "a finding")
    for command in (("sockets", "list"), ("sockets", "list", "-x"), ("sockets", "list", "--as", "ss", "-tlnpx"),
                    ("sockets", "list", "--as", "lsof", "-i", "-n", "-P"), ("sockets", "diff"), ("events", "--last", "100", "--all"),
                    ("findings",), ("ps",), ("audit",)):
        out = "".join(started.cli(*command)[1:])
        assert "\x1b" not in out and "\x07" not in out, command
        assert not any(line.startswith(("2026-01-01 all is well", "fake")) for line in out.splitlines()), command


def test_very_many_sockets_are_listed_to_the_last_with_their_owners(started):
    complete(started)
    makers = [started.spawn(*python(MANY, HELD, f"127.0.1.{i + 1}")) for i in range(MAKERS)]
    for p in makers:
        assert p.stdout.readline().strip() == "ready"
    pids = {p.pid for p in makers}
    rows = started.cli_json("sockets", "list", "-t", timeout=60)["sockets"]
    owned = [s for s in rows if {q["pid"] for q in s["processes"]} & pids]
    assert len(owned) == HELD * MAKERS
    for p in makers:
        p.kill()
        p.wait()

    def left():
        return [s for s in started.cli_json("sockets", "list", "-t", timeout=60)["sockets"] if s["local"].startswith("127.0.1.")]
    started.wait(lambda: not left(), 30, "all are gone from the list")
    complete(started)


def test_a_storm_of_short_processes_hides_no_listener_and_leaves_nothing_behind(started):
    complete(started)
    storms = [started.spawn(*python(FORKS, 2500)) for _ in range(2)]
    port, _, p = started.listen()
    started.wait(lambda: [s for s in started.cli_json("sockets", "list", "-t")["sockets"]
                          if s["lport"] == port and [q["pid"] for q in s["processes"]] == [p.pid]], 10, "the listener is listed")
    for s in storms:
        assert s.communicate(timeout=60)[0].strip() == "done"
    complete(started)
    running = len([d for d in os.listdir("/proc") if d.isdigit()])
    started.wait(lambda: started.cli_json("status")["inventory"]["processes"] < running + 1000, 30, "the dead are forgotten")
