# SPDX-License-Identifier: GPL-3.0-or-later
"""Acts that others miss, seen by the whole program: at once by hooks, and by snapshots where none attaches."""
import os
import re

import pytest

from lab import BUILD

ACT = os.path.join(BUILD, "tests/netns/act_socket")
TIER_B = ("on_sock_create,on_post_bind4,on_post_bind6,on_connect4,on_connect6,on_sendmsg4,on_sendmsg6,on_sock_release,"
          "on_state,on_exec,on_fork,on_exit")
LISTENER, CONNECTION = [("tcp", "listen")], [("tcp", "established")] * 2 + [("tcp", "listen")]

# What is listed of an act while all that it opened is held: (protocol, state) of each socket of its process. It is the
# same whatever tells of it; without hooks it comes with the next snapshot.
LISTED = {
    "listen": LISTENER,
    "listen-unbound": LISTENER,
    "listen-twice": LISTENER,
    "v6only": LISTENER,
    "reuseport": LISTENER * 2,
    "dup": LISTENER,
    "exec": LISTENER,
    "setns": LISTENER,
    "int80": LISTENER,
    "socketcall": LISTENER,
    "uring-listen": LISTENER,
    "mptcp": [("mptcp", "listen")],
    "sctp": [("sctp", "listen")],
    "udp": [("udp", "unconnected")],
    "udp-send": [("udp", "unconnected")] * 2,
    "udplite": [("udplite", "unconnected")],
    "connect": CONNECTION,
    "fastopen": CONNECTION,
    "uring-connect": CONNECTION,
    "uring-accept": CONNECTION,
    "raw": [("raw", "unconnected")],
    "packet": [("packet", "unconnected")],
    "netlink": [("netlink", "unconnected")],
    "unix-stream": [("unix", "listen")],
    "unix-abstract": [("unix", "listen")],
    "unix-dgram": [("unix", "unconnected")],
    "unix-seqpacket": [("unix", "listen")],
}
OTHER_NETNS = {"setns"}


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


def listed(lab, pid):
    """All sockets that the process holds, of whatever family."""
    rows = [s for more in ((), ("-f", "netlink")) for s in lab.cli_json("sockets", "list", "--all", *more)["sockets"]]
    return [s for s in rows if pid in [p["pid"] for p in s["processes"]]]


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


def is_listed_while_it_is_held(lab, act, seconds):
    port, p = held(lab, act)

    def as_expected():
        rows = listed(lab, p.pid)
        return rows if sorted((s["protocol"], s["state"]) for s in rows) == LISTED[act] else None
    rows = lab.wait(as_expected, seconds, f"{act} is listed with its owner as {LISTED[act]}")
    assert not port or port in [s["lport"] for s in rows]
    own = os.stat(f"/run/netns/{lab.ns_host}").st_ino
    assert {s["netns"] == own for s in rows} == {act not in OTHER_NETNS}
    p.kill()
    lab.wait(lambda: not listed(lab, p.pid), seconds, f"{act} is gone")


def test_every_act_has_its_row():
    """But for those of which nothing is left to be listed, or nobody who holds it."""
    with open(os.path.join(os.path.dirname(__file__), "act_socket.c"), encoding="utf-8") as f:
        acts = set(re.findall(r'{"([a-z0-9-]+)", act_', f.read()))
    assert acts - set(LISTED) == {"dup-close", "uring-direct"} and not set(LISTED) - acts


@pytest.mark.parametrize("act", LISTED)
def test_by_hooks_it_is_listed_with_its_owner(tier_b, act):
    is_listed_while_it_is_held(tier_b, act, 5)


@pytest.mark.parametrize("act", LISTED)
def test_without_hooks_snapshots_list_it_with_its_owner(tier_c, act):
    is_listed_while_it_is_held(tier_c, act, 15)


def test_without_hooks_the_tier_is_said(tier_c):
    assert tier_c.cli_json("status")["tier"] == "C"
    tier_c.wait(lambda: "no socket hook" in tier_c.cli("status")[1], 5, "status says that nothing is attached")


@pytest.mark.parametrize("tier", ["tier_b", "tier_c"])
def test_a_listener_in_a_ring_alone_is_an_alert(tier, request):
    lab = request.getfixturevalue(tier)
    _, p = held(lab, "uring-direct")
    lab.wait(lambda: [f for f in lab.cli_json("findings")["findings"] if f["rule"] == "listener-ownerless"],
             15, "a listener without a descriptor is an alert")
    p.kill()


def test_no_program_is_refused_here_but_for_want_of_trampolines(tier_b):
    refused = [w for w in tier_b.cli_json("status")["hooks"].split() if w[0] == "-"]
    assert not refused or [w for w in refused if w.startswith("-fentry")] == refused


UNBOUND = "the port of a listener that was never bound"


def coverage(lab):
    return {c["fact"]: c for c in lab.cli_json("doctor", ok=(0, 1, 6))["coverage"]}


def test_doctor_tells_the_hook_of_each_fact_and_what_is_late(tier_b, tier_c):
    b, c = coverage(tier_b), coverage(tier_c)
    assert b["TCP, MPTCP and SCTP listeners"]["hook"] == "on_state" and b[UNBOUND]["hook"] == "on_state"
    assert b["raw sockets"]["live"] and b["their paths and arguments"]["live"]
    assert not b["packet sockets"]["live"] and "within a second" in b["packet sockets"]["text"]
    assert not b["the end of a UNIX socket"]["live"]
    assert not any(fact["live"] for fact in c.values())
    assert c["TCP, MPTCP and SCTP listeners"]["text"] == "with the next snapshot"


@pytest.mark.parametrize("refused, hook", [("", "on_sockops"), (",on_sockops", None)])
def test_under_lockdown_doctor_tells_how_a_listener_without_bind_is_seen(lab, refused, hook):
    lab.start("--fake-refuse", "fentry,read_kernel" + refused)
    settled(lab)
    seen = coverage(lab)
    assert seen[UNBOUND]["hook"] == hook and seen[UNBOUND]["live"] == bool(hook)
    assert seen["the names of UNIX sockets"]["text"] == "not seen: lockdown"
    assert seen["programs started"]["live"] and not seen["their paths and arguments"]["live"]
    follow = lab.follow()
    port, p = held(lab, "listen-unbound")
    if hook:
        lab.wait(lambda: follow.find(kind="socket", action="listen", lport=port), 5, "it is told at once, with its port")
    lab.wait(lambda: port in [s["lport"] for s in listed(lab, p.pid)], 75, "it is listed with its port")
