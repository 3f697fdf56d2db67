#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What 1.63 M trails of every kind cost on a live host: the anonymous memory of all processes and the memory of
their maps, and how long a domain of them takes to be found in a question. Wrong, and the exit status 1, when it
is not found.
"""
import json
import os
import random
import re
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
import lab as laboratory  # noqa: E402

TRAILS, GOAL_MB, ASKED = 1_630_000, 120, 51
LISTED = {"an address": "11.22.33.44", "a domain": "evil.test", "a URL": "url.test/gate.php"}
REFERENCE = "Maltrail 3, recorded on a machine alike: 470 MB live"


def write_trails(path):
    """A tenth addresses, a tenth with ports, a tenth URLs, the rest domains: as bench_replay."""
    rnd = random.Random(1)
    os.makedirs(os.path.join(path, "malware"))
    with open(os.path.join(path, "malware", "bench.txt"), "w", encoding="ascii") as f:
        for i in range(TRAILS):
            a, kind = rnd.getrandbits(32), rnd.randrange(10)
            if kind < 2:
                f.write(f"11.{a >> 24}.{a >> 16 & 255}.{a & 255}{':8080' if kind else ''}\n")
            else:
                f.write(f"{'u' if kind == 2 else 'd'}{a:x}{i:x}.example{a % 100}.test{'/gate.php' if kind == 2 else ''}\n")
        f.write("".join(f"{text}\n" for text in LISTED.values()))


def anonymous_mb(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            total += int(re.search(r"Pss_Anon:\s+(\d+)", f.read())[1])
    return total / 1024


def maps_mb(pid):
    """Memory of the maps that the guard holds and of those that programs over them use, each once."""
    seen = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                text = f.read()
        except OSError:
            continue
        ident, size = re.search(r"map_id:\s+(\d+)", text), re.search(r"memlock:\s+(\d+)", text)
        if ident and size:
            seen[int(ident[1])] = int(size[1])
    held = set(seen)
    for program in bpftool("prog"):
        used = set(program.get("map_ids", ()))
        if used & held:
            seen.update((m["id"], m["bytes_memlock"]) for i in used - seen.keys() for m in bpftool("map", i))
    return sum(seen.values()) / 1e6


def answer_ms(lab, verb, **args):
    """How long the engine takes to answer on the control socket, the median; and whether it says that it is listed."""
    took = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(os.path.join(lab.run_dir, "control.sock"))
        lines = s.makefile("rw", encoding="utf-8")
        for ident in range(ASKED):
            began = time.monotonic()
            lines.write(json.dumps({"id": ident, "verb": verb, "args": args}) + "\n")
            lines.flush()
            answer = json.loads(lines.readline())
            took.append((time.monotonic() - began) * 1e3)
    if not answer["ok"]:
        sys.exit(f"{verb} {args}: {answer['error']['message']}")
    return sorted(took)[len(took) // 2], bool(answer["data"].get("hits") or answer["data"].get("chain"))


def command_ms(lab, *words):
    """The same of the command itself, from its start to its end, and of /bin/true: the least of many, the machine may be busy."""
    argv = [*lab._enter(), os.path.join(laboratory.BUILD, "sockwarden"), *lab.cli_paths(), *words, "-j"]
    took = {True: [], False: []}
    for _ in range(ASKED):
        for is_ours, command in ((True, argv), (False, [*lab._enter(), "/bin/true"])):
            began = time.monotonic()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            took[is_ours].append((time.monotonic() - began) * 1e3)
    return min(took[True]), min(took[False])


def bpftool(kind, ident=None):
    """What bpftool shows of all programs, or of one map; nothing when it is gone."""
    argv = ["bpftool", "-j", kind, "show"] + (["id", str(ident)] if ident else [])
    rows = json.loads(subprocess.run(argv, capture_output=True, text=True, check=False).stdout or "[]")
    return [rows] if isinstance(rows, dict) and "error" not in rows else rows if isinstance(rows, list) else []


def figure(case, value, unit, goal, **more):
    print(json.dumps({"bench": "live", "case": case, "value": round(value, 2), "unit": unit, "goal": goal, "met": value <= goal, **more}),
          flush=True)


def main():
    with laboratory.Lab() as lab:
        trails = os.path.join(lab.dir, "trails")
        write_trails(trails)
        lab.start()
        guard = next(pid for pid in lab._pids_in(os.readlink(f"/proc/{lab._holder.pid}/ns/mnt"))
                     if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "sockwardend")
        all_pids = lambda: [p["pid"] for p in lab.cli_json("status")["processes"] if p["pid"]] + [guard]  # noqa: E731
        empty = anonymous_mb(all_pids()) + maps_mb(guard)
        lab.write_config(f"trails:\n  directories:\n    - {trails}\n")
        began = time.monotonic()
        os.kill(guard, 1)
        lab.wait(lambda: "refused when enforcing" in lab.log(), 120, "the trails are compiled", every=0.1)
        compiled = time.monotonic() - began
        lab.spawn("dig", "+tries=1", "+time=1", "@" + lab.gateway, "x.evil.test").communicate(timeout=20)
        rows = lab.wait(lambda: [f for f in lab.cli_json("findings", "--last", "100")["findings"] if f["rule"] == "trail-dns"], 10,
                        "the domain is found")
        figure("1.63 M trails of every kind, memory of all processes and maps", anonymous_mb(all_pids()) + maps_mb(guard), "MB", GOAL_MB,
               peer="the same without trails", peer_value=round(empty, 2), reference=REFERENCE)
        figure("1.63 M trails of every kind, from the configuration to in force", compiled, "s", 30)
        all_listed = True
        for what, text in LISTED.items():
            for verb, args in (("trails.search", {"text": text}), ("why", {"subject": text})):
                took, is_listed = answer_ms(lab, verb, **args)
                all_listed = all_listed and is_listed
                figure(f"1.63 M trails of every kind, {verb} of {what}", took, "ms", 5)
                took, empty = command_ms(lab, *verb.split("."), text)
                figure(f"1.63 M trails of every kind, the command {verb.replace('.', ' ')} of {what}, started for it", took, "ms", 5,
                       peer="/bin/true, started likewise", peer_value=round(empty, 2))
        sys.exit(0 if all_listed and rows[0]["trail"] == "evil.test" else 1)


if __name__ == "__main__":
    main()
