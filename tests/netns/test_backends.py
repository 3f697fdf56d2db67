# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans where the packet program is not: nftables. No device has the program here, so all that is dropped is dropped by it."""
import json

import pytest

from lab import Lab

NO_DEVICE = "interfaces:\n  - none0\nbans:\n  backends:\n    - xdp\n    - nftables\n"
TABLE = ("nft", "list", "table", "inet", "sockwarden")


def has_table(lab):
    return lab.on_host(*TABLE).returncode == 0


def verdict(lab, net, backend):
    """What `bans` says of the backend for the ban of net."""
    ban = [b for b in lab.cli_json("bans")["bans"] if b["net"] == net][0]
    return [v for v in ban["verdicts"] if v["backend"] == backend][0]


@pytest.fixture(scope="module")
def nft():
    with Lab(nets=2, config=NO_DEVICE) as lab:
        lab.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1", check=True)
        lab.attack("ip", "route", "add", "198.18.1.0/24", "via", lab.host, check=True)
        lab.attack("ip", "route", "add", "198.18.0.0/24", "via", "198.18.1.1", ns=lab.ns_b, check=True)
        lab.start()
        yield lab


@pytest.fixture
def clean(nft):
    """The lab with no ban, observing."""
    nft.ok("off", "--observe")
    for b in nft.cli_json("bans")["bans"]:
        nft.cli("unban", b["net"])
    return nft


def test_observing_drops_nothing_and_enforcing_drops_what_comes_goes_and_is_forwarded(clean):
    lab = clean
    assert lab.ping() == 3
    lab.cli("ban", lab.attacker)
    assert lab.ping() == 3, "observing drops nothing"
    lab.cli("arm")
    assert lab.ping() == 0
    assert lab.ping(source=lab.others[0]) == 3, "another is not touched"
    assert lab.on_host("ping", "-n", "-q", "-c1", "-W0.3", lab.attacker).returncode != 0, "what the host sends to it"
    assert lab.ping(target=lab.attacker_b) == 0, "what it sends through the host"
    # towards it through the host: from network b, whose own address is not banned
    assert lab.ping(source=lab.attacker_b, target=lab.attacker, ns=lab.ns_b) == 0
    assert lab.ping(source=lab.attacker_b, target=lab.others[0], ns=lab.ns_b) == 3
    v = verdict(lab, lab.attacker, "nftables")
    assert v["state"] == "installed" and v["hits"] >= 6
    wide = lab.cli("bans", "-o", "wide")[1]
    assert f"nftables: {v['hits']} hits" in wide
    lab.cli("unban", lab.attacker)
    assert lab.ping() == 3


def test_networks_within_networks_ipv6_and_allow_first(clean):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", "198.18.0.64/26")
    lab.cli("ban", "198.18.0.64/29", "--for", "1h")
    lab.cli("ban", "2001:db8:0:1:8000::/65")
    lab.cli("ban", "2001:db8:0:1::66")
    # the neighbour first: a question for the host's address that the banned one asked would be dropped too
    assert lab.ping(source="2001:db8:0:1::67", target=lab.host6) == 3
    assert lab.ping() == 0 and lab.ping(source="2001:db8:0:1::66", target=lab.host6) == 0
    lab.cli("unban", "198.18.0.64/26")
    assert lab.ping() == 0, "the network inside it is banned for itself"
    lab.cli("allow", "add", lab.attacker)
    assert lab.ping() == 3 and lab.ping(source=lab.others[0]) == 0
    lab.cli("allow", "remove", lab.attacker)
    lab.cli("unban", "198.18.0.64/29")


def test_an_end_is_kept_by_the_kernel(clean):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", lab.attacker, "--for", "1h")
    out = json.loads(lab.on_host("nft", "-j", "list", "set", "inet", "sockwarden", "ban4_32", check=True).stdout)
    elem = [s["set"]["elem"][0]["elem"] for s in out["nftables"] if "set" in s][0]
    assert elem["val"] == lab.attacker and 3500 < elem["expires"] <= 3600


@pytest.mark.parametrize("harm", ["flush ruleset", "delete table inet sockwarden", "flush chain inet sockwarden ban_from4",
                                  "insert rule inet sockwarden prerouting accept",
                                  "delete element inet sockwarden ban4_32 { 198.18.0.66 }", "flush set inet sockwarden armed",
                                  "add element inet sockwarden ban4_32 { 198.18.0.67 }"])
def test_what_somebody_else_changes_is_put_back_and_said(clean, harm):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", lab.attacker)
    before = [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"]
    lab.on_host("nft", harm, check=True)
    lab.wait(lambda: lab.ping(count=1) == 0 and has_table(lab), 5, "it drops again")
    lab.wait(lambda: [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"] == before + 1, 5,
             "the repair is counted")
    lab.wait(lambda: [f for f in lab.cli_json("findings")["findings"] if f["rule"] == "backend-repaired"], 8, "it is said")
    assert "nftables: " in lab.log()
    assert lab.ping(source=lab.others[0]) == 3, "what somebody else banned is not"


def test_somebody_elses_table_is_left_alone(clean):
    lab = clean
    lab.on_host("nft", "add table inet other; add chain inet other c { type filter hook input priority 0; }", check=True)
    lab.cli("arm")
    lab.cli("ban", lab.attacker)
    lab.cli("off")
    assert not has_table(lab)
    assert lab.on_host("nft", "list", "table", "inet", "other").returncode == 0
    lab.ok("off", "--observe")
    assert has_table(lab)
    lab.on_host("nft", "delete table inet other", check=True)


def test_a_trial_ends_in_the_kernel_without_the_guard(clean):
    lab = clean
    lab.cli("ban", lab.attacker)
    lab.cli("arm", "--confirm", "3s")
    assert lab.ping(count=1) == 0
    lab.kill_all()
    assert has_table(lab)
    lab.wait(lambda: lab.ping(count=1) == 1, 6, "the trial is over")
    lab.start()
    assert lab.ping() == 3


def test_a_restart_takes_the_table_over_and_off_by_configuration_removes_it(clean):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", lab.attacker)
    assert lab.ping() == 0
    hits = verdict(lab, lab.attacker, "nftables")["hits"]
    assert hits > 0
    lab.kill_all()
    assert lab.ping(count=1) == 0, "it drops while nothing runs"
    lab.start()
    lab.wait(lambda: verdict(lab, lab.attacker, "nftables")["hits"] >= hits, 5, "the counters are those of before")
    assert "is taken over" in lab.log()
    lab.write_config(NO_DEVICE.replace("    - nftables\n", ""))
    lab.daemon.send_signal(1)
    lab.wait(lambda: not has_table(lab), 5, "the table is gone")
    lab.write_config(NO_DEVICE)
    lab.daemon.send_signal(1)
    lab.wait(lambda: has_table(lab), 5, "the table is there again")
    lab.wait(lambda: lab.ping(count=1) == 0, 5, "and drops")
