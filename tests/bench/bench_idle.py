#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the whole program costs that watches 50,000 sockets none of which changes: the anonymous memory of
all processes with that of maps and rings, the CPU it takes and how often it wakes. What the rest of the machine starts,
ends and opens meanwhile is seen too and is in both figures: `machine_records` beside them is how many records a second
that was, `snapshots` how often all sockets were read anew. Exit status 1 when sockets are missing.
"""
import os
import re
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/lib"), os.path.join(ROOT, "tests/bench")]
import lab as laboratory  # noqa: E402
from bench_live import anonymous_mb, maps_mb  # noqa: E402
from bench_live import figure as live_figure  # noqa: E402

MAKERS, PAIRS, SECONDS = 5, 5_000, 20
GOAL_MB, GOAL_PERCENT, GOAL_WAKES = 64, 0.1, 10

# Connections to itself: two sockets each. Several processes, for one may not have so many files open.
MAKE = """
import resource, socket, sys, time
n = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (2 * n + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
s = socket.create_server(("127.0.0.1", 0), backlog=128)
held = [s]
for _ in range(n):
    held.append(socket.create_connection(s.getsockname()))
    held.append(s.accept()[0])
print("ready", flush=True)
time.sleep(100000)
"""


def figure(case, value, unit, goal, **more):
    live_figure(case, value, unit, goal, bench="idle", **more)


def seen(lab):
    """(records about sockets and processes so far, snapshots so far)"""
    status = lab.cli_json("status")
    records = next((x["count"] for x in status["losses"] if x["name"] == "socket-events-sent"), 0)
    return records, status["inventory"]["resyncs"]


def spent(pids):
    """(CPU time in ns, voluntary context switches: each is one sleep and so one wake-up) of all threads."""
    ns = wakes = 0
    for pid in pids:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
                ns += int(f.read().split()[0])
            with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as f:
                wakes += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
    return ns, wakes


def has_settled(lab):
    """True when nothing is read anew that the sockets' making asked for and that was put off."""
    snapshots = seen(lab)[1]
    time.sleep(5)
    return seen(lab)[1] == snapshots


def main():
    with laboratory.Lab() as lab:
        lab.start()
        guard = next(pid for pid in lab._pids_in(os.readlink(f"/proc/{lab._holder.pid}/ns/mnt"))
                     if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "sockwardend")
        lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 20, "the inventory is complete")
        pids = [p["pid"] for p in lab.cli_json("status")["processes"] if p["pid"]] + [guard]
        empty = anonymous_mb(pids) + maps_mb(guard)
        makers = [lab.spawn(sys.executable, "-S", "-E", "-c", MAKE, PAIRS) for _ in range(MAKERS)]
        for maker in makers:
            line = maker.stdout.readline()
            if line != "ready\n":
                sys.exit("the sockets cannot be made: " + line + maker.stdout.read())
        lab.cli_json("sockets", "list", "-l", "-t", ":1")  # connects alike are told as a sum: a snapshot knows each
        lab.wait(lambda: lab.cli_json("status")["sockets"] >= 2 * PAIRS * MAKERS, 60, "all sockets are known", every=0.2)
        lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 60, "the inventory is complete again", every=0.2)
        lab.wait(lambda: has_settled(lab), 60, "the inventory has settled")
        records, snapshots = seen(lab)
        before = spent(pids)
        began = time.monotonic()
        time.sleep(SECONDS)
        after, took = spent(pids), time.monotonic() - began
        now = seen(lab)
        meanwhile = {"machine_records": round((now[0] - records) / took, 1), "snapshots": now[1] - snapshots}
        full = anonymous_mb(pids) + maps_mb(guard)
        live_figure("50 k sockets, memory of all processes, maps and rings", full, "MB", GOAL_MB, bench="idle",
                    peer="the same without them", peer_value=round(empty, 2))
        figure(f"50 k sockets, none changes for {SECONDS} s: CPU", (after[0] - before[0]) / took / 1e7, "%", GOAL_PERCENT,
               **meanwhile)
        figure(f"50 k sockets, none changes for {SECONDS} s: wake-ups", (after[1] - before[1]) / took, "1/s", GOAL_WAKES,
               **meanwhile)
        missing = 2 * PAIRS * MAKERS - lab.cli_json("status")["sockets"]
        sys.exit(1 if missing > 0 else 0)


if __name__ == "__main__":
    main()
