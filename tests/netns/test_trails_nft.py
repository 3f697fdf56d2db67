# SPDX-License-Identifier: GPL-3.0-or-later
"""Trails where the packet program is not: nftables holds them, as its listing shows and packets find."""
import ipaddress
import re
import signal
import subprocess

import pytest

from lab import Lab
from test_interfaces import FOREIGN
from test_trails import write

CONFIG = """interfaces:
  - none0
egress: {egress}
trails:
  engine: {engine}
bans:
  backends:
    - xdp
    - nftables
"""
NETS = 131072  # SW_NFT_TRAIL_NETS


def configure(lab, engine="packed", egress="drop"):
    lab.write_config(CONFIG.format(engine=engine, egress=egress))


def table(lab):
    return lab.on_host("nft", "list", "table", "inet", "sockwarden").stdout


def nft(lab):
    return lab.cli_json("status")["nftables"]


def settled(lab):
    """What is due is in force."""
    return lab.wait(lambda: nft(lab) and not nft(lab)["is_loading"] and nft(lab), 20, "nothing is on its way in")


def dropped(lab, by):
    return (nft(lab) or {}).get("dropped_by_" + by, {}).get("packets", -1)


def wait_dropped(lab, by, least):
    """The engine asks the guard seldom."""
    lab.wait(lambda: dropped(lab, by) >= least, 8, f"{least} are dropped by {by}", every=0.3)


def listed(lab, chain):
    """Packets that the rules of a chain dropped, as nft lists them."""
    out = lab.on_host("nft", "list", "chain", "inet", "sockwarden", chain, check=True).stdout
    return sum(int(n) for n in re.findall(r"counter packets (\d+) .* drop", out))


def bring(lab, *texts, **more):
    """Lists of one trail each; more: by the name of the list, with an action."""
    for name in ("bad", "fine"):
        lab.cli("trails", "remove", name)
    if texts:
        lab.ok("trails", "import", write(lab, "bad.txt", "".join(t + "\n" for t in texts)))
    if "fine" in more:
        lab.ok("trails", "import", write(lab, "fine.txt", more["fine"] + "\n"), "--action", "except")
    return settled(lab)


def lab_of(engine):
    lab = Lab(nets=2)
    lab.__enter__()
    lab.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1", check=True)
    lab.attack("ip", "route", "add", "198.18.1.0/24", "via", lab.host, check=True)
    lab.attack("ip", "route", "add", "198.18.0.0/24", "via", "198.18.1.1", ns=lab.ns_b, check=True)
    configure(lab, engine)
    lab.start()
    return lab


@pytest.fixture(scope="module")
def started():
    lab = lab_of("packed")
    yield lab
    lab.__exit__(None, None, None)


@pytest.fixture
def clean(started):
    """No trail, observing, nothing banned or allowed."""
    bring(started)
    started.ok("off", "--observe")
    started.cli("allow", "remove", started.attacker)
    return started


def judges(lab):
    bring(lab, "198.18.0.64/29", "2001:db8:0:1::66", fine=lab.others[0])
    assert lab.ping() == 3, "observing drops nothing"
    lab.ok("arm")
    assert lab.ping() == 0 and lab.ping(target=lab.host6) == 0
    assert lab.ping(source=lab.others[0]) == 3, "the except is longer than the trail"
    assert nft(lab)["trails_held"] >= 3 and not nft(lab)["trails_left_out"]


def test_trails_of_both_families_drop_when_armed_and_an_except_inside_does_not(clean):
    lab = clean
    judges(lab)
    wait_dropped(lab, "source", 6)
    assert "for their source" in lab.cli("trails", "stats")[2]
    assert re.search(r"nftables: 0 bans, \d+ trails, which dropped \d+ packets", lab.cli("status")[1])
    lab.ok("allow", "add", lab.attacker)
    assert lab.ping() == 3, "the allow list wins"
    lab.ok("allow", "remove", lab.attacker)
    assert lab.ping() == 0
    lab.ok("arm", "--confirm", "2s")
    assert lab.ping() == 0
    lab.wait(lambda: lab.ping(count=1) == 1, 6, "a trial that nobody confirmed is over")
    lab.ok("off")
    assert table(lab) == ""
    lab.ok("off", "--observe")
    assert "trail4_" in table(lab)


def test_the_other_engine_holds_the_same():
    lab = lab_of("lpm")
    try:
        judges(lab)
        assert lab.cli_json("status")["trails"]["engine"] == "lpm"
    finally:
        lab.__exit__(None, None, None)


def test_what_is_sent_or_forwarded_to_a_trail_is_dropped_as_the_gate_does(clean):
    lab = clean
    bring(lab, lab.attacker)
    lab.ok("arm")
    assert lab.on_host("ping", "-n", "-q", "-c1", "-W0.3", lab.attacker).returncode != 0
    assert lab.ping(source=lab.attacker_b, target=lab.attacker, ns=lab.ns_b) == 0
    assert lab.ping(source=lab.attacker_b, target=lab.others[0], ns=lab.ns_b) == 3
    wait_dropped(lab, "destination", 4)
    lab.ok("allow", "add", lab.attacker_b)
    bring(lab, lab.others[0])
    # what the answer is dropped for is the source: so only the way there is counted
    before = listed(lab, "trail_through")
    assert lab.ping(source=lab.attacker_b, target=lab.others[0], ns=lab.ns_b) == 0
    assert listed(lab, "trail_through") == before, "who is allowed may go there through us"
    lab.ok("allow", "remove", lab.attacker_b)
    configure(lab, egress="observe")
    lab.daemon.send_signal(signal.SIGHUP)
    lab.wait(lambda: "trail_out" in table(lab) and "@trail4_hosts" not in table(lab).split("chain trail_out")[1].split("}")[0], 5, "rules")
    assert listed(lab, "trail_out") == 0 and listed(lab, "trail_through") >= 4, "what goes out is not asked, and counts go on"
    configure(lab)
    lab.daemon.send_signal(signal.SIGHUP)
    lab.wait(lambda: table(lab).count("@trail4_hosts") == 3, 5, "rules")


def test_an_address_with_a_port(clean):
    lab = clean
    port, other = lab.listen(on_host=False, address="0.0.0.0")[0], lab.listen(on_host=False, address="0.0.0.0")[0]
    bring(lab, f"{lab.attacker}:{port}")
    lab.ok("arm")
    reach = "exec 3<>/dev/tcp/{}/{}"
    assert lab.on_host("timeout", "1", "bash", "-c", reach.format(lab.attacker, other)).returncode == 0
    assert lab.on_host("timeout", "1", "bash", "-c", reach.format(lab.attacker, port)).returncode != 0
    assert lab.on_host("timeout", "1", "bash", "-c", reach.format(lab.attacker, other)).returncode == 0
    assert listed(lab, "trail_out") >= 1 and lab.ping() == 3
    assert f"{lab.attacker} . {port}" in table(lab), table(lab)


def test_another_list_another_guard_and_what_somebody_else_does(clean):
    lab = clean
    bring(lab, lab.attacker)
    lab.ok("arm")
    assert lab.ping() == 0
    before = listed(lab, "trail_in")
    bring(lab, lab.others[0])
    assert lab.ping() == 3 and lab.ping(source=lab.others[0]) == 0
    assert before >= 3 and listed(lab, "trail_in") == before + 3, "counts go on"
    assert len(re.findall(r"set trail4_", table(lab))) == 1, "what was before is gone"
    lab.kill_all()
    assert lab.ping(source=lab.others[0]) == 0, "it drops while nothing runs"
    lab.on_host("nft", "add set inet sockwarden trail6_nets_b { type ipv6_addr; flags interval; }", check=True)
    lab.start()
    settled(lab)
    lab.wait(lambda: "trail6_nets_b" not in table(lab), 5, "what a guard before did not end is swept")
    assert lab.ping(source=lab.others[0]) == 0 and lab.ping() == 3
    for harm in ("flush ruleset", "flush chain inet sockwarden trail_in", f"delete element inet sockwarden {{}} {{{{ {lab.others[0]} }}}}"):
        before = [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"]
        lab.on_host("nft", harm.format(re.search(r"set (trail4_\w+)", table(lab))[1]), check=True)
        lab.wait(lambda: [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"] == before + 1, 5, "said")
        settled(lab)
        lab.wait(lambda: lab.ping(source=lab.others[0], count=1) == 0, 5, "it drops again")
    bring(lab)
    lab.wait(lambda: "set trail" not in table(lab), 5, "nothing of it stays")
    assert lab.ping(source=lab.others[0]) == 3


def test_beyond_the_limit_the_widest_are_held_and_it_is_said_and_bans_do_not_wait(clean):
    lab = clean
    lab.ok("arm")
    first = int(ipaddress.ip_address("20.0.0.0"))
    nets = [f"{ipaddress.ip_address(first + 4 * i)}/31" for i in range(NETS + 9)]
    with open(f"{lab.dir}/bad.txt", "w", encoding="utf-8") as f:
        f.write("\n".join([*nets, "198.18.0.64/29", ""]))
    lab.ok("trails", "import", f"{lab.dir}/bad.txt", timeout=120)
    lab.wait(lambda: nft(lab)["trails_left_out"], 60, "it is in")
    n = settled(lab)
    assert (n["trails_held"], n["trails_left_out"]) == (NETS, 10)
    assert lab.ping() == 0, "the widest is the last, and is there"
    assert "(10 more do not fit)" in lab.cli("status")[1]
    assert "10 do not fit" in lab.cli("doctor")[1]
    bring(lab)


def foreign(lab):
    """Somebody else's XDP program on the device."""
    obj = f"{lab.dir}/theirs.o"
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-x", "c", "-c", "-", "-o", obj], input=FOREIGN, text=True, check=True)
    lab.on_host("ip", "link", "set", "dev", "eth0", "xdp", "obj", obj, "sec", "xdp", check=True)


@pytest.mark.parametrize("says, falls", [("", True), ("bans:\n  backends:\n    - xdp\n", False)])
def test_a_device_that_nothing_attaches_to_is_held_by_nftables_unless_the_configuration_says_otherwise(says, falls):
    with Lab(config="hook: native\n" + says) as lab:
        foreign(lab)
        lab.start()
        assert [i["hook"] for i in lab.cli_json("status")["interfaces"]] == ["none"]
        lab.cli("trails", "import", write(lab, "bad.txt", lab.attacker + "\n"))
        lab.cli("arm")
        if not falls:
            assert nft(lab) is None and table(lab) == "" and lab.ping() == 3
            return
        settled(lab)
        assert nft(lab)["is_fallback"] and lab.ping() == 0
        lab.cli("ban", lab.others[0])
        assert lab.ping(source=lab.others[0]) == 0 and lab.ping(source=lab.others[1]) == 3
        assert "for devices without the packet program" in lab.cli("status")[1]
        assert "nftables alone drops there" in lab.cli("doctor")[1]
        lab.kill_all()
        assert lab.ping() == 0, "it drops while nothing runs"
        lab.on_host("ip", "link", "set", "dev", "eth0", "xdp", "off", check=True)
        lab.start()
        lab.wait(lambda: table(lab) == "" and nft(lab) is None, 10, "what a guard before left is gone with its reason")
        assert lab.ping() == 0 and [i["hook"] for i in lab.cli_json("status")["interfaces"]] == ["native"]


def test_the_last_resort_ends_when_the_packet_program_comes():
    with Lab(config="hook: native\n") as lab:
        foreign(lab)
        lab.start()
        lab.wait(lambda: "chain trail_in" in table(lab), 5, "the table is there")
        lab.on_host("ip", "link", "set", "dev", "eth0", "xdp", "off", check=True)
        lab.wait(lambda: table(lab) == "" and nft(lab) is None, 10, "the packet program is there, and the table is gone")
        assert [i["hook"] for i in lab.cli_json("status")["interfaces"]] == ["native"]
