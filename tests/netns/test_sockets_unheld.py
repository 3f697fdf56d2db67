# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP connections that no process holds: shown when their state is asked for, as ss(8) has them, and never else."""
import re
import sys

import pytest

from lab import Lab

HELD, GONE, LEFT = 4101, 4102, 4103  # ports: of a handshake without an end, of closed connections, of half-closed ones
FILTER = f"""table inet test_unheld {{
	chain in {{
		type filter hook input priority -10; policy accept;
		tcp dport {HELD} tcp flags & (syn | ack) == ack drop
	}}
}}"""

# Connections that their makers have closed: of the first kind both ends, of the second one alone.
CLOSED = f"""
import socket as s, sys, time
held = []
for family, host in ((s.AF_INET, "127.0.0.1"), (s.AF_INET6, "::1")):
    for port in ({GONE}, {LEFT}):
        l = s.create_server((host, port), family=family)
        for _ in range(3):
            c = s.create_connection((host, port))
            peer, _ = l.accept()
            c.close()
            if port == {GONE}:
                peer.recv(1)
                peer.close()
            else:
                held.append(peer)
        held.append(l)
l = s.create_server(("0.0.0.0", {HELD}))
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        made.on_host("nft", "-f", "-", input=FILTER, check=True)
        p = made.spawn(sys.executable, "-S", "-E", "-c", CLOSED)
        assert p.stdout.readline() == "ready\n"
        made.start()
        made.half_open = made.connect(HELD)
        made.wait(lambda: of_ss(made, "syn-recv"), 10, "a handshake is under way")
        yield made


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return re.sub(r"%.*", "", address.strip("[]")).replace("*", "::"), int(port) if port != "*" else 0


def of_ss(lab, state):
    out = lab.on_host("ss", "-Htan", *([] if state == "all" else ["state", state]), check=True).stdout
    return sorted(endpoint(a) + endpoint(b) for a, b in (line.split()[-2:] for line in out.splitlines()))


def rows(lab, *args):
    return [r for r in lab.cli_json("sockets", "list", "-t", "--netns", "host", *args)["sockets"] if r["lport"]]


def of_ours(lab, state):
    return sorted((r["local"], r["lport"], r.get("remote", "0.0.0.0" if r["family"] == 4 else "::"), r.get("rport", 0))
                  for r in rows(lab, "--state", state))


@pytest.mark.parametrize("state, least", [("time-wait", 6), ("syn-recv", 1), ("fin-wait-2", 6), ("all", 20)])
def test_the_rows_of_a_state_are_those_of_ss(lab, state, least):
    lab.wait(lambda: of_ours(lab, state) == of_ss(lab, state), 5,
             f"ours {of_ours(lab, state)} are theirs {of_ss(lab, state)}")
    assert len(of_ours(lab, state)) >= least


def test_words_and_columns_of_ss_and_netstat_are_taken(lab):
    assert [r["state"] for r in rows(lab, "--state", "TIME_WAIT")] == ["time-wait"] * len(of_ss(lab, "time-wait"))
    out = lab.ok("sockets", "list", "--as", "ss", "-tan", "--state", "time-wait,syn-recv")
    assert out.count("TIME-WAIT") >= 6 and "SYN-RECV" in out


def test_they_have_no_owner_and_are_seen_only_when_asked_for(lab):
    unheld = rows(lab, "--state", "time-wait,syn-recv,fin-wait-2")
    assert len(unheld) >= 13
    assert not [r for r in unheld if r["processes"] or r["inode"]]
    for args in ((), ("-a",), ("--state", "listen,established")):
        assert not [r for r in rows(lab, *args) if r["state"] in ("time-wait", "syn-recv", "fin-wait-2")], args
    assert not lab.cli_json("sockets", "list", "-t", "--state", "time-wait", "--pid", "1")["sockets"]
    changes = lab.cli_json("sockets", "diff")["changes"]
    assert not [c for c in changes if c["socket"]["state"] not in ("listen", "unconnected")], changes


def test_each_namespace_is_looked_at(lab):
    there = lab.attack("ss", "-Htan", "state", "fin-wait-1", check=True).stdout.splitlines()
    assert there, "the other end of the handshake was closed"
    ours = lab.cli_json("sockets", "list", "-t", "--state", "fin-wait-1", "--netns", lab.ns_attack)["sockets"]
    assert [r["rport"] for r in ours] == [HELD] * len(there)
    assert not rows(lab, "--state", "fin-wait-1")
