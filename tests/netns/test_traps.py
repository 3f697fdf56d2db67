# SPDX-License-Identifier: GPL-3.0-or-later
"""Acts that others miss, seen by the whole program: at once by hooks, and by snapshots where none attaches."""
import os

import pytest

from lab import BUILD

ACT = os.path.join(BUILD, "tests/netns/act_socket")
TIER_B = ("on_sock_create,on_post_bind4,on_post_bind6,on_connect4,on_connect6,on_sendmsg4,on_sendmsg6,on_sock_release,"
          "on_state,on_exec,on_fork,on_exit")
LISTENERS = ("listen", "listen-unbound", "v6only", "udp", "mptcp", "exec", "int80", "socketcall", "uring-listen")


def held(lab, act):
    """Does the act on the host and holds it open: its port, or 0."""
    p = lab.spawn(ACT, act, "hold", stdin=-1)
    port = 0
    for line in p.stdout:
        word, _, value = line.strip().partition(" ")
        port = int(value) if word == "port" else port
        if word == "held":
            return port, p
        if word == "skip":
            pytest.skip(value)
        assert word != "failed", line
    raise AssertionError(f"{act} ended with {p.wait()}")


def find(lab, port, pid):
    rows = lab.cli_json("sockets", "list", "--all")["sockets"] if port is None else lab.cli_json("sockets", "list")["sockets"]
    return [s for s in rows if (port is None or s["lport"] == port) and pid in [p["pid"] for p in s["processes"]]]


def settled(lab):
    lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 10, "the first inventory is complete")


@pytest.fixture(scope="module")
def tier_b():
    from lab import Lab
    with Lab() as lab:
        lab.start("--fake-refuse", "fentry")
        settled(lab)
        yield lab


@pytest.fixture(scope="module")
def tier_c():
    from lab import Lab
    with Lab() as lab:
        lab.start("--fake-refuse", "fentry," + TIER_B)
        settled(lab)
        yield lab


@pytest.mark.parametrize("act", [a for a in LISTENERS if a != "exec"])
def test_hooks_show_it_with_its_owner(tier_b, act):
    port, p = held(tier_b, act)
    rows = tier_b.wait(lambda: find(tier_b, port, p.pid), 5, f"{act} is listed with its owner")
    assert len(rows) == 1, rows
    p.kill()
    tier_b.wait(lambda: not find(tier_b, port, p.pid), 5, f"{act} is gone")


PORTLESS = ("raw", "packet", "unix-stream", "unix-abstract", "unix-dgram", "unix-seqpacket")


@pytest.mark.parametrize("act", PORTLESS)
def test_without_hooks_snapshots_show_what_has_no_port(tier_c, act):
    _, p = held(tier_c, act)
    rows = tier_c.wait(lambda: find(tier_c, None, p.pid), 15, f"{act} is listed with its owner")
    assert len(rows) == 1, rows
    p.kill()
    tier_c.wait(lambda: not find(tier_c, None, p.pid), 15, f"{act} is gone")


@pytest.mark.parametrize("act", [a for a in LISTENERS if a != "exec"])
def test_without_hooks_snapshots_show_it_and_the_tier_is_said(tier_c, act):
    assert tier_c.cli_json("status")["tier"] == "C"
    tier_c.wait(lambda: "no socket hook" in tier_c.cli("status")[1], 5, "status says that nothing is attached")
    port, p = held(tier_c, act)
    rows = tier_c.wait(lambda: find(tier_c, port, p.pid), 15, f"{act} is listed with its owner")
    assert len(rows) == 1, rows
    p.kill()
    tier_c.wait(lambda: not find(tier_c, port, p.pid), 15, f"{act} is gone")


def test_a_listener_in_a_ring_alone_is_an_alert(tier_b):
    _, p = held(tier_b, "uring-direct")
    tier_b.wait(lambda: [f for f in tier_b.cli_json("findings")["findings"] if f["rule"] == "listener-ownerless"],
                15, "a listener without a descriptor is an alert")
    p.kill()


def test_no_program_is_refused_here_but_for_want_of_trampolines(tier_b):
    refused = [w for w in tier_b.cli_json("status")["hooks"].split() if w[0] == "-"]
    assert not refused or [w for w in refused if w.startswith("-fentry")] == refused


def test_doctor_tells_the_hook_of_each_fact_and_what_is_late(tier_b, tier_c):
    def coverage(lab):
        return {c["fact"]: c for c in lab.cli_json("doctor", ok=(0, 1, 6))["coverage"]}
    b, c = coverage(tier_b), coverage(tier_c)
    assert b["TCP, MPTCP and SCTP listeners"]["hook"] == "on_state"
    assert b["raw sockets"]["live"] and not b["packet sockets"]["live"]
    assert not any(fact["live"] for fact in c.values())
    assert c["TCP, MPTCP and SCTP listeners"]["text"] == "with the next snapshot"
