# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what tests left on the machine: namespaces, devices, cgroups, mounts, processes, BPF, nft, files.

What tests make is named after the run ($SW_TEST_RUN) or lies in its $TMPDIR, so that others who use
the machine at the same time are not blamed on it.
"""
import glob
import json
import os
import re
import subprocess
import time

SLOTS = "uvwxyz"  # behind the run's id stands which of the programs that run at once it was; no hexadecimal digit
WAIT_SEC = float(os.environ.get("SW_LEAK_WAIT_SEC", 10))  # the kernel frees things a little after the last user is gone


def lines(*argv):
    try:
        p = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return p.stdout.splitlines() if p.returncode == 0 else []


def bpftool(what):
    try:
        return json.loads("\n".join(lines("/usr/sbin/bpftool", "-j", what, "show")) or "[]")
    except ValueError:
        return []


def bpf_programs():
    """id -> name of the programs that no process holds, itself or by a link."""
    if os.environ.get("SW_TEST_SHARED"):  # others run sockwarden here too: theirs cannot be told from ours
        return {}
    linked = {link.get("prog_id") for link in bpftool("link") if link.get("pids")}
    return {p["id"]: p.get("name", "") for p in bpftool("prog") if not p.get("pids") and p["id"] not in linked}


def snapshot():
    """What was there before, of the things that carry no name of ours."""
    return {"bpf": bpf_programs(), "nft": set(lines("nft", "list", "tables")),
            "pins": set(glob.glob("/sys/fs/bpf/**", recursive=True)),
            "run": set(glob.glob("/run/sockwarden/*"))}


def our_bpf_names(build):
    """Names of the programs in our objects, cut as the kernel cuts them."""
    names = set()
    for obj in glob.glob(os.path.join(build, "bpf", "*.bpf.o")):
        for line in lines("readelf", "-sW", obj):
            col = line.split()
            if len(col) == 8 and col[3] == "FUNC" and col[4] == "GLOBAL":
                names.add(col[7][:15])
    return names


def our_processes(run):
    out = []
    me = os.getpid()
    for path in glob.glob("/proc/[0-9]*/environ"):
        pid = int(path.split("/")[2])
        try:
            with open(path, "rb") as f:
                env = f.read().split(b"\0")
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                cmd = f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue
        if pid != me and cmd and any(re.fullmatch(rf"SW_TEST_RUN={run}[{SLOTS}]?".encode(), e) for e in env):
            out.append(f"process {pid}: {cmd[:120]}")
    return out


def look(run, tmp, names, before):
    ours = re.compile(rf"sw{run}[{SLOTS}]?-").search
    left = [f"network namespace {n.split()[0]}" for n in lines("ip", "netns", "list") if ours(n)]
    left += ["device " + n.split(":")[1].strip() for n in lines("ip", "-o", "link") if ours(n)]
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        mounts = [line.split() for line in f]
    left += ["mount " + m[4] for m in mounts if ours(m[4]) or m[4].startswith(tmp + "/")]
    for m in mounts:
        if "cgroup2" in m:
            left += ["cgroup " + d for d in glob.glob(os.path.join(m[4], f"**/*sw{run}*-*"), recursive=True) if ours(d)]
    left += our_processes(run)
    left += [f"BPF program {i} {n}, held by no process" for i, n in bpf_programs().items()
             if i not in before["bpf"] and n in names]
    left += ["nft " + t for t in lines("nft", "list", "tables") if "sockwarden" in t and t not in before["nft"]]
    left += ["pin " + p for p in glob.glob("/sys/fs/bpf/**", recursive=True)
             if "sockwarden" in p and p not in before["pins"]]
    left += ["file " + p for p in glob.glob("/run/sockwarden/*") if p not in before["run"]]
    left += ["file " + os.path.join(tmp, p) for p in os.listdir(tmp)]
    return left


def find(run, tmp, build, before):
    """Lines that say what is left; empty when nothing is."""
    names = our_bpf_names(build)
    end = time.monotonic() + WAIT_SEC
    while True:
        left = look(run, tmp, names, before)
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.2)
