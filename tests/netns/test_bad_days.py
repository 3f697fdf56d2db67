# SPDX-License-Identifier: GPL-3.0-or-later
"""Days that are worse than others: names that attack the reader, very many sockets, very many short processes."""
import os
import shutil
import signal
import struct
import sys

import pytest

from lab import BUILD
from test_report import mails, sendmail

STORM = os.path.join(BUILD, "tests/netns/act_storm")
HELD, MAKERS = 16700, 6  # 100,200 sockets; a process may have 20,000 files here

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
    s = socket.socket(type=socket.SOCK_DGRAM)
    s.bind((address, 10000 + i))
    held.append(s)
print("ready", flush=True)
signal.pause()
"""


# Listens, leaves the socket to a child and ends.
FIRST = """
import os, signal, socket
s = socket.create_server(("0.0.0.0", 0))
print(s.getsockname()[1], flush=True)
if os.fork() == 0:
    print(os.getpid(), flush=True)
    signal.pause()
"""

SECOND = """
import signal, socket
s = socket.create_server(("0.0.0.0", 0))
print(s.getsockname()[1], flush=True)
signal.pause()
"""

# Every process forks until it may not, ends after a moment, and so makes room for the others' children.
BOMB = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
first = os.getpid()
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
        if os.getpid() != first and os.getpid() % 3 == 0:
            os._exit(0)
"""

# Runs one program, and when it has ended another with its number (clone3(2), set_tid).
REUSE = """
import ctypes, os, sys
def run(number, program, script):
    tid = (ctypes.c_int * 1)(number)
    args = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(tid) if number else 0, 1 if number else 0, 0)
    pid = ctypes.CDLL(None, use_errno=True).syscall(435, ctypes.byref(args), ctypes.sizeof(args))
    if pid == 0:
        os.execv(program, [program, "-S", "-E", "-c", script])
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    return pid
first = run(0, sys.argv[1], sys.argv[2])
os.waitpid(first, 0)
print(run(first, sys.argv[3], sys.argv[4]), flush=True)
os.wait()
"""

# Listens and lets go, which are three records each time.
BUSY = """
import socket, sys
for i in range(int(sys.argv[1])):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    s.close()
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
    rows = started.cli_json("sockets", "list", "-u", timeout=180)["sockets"]
    owned = [s for s in rows if {q["pid"] for q in s["processes"]} & pids]
    assert len(owned) == HELD * MAKERS

    def new():
        changes = started.cli_json("sockets", "diff", timeout=180)["changes"]
        return [c for c in changes if c["change"] == "new" and c["socket"]["local"] and c["socket"]["local"].startswith("127.0.1.")]
    assert len(new()) == HELD * MAKERS, "so many differ from the baseline"
    started.ok("sockets", "baseline", "accept", timeout=180)
    assert not new() and len(started.cli_json("sockets", "baseline", "show", timeout=180)["sockets"]) > HELD * MAKERS
    assert "sockets differ" not in started.ok("report", timeout=180)
    for p in makers:
        p.kill()
        p.wait()

    def left():
        return [s for s in started.cli_json("sockets", "list", "-u", timeout=180)["sockets"] if s["local"].startswith("127.0.1.")]
    started.wait(lambda: not left(), 30, "all are gone from the list")
    complete(started)


def test_a_storm_of_short_processes_hides_no_listener_and_leaves_nothing_behind(started):
    complete(started)
    storms = [started.spawn(STORM, 20000) for _ in range(2)]  # as fast as the machine makes them
    port, _, p = started.listen()
    started.wait(lambda: [s for s in started.cli_json("sockets", "list", "-t")["sockets"]
                          if s["lport"] == port and [q["pid"] for q in s["processes"]] == [p.pid]], 10, "the listener is listed")
    for s in storms:
        assert s.communicate(timeout=120)[0].startswith("done ")
    complete(started)
    running = len([d for d in os.listdir("/proc") if d.isdigit()])
    started.wait(lambda: started.cli_json("status")["inventory"]["processes"] < running + 1000, 30, "the dead are forgotten")


def test_a_number_used_again_at_once_is_another_process(started):
    complete(started)
    events = started.follow()
    copies = [os.path.join(started.dir, name) for name in ("first", "second")]
    for copy in copies:
        shutil.copy(os.path.realpath(sys.executable), copy)
    p = started.spawn(*python(REUSE, copies[0], FIRST, copies[1], SECOND))
    numbers = [int(p.stdout.readline()) for _ in range(4)]
    rows = {s["lport"]: s for s in started.cli_json("sockets", "list", "-t")["sockets"]}
    # what the second prints and what its maker does come in either order
    pid = next(n for n in numbers[2:] if n not in rows)
    old, new = numbers[0], next(n for n in numbers[2:] if n in rows)
    assert [(q["pid"], q["executable"]) for q in rows[old]["processes"]] == [(numbers[1], copies[0])]
    assert [(q["pid"], q["executable"]) for q in rows[new]["processes"]] == [(pid, copies[1])]
    assert copies[1] in rows[new]["processes"][0]["command_line"]
    for port, copy in ((old, copies[0]), (new, copies[1])):
        told = started.wait(lambda port=port: events.find(kind="socket", action="listen", lport=port), 10, "the listener is told")
        assert (told["pid"], told["executable"]) == (pid, copy)


def test_after_the_ring_overflowed_the_loss_is_counted_and_the_list_is_whole(started):
    """The ring holds some 120,000 records: while the engine stands still, twice as many are made."""
    complete(started)
    events = started.follow()
    engine = started.pids("sockwarden-engine")[0]
    os.kill(engine, signal.SIGSTOP)
    try:
        busy = [started.spawn(*python(BUSY, 40000)) for _ in range(2)]
        for b in busy:
            assert b.communicate(timeout=120)[0].strip() == "done"
        port, _, p = started.listen()
    finally:
        os.kill(engine, signal.SIGCONT)

    def lost():
        return next(row["count"] for row in started.cli_json("status", timeout=60)["losses"] if row["name"] == "socket-events-lost")
    assert started.wait(lost, 60, "the loss is counted") > 0
    started.wait(lambda: started.cli_json("status")["inventory"]["lost"], 60, "the gap is seen")
    complete(started)
    assert "socket-events-lost" in started.ok("status")
    rows = [s for s in started.cli_json("sockets", "list", "-t")["sockets"] if s["lport"] == port]
    assert [[q["pid"] for q in s["processes"]] for s in rows] == [[p.pid]]
    # one row for ports that the kernel chose: of the same program the first that is seen is told, and here are three
    started.wait(lambda: [e for e in events.events if e.get("finding") == "new-listener" and e.get("pid") in {q.pid for q in [p, *busy]}],
                 30, "a finding")
    assert not [s for s in started.cli_json("sockets", "list", "-t")["sockets"] if {q["pid"] for q in s["processes"]} & {b.pid for b in busy}]


# The kernel lets an executable's whole path be no longer than a page: 4,096 bytes with the NUL that ends it.
DEEP = """
import os, shutil, signal, socket, sys
top, name, total = map(os.fsencode, sys.argv[1:3] + [sys.argv[3]])
os.chdir(top)
left = int(total) - len(top) - len(name) - 1
while left > 1:
    part = b"d" * min(200, left - 1)
    os.mkdir(part)
    os.chdir(part)
    left -= len(part) + 1
shutil.copy(os.path.realpath(sys.executable), name)
os.execv(b"./" + name, [b"\\xc3(\\x1b[2J\\nFrom: nobody", b"-S", b"-E", b"-c", sys.argv[4].encode()])
"""

LISTEN_AND_STAY = """
import signal, socket
s = socket.create_server(("0.0.0.0", 0))
print(s.getsockname()[1], flush=True)
signal.pause()
"""


def is_clean(text):
    """What a terminal, a mailbox or a log may be given: no control character but the line's end, no stray byte."""
    return not [c for c in text if (ord(c) < 32 and c not in "\n\t") or 0x7f <= ord(c) < 0xa0 or 0xd800 <= ord(c) < 0xe000]


def test_a_path_of_4096_bytes_and_a_name_that_is_no_text_stay_clean_in_terminal_json_and_mail(lab):
    box, sendmail_path = sendmail(lab)
    lab.write_config(f"alerts:\n  mail:\n    to: root@lab\n    min_severity: info\n    sendmail: {sendmail_path}\n    throttle: 1s\n")
    lab.start(seconds=60)
    complete(lab)
    events = lab.follow()
    name = b"\xff\xfe\xc3(\x1b[31m\nSubject: all is well\r\n\r\n\x9b31m\x07"
    p = lab.spawn(*python(DEEP, lab.dir, os.fsdecode(name), "4094", LISTEN_AND_STAY))
    port = int(p.stdout.readline())
    assert len(os.readlink(os.fsencode(f"/proc/{p.pid}/exe"))) == 4094
    lab.wait(lambda: events.find(kind="finding", finding="new-listener", pid=p.pid), 10, "a finding")
    row = next(s for s in lab.cli_json("sockets", "list", "-t")["sockets"] if s.get("lport") == port)
    assert [q["pid"] for q in row["processes"]] == [p.pid]
    for command in (("sockets", "list"), ("sockets", "list", "--as", "ss", "-tlnp"), ("sockets", "list", "--as", "lsof", "-i", "-n", "-P"),
                    ("sockets", "list", "--as", "netstat", "-anp"), ("sockets", "list", "--as", "socklist"), ("sockets", "diff"),
                    ("events", "--last", "100", "--all"), ("findings",), ("ps",), ("ps", str(p.pid)), ("audit",), ("report",)):
        for form in ((), ("-j",)):
            out = "".join(lab.cli(*command, *form)[1:])
            assert is_clean(out), (command, form, [c for c in out if not is_clean(c)])
            assert not any(line.startswith(("Subject: all is well", "From: nobody")) for line in out.splitlines()), command
    mail = lab.wait(lambda: [m for m in mails(box) if " is new" in m], 30, "a mail")[0]
    head, body = mail.split("\n\n", 1)
    assert is_clean(mail) and head.count("\nSubject:") + head.startswith("Subject:") == 1, mail
    assert not any(line.startswith(("Subject: all is well", "From: nobody")) for line in mail.splitlines()), mail


def test_a_fork_bomb_within_its_limit_hides_no_listener_and_is_forgotten(started):
    """Bounded by the processes that its user may have; it ends with its cgroup."""
    complete(started)
    bomb = f"{started.cgroup}/bomb"
    started.on_host("mkdir", bomb, check=True)
    started.spawn("sh", "-c", f"echo $$ > {bomb}/cgroup.procs; exec nice -n 19 setpriv --reuid=64321 --clear-groups "
                  "prlimit --nproc=200 \"$@\"", "sh", *python(BOMB), in_cgroup=False)
    try:
        started.wait(lambda: len(started.on_host("cat", bomb + "/cgroup.procs").stdout.split()) > 190, 30, "the bomb has what it may have")
        port, _, p = started.listen()
        started.wait(lambda: [s for s in started.cli_json("sockets", "list", "-t", timeout=60)["sockets"]
                              if s["lport"] == port and [q["pid"] for q in s["processes"]] == [p.pid]], 30, "the listener is listed")
    finally:
        started.on_host("sh", "-c", f"echo 1 > {bomb}/cgroup.kill", check=True)
    complete(started)
    running = len([d for d in os.listdir("/proc") if d.isdigit()])
    started.wait(lambda: started.cli_json("status")["inventory"]["processes"] < running + 1000, 30, "the dead are forgotten")


# Ends at once: exit(0), as the kernel starts it, without a library or a page of its own.
TINY_CODE = b"\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05"


def tiny(path):
    """The smallest program: what a machine can start most of in a second."""
    base = 0x400000
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + 120, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, 120 + len(TINY_CODE), 120 + len(TINY_CODE), 0x1000)
    with open(path, "wb") as f:
        f.write(head + segment + TINY_CODE)
    os.chmod(path, 0o755)
    return path


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the smallest program is written for x86-64")
def test_who_lives_under_a_millisecond_amid_a_storm_of_execs_is_named_and_losses_are_counted(started):
    """As many programs as both cores start; each fiftieth listens and is gone. More than 10,000 a second on an idle machine."""
    complete(started)
    events = started.follow()
    small, each, every = tiny(os.path.join(started.dir, "tiny")), 20000, 50
    storms = [started.spawn(STORM, each, small, every) for _ in range(2)]
    rates = []
    for s in storms:
        out = s.communicate(timeout=240)[0]
        assert out.startswith("done "), out
        rates.append(int(out.split()[1]))
    port, _, p = started.listen()

    def mine():
        return [e for e in events.events if e.get("kind") == "socket" and e.get("action") == "listen" and e.get("executable") == os.path.realpath(STORM)]

    def lost():
        return next((row["count"] for row in started.cli_json("status", timeout=60)["losses"] if row["name"] == "socket-events-lost"), 0)

    def held():  # on a fast machine: more in a second than are told one by one
        return sum(e["held"] for e in events.events if e.get("held_kind") == "socket")

    def is_behind():  # a follower on a busy machine: what it could not be given is said to it
        return any("items lost: read too slowly" in str(e) for e in events.events)
    started.wait(lambda: len(mine()) + held() >= 2 * each // every or lost() or is_behind(), 60, "each is told of, or so many are lost")
    print(f"{sum(rates)} processes a second, {len(mine())} of {2 * each // every} listeners told of, {lost()} records lost")
    assert all(e["pid"] and e["comm"] for e in mine())
    # the truth, whatever was lost
    complete(started)
    rows = [s for s in started.cli_json("sockets", "list", "-t", timeout=60)["sockets"] if s["lport"] == port]
    assert [[q["pid"] for q in s["processes"]] for s in rows] == [[p.pid]]
    assert not [s for s in started.cli_json("sockets", "list", "-t", timeout=60)["sockets"] if "act_storm" in str(s["processes"])]
