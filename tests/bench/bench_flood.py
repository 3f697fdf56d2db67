#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet flood costs the engine: its CPU time as a share of one core while hping3 floods.

Two floods: one banned source, and forged sources on a trail (a new address every packet). The peer in
the same run is a sensor that must see every packet: tcpdump reading the same device to nowhere. Wrong,
and the exit status 1, when the kernel's counters do not hold what the sender's device says it sent (of the forged
addresses: the share of the address space that the trail lists), or when the state directory grew by a
megabyte.
"""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
import lab as laboratory  # noqa: E402

SECONDS = 5
GOAL_PERCENT = 10  # of a core
GROWTH_MAX = 1 << 20  # bytes of state
SHARE_MIN = {"ban": 0.999, "trail-src": 0.75}  # of the packets sent: ARP is not judged; 210 of 256 first octets are listed
FORGED = [n for n in range(11, 224) if n not in (127, 192, 198)]  # first octets on the trail
TICK = os.sysconf("SC_CLK_TCK")


def cpu_sec(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        part = f.read().rsplit(")", 1)[1].split()
    return (int(part[11]) + int(part[12])) / TICK


def sent(lab):
    """Packets that the attackers' device has sent."""
    link = json.loads(lab.attack("ip", "-s", "-j", "link", "show", "eth0", check=True).stdout)[0]
    return link["stats64"]["tx"]["packets"]


def state_bytes(lab):
    return sum(os.path.getsize(os.path.join(top, f)) for top, _, files in os.walk(lab.state_dir) for f in files)


def flood(lab, *args):
    """(packets sent, seconds it took)"""
    before, began = sent(lab), time.monotonic()
    lab.attack("timeout", "-s", "INT", str(SECONDS), "hping3", "-q", "--flood", *args, lab.host)
    return sent(lab) - before, time.monotonic() - began


def measure(lab, case, reason, *args):
    """Prints the case's figure; what was wrong, or None."""
    pid, counted = lab.pids("sockwarden-engine")[0], lab.counter(reason, "dropped")
    size, began = state_bytes(lab), cpu_sec(pid)
    packets, took = flood(lab, *args)
    ours = 100 * (cpu_sec(pid) - began) / took
    dropped, grown = lab.counter(reason, "dropped") - counted, state_bytes(lab) - size
    sensor = lab.spawn("tcpdump", "-i", "eth0", "-w", "/dev/null", "-U", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)  # tcpdump opens its socket; nothing is asserted of it
    seen = [p for p in lab.pids("tcpdump")]
    began = cpu_sec(seen[-1])
    lab.ok("off", "--observe")  # what XDP drops, no sensor behind it sees
    _, took_peer = flood(lab, *args)
    peer = 100 * (cpu_sec(seen[-1]) - began) / took_peer
    lab.ok("arm")
    sensor.terminate()
    sensor.wait()
    print(json.dumps({"bench": "flood", "case": case, "value": round(ours, 2), "unit": "% of a core",
                      "peer": "tcpdump -w /dev/null", "peer_value": round(peer, 2), "goal": GOAL_PERCENT,
                      "met": ours <= GOAL_PERCENT, "packets_per_sec": round(packets / took)}), flush=True)
    if not packets * SHARE_MIN[reason] <= dropped <= packets:
        return f"{case}: {packets} packets were sent, {dropped} were counted as dropped"
    if grown > GROWTH_MAX:
        return f"{case}: the state grew by {grown} bytes"
    return None


def main():
    with laboratory.Lab() as lab:
        lab.start()
        trail = os.path.join(lab.dir, "forged.txt")
        with open(trail, "w", encoding="ascii") as f:
            f.writelines(f"{n}.0.0.0/8\n" for n in FORGED)
        lab.ok("trails", "import", trail, "--name", "forged", "--action", "drop")
        lab.ok("arm")
        lab.ok("ban", lab.attacker, "--for", "1h")
        wrong = [measure(lab, "one banned source", "ban", "--udp", "-p", "9", "-a", lab.attacker),
                 measure(lab, "forged sources on a trail", "trail-src", "-S", "-p", "80", "--rand-source")]
    for text in filter(None, wrong):
        print(text)
    sys.exit(1 if any(wrong) else 0)


if __name__ == "__main__":
    main()
