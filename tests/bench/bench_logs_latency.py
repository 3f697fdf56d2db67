#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a line in a log to a packet that is dropped, beside fail2ban in the same laboratory.

Latency: the five lines that make an address an attacker are written by one write(2), and what counts is when the
address is in the table by which XDP drops. Of fail2ban, which has no such table, it is the last datagram that came
through from an address that sends without a pause. Burst: the lines of 1,000 attackers are written at once, and what
counts is when the last of them is in the table, or in fail2ban's set. Both by the packaged rule for sshd, both with
fail2ban's own filter, inotify backend and nftables action as the peer. Wrong, and the exit status 1, when an attacker
is not banned, one that is comes through, or somebody else is banned.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
import debs  # noqa: E402
import lab as laboratory  # noqa: E402

TRIALS, THEIR_TRIALS = 200, 12
BURST = 1000
RULES_AT_WORK = 30
GOAL_P50, GOAL_P99, GOAL_BURST, GOAL_MB = 2, 10, 200, 20
SET = ["nft", "-j", "list", "set", "inet", "f2b-table", "addr-set-sshd"]

# Sends from one address after the other, each until it is told to go on.
SEND = """
import socket, sys, time
host, port, first, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
told = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
told.bind(("198.18.0.67", port))
told.setblocking(False)
for i in range(first, first + n):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
    s.bind(("198.19.%d.%d" % (i // 250, 1 + i % 250), 0))
    while True:
        s.sendto(b"x", (host, port))
        try:
            told.recv(9)
            break
        except BlockingIOError:
            time.sleep(0.0001)
"""

# Writes the lines and hears when the datagrams end: milliseconds a line, -1 for never.
HEAR = """
import os, socket, sys, time
port, first, n, log, quiet, patience = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5]), float(sys.argv[6])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.18.0.1", port))
print("ready", flush=True)
fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
for i in range(first, first + n):
    who = "198.19.%d.%d" % (i // 250, 1 + i % 250)
    s.settimeout(10)
    while s.recvfrom(9)[1][0] != who:
        pass
    stamp = time.strftime("%b %e %H:%M:%S")
    text = "".join("%s lab sshd[%d]: Failed password for root from %s port %d ssh2\\n" % (stamp, 1000 + i, who, 1024 + k) for k in range(5))
    s.settimeout(quiet)
    began = last = time.monotonic()
    os.write(fd, text.encode())
    while last - began < patience:
        try:
            if s.recvfrom(9)[1][0] == who:
                last = time.monotonic()
        except TimeoutError:
            break
    print((last - began) * 1000 if last - began < patience else -1, flush=True)
    s.sendto(b"next", ("198.18.0.67", port))
"""

# Looks into the pinned table; then the lines of one attacker after the other, or of all, and milliseconds for each.
TABLE = """
import ctypes, os, socket, sys, time
pin, log, n, is_burst = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "burst"
libc = ctypes.CDLL(None, use_errno=True)
class Obj(ctypes.Structure):
    _fields_ = [("path", ctypes.c_uint64), ("fd", ctypes.c_uint32), ("flags", ctypes.c_uint32)]
class Elem(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_uint32), ("pad", ctypes.c_uint32), ("key", ctypes.c_uint64), ("value", ctypes.c_uint64), ("flags", ctypes.c_uint64)]
NR = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
path = ctypes.create_string_buffer(pin.encode())
obj = Obj(ctypes.addressof(path), 0, 0)
table = libc.syscall(NR, 7, ctypes.byref(obj), ctypes.sizeof(obj))
if table < 0:
    sys.exit("the table cannot be opened: %s" % os.strerror(ctypes.get_errno()))
key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(64)
elem = Elem(table, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
def is_there(address):
    key.raw = socket.inet_aton(address)
    return libc.syscall(NR, 1, ctypes.byref(elem), ctypes.sizeof(elem)) == 0
def wait_for(address, began):
    while not is_there(address):
        if time.monotonic() - began > 60:
            sys.exit("%s is not banned" % address)
        if is_burst:
            time.sleep(0.001)
def lines(address):
    stamp = time.strftime("%b %e %H:%M:%S")
    return ["%s lab sshd[7]: Failed password for root from %s port %d ssh2\\n" % (stamp, address, 1024 + k) for k in range(5)]
fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
who = ["198.19.%d.%d" % ((100 if is_burst else 0) + i // 250, 1 + i % 250) for i in range(n)]
if is_burst:
    text = "".join(line for five in zip(*map(lines, who)) for line in five)
    began = time.monotonic()
    os.write(fd, text.encode())
    for address in who:
        wait_for(address, began)
    print((time.monotonic() - began) * 1000)
else:
    for address in who:
        text = "".join(lines(address)).encode()
        began = time.monotonic()
        os.write(fd, text)
        wait_for(address, began)
        print((time.monotonic() - began) * 1000)
        time.sleep(0.01)
"""


def figure(case, value, unit, **more):
    row = {"bench": "logs_latency", "case": case, "value": round(value, 3), "unit": unit, **more}
    print(json.dumps(row), flush=True)


def python(code, *args):
    return [sys.executable, "-S", "-E", "-c", code, *map(str, args)]


def latencies(lab, first, n, log, quiet, patience):
    port, _, p = lab.listen(kind="udp", address=lab.host)
    p.kill()
    p.wait()
    hear = lab.spawn(*python(HEAR, port, first, n, log, quiet, patience))
    hear.stdout.readline()
    lab.spawn(*python(SEND, lab.host, port, first, n), on_host=False, stdout=subprocess.DEVNULL)
    out = [float(line) for line in hear.stdout]
    hear.wait()
    if len(out) != n or min(out) < 0:
        sys.exit(f"WRONG: {n} attackers, {len([x for x in out if x >= 0])} were banned")
    return sorted(out)


def table(lab, log, n, kind):
    p = lab.on_host(*python(TABLE, lab.pin("ban4"), log, n, kind), timeout=120)
    if p.returncode:
        sys.exit(f"WRONG: {p.stderr}")
    return [float(x) for x in p.stdout.split()]


def at(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def anon_mb(pids):
    kib = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            kib += sum(int(line.split()[1]) for line in f if line.startswith("Pss_Anon:"))
    return kib / 1024


def prepare(lab):
    lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
    lab.attack("ip", "route", "add", "local", "198.19.0.0/16", "dev", "lo", check=True)
    lab.on_host("sysctl", "-qw", "net.core.rmem_max=4194304")


def sample_lines():
    """(log, line) of every sample of every packaged rule, by the rule's first log that is one file."""
    for pack in sorted(glob.glob(os.path.join(ROOT, "feeds/rules/*.yaml"))):
        with open(pack, encoding="utf-8") as f:
            for block in re.split(r"^  - name: ", f.read(), flags=re.M)[1:]:
                files = re.search(r"^    files: \[(.*)\]$", block, re.M)
                paths = [p.strip('"').replace("*", "x") for p in re.split(r", *", files[1])] if files else []
                paths = [p for p in paths if p.startswith("/var/log/")]
                for quote, line in re.findall(r"""line: (['"])(.*)\1 ?\}$""", block, re.M) if paths else ():
                    yield paths[0], line.replace("''", "'") if quote == "'" else line.replace('\\"', '"').replace("\\\\", "\\")


def memory_with_every_rule(lab):
    """The rules of every log at work: their expressions are made. (megabytes, rules that had a hit)"""
    lines, hit = list(sample_lines()), set()
    for path in sorted({path for path, _ in lines}):
        lab.on_host("mkdir", "-p", os.path.dirname(path), check=True)
        lab.on_host("sh", "-c", f"cat >> {path}", input="".join(line + "\n" for p, line in lines if p == path), check=True)

    def are_enough():
        hit.update(r["rule"] for r in lab.cli_json("logs")["rules"])
        return len(hit) >= RULES_AT_WORK
    lab.wait(are_enough, 60, f"{RULES_AT_WORK} packaged rules had a hit")
    return anon_mb(lab.pids("sockwarden-engine")), len(hit)


def ours():
    with laboratory.Lab(config="mode: enforce\nbans:\n  per_minute: 100000\n") as lab:
        prepare(lab)
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        log = "/var/log/auth.log"
        got, burst = (table(lab, log, n, kind) for n, kind in ((TRIALS, "each"), (BURST, "burst")))
        bans = {b["net"] for b in lab.cli_json("bans")["bans"]}
        if len(bans) != TRIALS + BURST or not all(b.startswith("198.19.") for b in bans):
            sys.exit(f"WRONG: {len(bans)} bans")
        if lab.ping("198.19.0.1") or lab.ping("198.19.103.250"):
            sys.exit("WRONG: one who is banned comes through")
        mb = anon_mb(lab.pids("sockwarden-engine"))
        return sorted(got), burst[0], mb, *memory_with_every_rule(lab)


def start_fail2ban(lab, root, inotify):
    conf = os.path.join(lab.dir, "f2b")
    shutil.copytree(os.path.join(root, "etc/fail2ban"), conf)
    with open(os.path.join(conf, "jail.d", "lab.local"), "w", encoding="utf-8") as f:
        f.write("[DEFAULT]\nbackend = pyinotify\nbanaction = nftables[type=allports]\nbanaction_allports = nftables[type=allports]\n"
                "maxretry = 5\nfindtime = 600\nusedns = no\nignoreself = false\n[sshd]\nenabled = true\nprotocol = udp\nlogpath = /var/log/auth.log\n")
    with open(os.path.join(conf, "fail2ban.local"), "w", encoding="utf-8") as f:
        f.write(f"[Definition]\ndbfile = {lab.dir}/f2b.sqlite3\n")
    for name in os.listdir(os.path.join(conf, "jail.d")):
        if name != "lab.local":
            os.unlink(os.path.join(conf, "jail.d", name))
    lab.on_host("touch", "/var/log/auth.log", check=True)
    paths = ":".join(os.path.join(r, "usr/lib/python3/dist-packages") for r in (root, inotify))
    p = lab.spawn("env", f"PYTHONPATH={paths}", "PYTHONDONTWRITEBYTECODE=1", sys.executable, os.path.join(root, "usr/bin/fail2ban-server"), "-f",
                  "-c", conf, "-s", os.path.join(lab.dir, "f2b.sock"), "-p", os.path.join(lab.dir, "f2b.pid"), "--logtarget", os.path.join(lab.dir, "f2b.log"),
                  "start", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, in_cgroup=False)

    def is_up():
        try:
            with open(os.path.join(lab.dir, "f2b.log"), encoding="utf-8") as f:
                return "Jail 'sshd' started" in f.read()
        except OSError:
            return False
    lab.wait(is_up, 20, "fail2ban is up")
    return p


def elements(lab):
    p = lab.on_host(*SET)
    return p.stdout.count("198.19.") if p.returncode == 0 else 0


def theirs(root, inotify):
    with laboratory.Lab() as lab:
        prepare(lab)
        p = start_fail2ban(lab, root, inotify)
        log = "/var/log/auth.log"
        latencies(lab, 0, 1, log, 0.5, 20)  # makes the table
        got = latencies(lab, 1, THEIR_TRIALS, log, 0.2, 20)
        before, stamp = elements(lab), time.strftime("%b %e %H:%M:%S")
        text = "".join(f"{stamp} lab sshd[7]: Failed password for root from 198.19.{100 + i // 250}.{1 + i % 250} port {1024 + k} ssh2\n"
                       for k in range(5) for i in range(BURST))
        began = time.monotonic()
        lab.on_host("sh", "-c", f"cat >> {log}", input=text, check=True)
        lab.wait(lambda: elements(lab) >= before + BURST, 180, "fail2ban has banned them all", every=0.1)
        return got, (time.monotonic() - began) * 1000, anon_mb([p.pid])


def main():
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(1)
    got, burst, mb, every_mb, n_rules = ours()
    peer = {}
    root, why = debs.unpacked("fail2ban")
    inotify, why2 = debs.unpacked("python3-pyinotify")
    if root and inotify:
        peer = dict(zip(("got", "burst", "mb"), theirs(root, inotify)))
    else:
        print(f"fail2ban is left out: {why or why2}")

    def beside(value):
        return {"peer": "fail2ban", "peer_value": round(value, 3)} if peer else {}
    p50, p99 = at(got, 0.5), at(got, 0.99)
    figure("line to drop, median", p50, "ms", goal=GOAL_P50, met=p50 <= GOAL_P50, **(beside(at(peer["got"], 0.5)) if peer else {}))
    figure("line to drop, 99 of 100", p99, "ms", goal=GOAL_P99, met=p99 <= GOAL_P99, **(beside(max(peer["got"])) if peer else {}))
    figure(f"{BURST} attackers at once", burst, "ms", goal=GOAL_BURST, met=burst <= GOAL_BURST, **(beside(peer["burst"]) if peer else {}))
    figure("memory after it (anonymous)", mb, "MB", goal=GOAL_MB, met=mb <= GOAL_MB, **(beside(peer["mb"]) if peer else {}))
    figure(f"memory when {n_rules} packaged rules are at work (anonymous)", every_mb, "MB", goal=GOAL_MB, met=every_mb <= GOAL_MB)


if __name__ == "__main__":
    main()
