#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decoys cost: 15,000 connections to as many ports held at once, how long the next one waits for its answer then,
and the time from a completed handshake to the ban in force.

The peer in the same run is the plain way: a listener on each of the ports, in the epoll of one of two processes (a limit of
files is for one). (PortSentry 1.2,
which Debian packages, watches 64 ports at most and holds no connection.) Exit status 1 when a connection was not held or a ban not told.
"""
import os
import re
import resource
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/lib"), os.path.join(ROOT, "tests/bench")]
import lab as laboratory  # noqa: E402
from bench_idle import spent  # noqa: E402
from bench_live import anonymous_mb  # noqa: E402
from bench_live import figure as live_figure  # noqa: E402

FIRST, HELD, ASKED, SOURCES, IDLE_SEC, PEERS = 20000, 15000, 200, 40, 10, 2
CONFIG = "decoys:\n  tcp: unused\n  tarpit: true\n"

# A listener on each port, all in one epoll; what comes is held. File descriptors only: no object a socket.
PLAIN = """
import resource, select, socket, sys
first, n = int(sys.argv[1]), int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
poll, listeners = select.epoll(), {}
for port in range(first, first + n):
    s = socket.create_server(("0.0.0.0", port), backlog=16)
    poll.register(s, select.EPOLLIN)
    listeners[s.fileno()] = s
print("ready", flush=True)
held = []
while True:
    for fd, _ in poll.poll():
        held.append(listeners[fd].accept()[0].detach())
"""

# Connects to each port, then to ASKED of them again; prints the times of those in microseconds, and holds all.
HOLD = """
import resource, socket, sys, time
target, first, n, asked = sys.argv[1], *map(int, sys.argv[2:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held, took = [], []
for i in range(n + asked):
    s = socket.socket()
    s.settimeout(10)
    began = time.monotonic()
    s.connect((target, first + i * 7 % n))
    if i >= n:
        took.append((time.monotonic() - began) * 1e6)
    held.append(s)
    if i == n - 1:
        print("up", flush=True)
        sys.stdin.readline()
print(*took, flush=True)
sys.stdin.readline()
"""

# One handshake from a source of its own; prints the wall clock before it.
TOUCH = """
import socket, sys, time
s = socket.socket()
s.bind((sys.argv[2], 0))
s.settimeout(5)
began = time.time_ns()
s.connect((sys.argv[1], int(sys.argv[3])))
print(began, flush=True)
"""


def figure(case, value, unit, goal, **more):
    live_figure(case, value, unit, goal, bench="decoys", **more)


def python(lab, script, *args, on_host=True):
    return lab.spawn(sys.executable, "-S", "-E", "-c", script, *args, on_host=on_host, stdin=-1)


def hold(lab, n, pids, held_by_now):
    """Holds n connections: what that costs the processes: MB, CPU in microseconds a connection, CPU in % idle; and the answers."""
    empty, began = anonymous_mb(pids), spent(pids)[0]
    client = python(lab, HOLD, lab.host, FIRST, n, ASKED, on_host=False)
    if client.stdout.readline() != "up\n":
        sys.exit("the connections are not answered: " + client.stdout.read())
    lab.wait(lambda: held_by_now() >= n, 60, "all are held", every=0.2)
    full, used = anonymous_mb(pids) - empty, (spent(pids)[0] - began) / n / 1e3
    began, at = spent(pids)[0], time.monotonic()
    time.sleep(IDLE_SEC)
    idle = (spent(pids)[0] - began) / (time.monotonic() - at) / 1e7
    client.stdin.write("\n")
    client.stdin.flush()
    took = sorted(map(float, client.stdout.readline().split()))
    client.kill()
    client.wait()
    return full, used, idle, statistics.median(took), took[len(took) * 99 // 100]


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def measure_held():
    with laboratory.Lab() as lab:
        n = min(HELD, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)
        lab.attack("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65000", check=True)
        plain = [python(lab, PLAIN, FIRST + i * n // PEERS, n // PEERS) for i in range(PEERS)]
        if any(p.stdout.readline() != "ready\n" for p in plain):
            sys.exit("the peer does not listen")
        pids = [p.pid for p in plain]
        peer = hold(lab, n, pids, lambda: sum(map(open_files, pids)) - n)
        for p in plain:
            p.kill()
            p.wait()
        lab.write_config(CONFIG)
        lab.start()
        lab.wait(lambda: lab.cli_json("decoys")["serving"], 10, "the decoys are served")
        pids = [p["pid"] for p in lab.cli_json("status")["processes"] if p["pid"]]
        ours = hold(lab, n, pids, lambda: lab.cli_json("decoys")["held"])
        name = f"{n:,} connections to as many ports held"
        cells = (("memory", "MB", 64), ("CPU for each", "µs", 100), (f"CPU while nothing comes for {IDLE_SEC} s", "%", 1),
                 ("the next is answered, the median", "µs", 1000), ("the next is answered, 99 of 100", "µs", 10000))
        for (what, unit, goal), value, peers in zip(cells, ours, peer):
            figure(f"{name}: {what}", value, unit, goal, peer="a listener on each", peer_value=round(peers, 2))


def measure_bans():
    """Milliseconds from before the handshake to the ban in force, one for each source."""
    with laboratory.Lab(config="mode: enforce\n" + CONFIG + "  action: ban\n  ban_for: 1h\n") as lab:
        sources = [f"198.18.0.{100 + i}" for i in range(SOURCES)]
        for source in sources:
            lab.attack("ip", "addr", "add", f"{source}/24", "dev", "eth0", check=True)
        lab.start()
        lab.wait(lambda: lab.cli_json("decoys")["serving"], 10, "the decoys are served")
        stream, took = lab.follow(), []
        lab.ok("ban", "198.18.7.7")  # the first ban of a database is slower than any other
        lab.wait(lambda: stream.find(kind="ban", net="198.18.7.7"), 10, "the events flow")
        for i, source in enumerate(sources):
            end = int(lab.attack(sys.executable, "-S", "-E", "-c", TOUCH, lab.host, source, 1000 + i, check=True).stdout) / 1e9 % 60
            event = lab.wait(lambda s=source: stream.find(kind="ban", net=s), 10, "the ban is told")
            took.append(((float(re.search(r":(\d\d\.\d+)Z", event["at"])[1]) - end + 30) % 60 - 30) * 1e3)
        took.sort()
        figure("a handshake to the ban in force, the median", statistics.median(took), "ms", 10)
        figure(f"a handshake to the ban in force, the worst of {SOURCES}", took[-1], "ms", 10)


def main():
    measure_held()
    measure_bans()


if __name__ == "__main__":
    main()
