# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host forwards: it comes in by a device that is not guarded, and is judged as it leaves by one that is."""
import json
import sys

import pytest

from lab import CONNECT, Lab


@pytest.fixture
def router():
    """Network b is behind the host; only the device to network a is guarded."""
    with Lab(nets=2) as lab:
        lab.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", check=True)
        for family, a, b in (("-4", "198.18.0.", "198.18.1."), ("-6", "2001:db8:0:1::", "2001:db8:0:2::")):
            plen = "0/24" if family == "-4" else "/64"
            lab.attack("ip", family, "route", "add", b + plen, "via", a + "1", check=True)
            lab.attack("ip", family, "route", "add", a + plen, "via", b + "1", ns=lab.ns_b, check=True)
        lab.start()
        yield lab


def bad_list(lab, *entries):
    path = f"{lab.dir}/bad.txt"
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(entries) + "\n")
    lab.ok("trails", "import", path)


def pings(lab, target):
    return lab.ping(source=lab.attacker_b if ":" not in target else "2001:db8:0:2::66", target=target, ns=lab.ns_b)


def iface(lab, name="eth0"):
    return {i["name"]: i for i in lab.cli_json("status")["interfaces"]}[name]


@pytest.mark.parametrize("engine", ["packed", "lpm"])
def test_what_is_forwarded_to_a_listed_or_banned_address_is_dropped_on_its_way_out(router, engine):
    lab = router
    lab.write_config(f"trails:\n  engine: {engine}\n")
    lab.ok("config", "check")
    lab.stop()
    lab.start()
    assert iface(lab)["forward"] in ("tcx", "clsact")
    assert pings(lab, lab.attacker) == 3 and pings(lab, "2001:db8:0:1::66") == 3
    bad_list(lab, lab.attacker, "2001:db8:0:1::66", f"{lab.others[1]}:7777")
    assert pings(lab, lab.attacker) == 3, "observing drops nothing"
    before = lab.counter("trail-dst")
    assert before >= 3
    lab.cli("arm")
    assert pings(lab, lab.attacker) == 0 and pings(lab, "2001:db8:0:1::66") == 0
    assert lab.counter("trail-dst", "dropped") >= 6, "on the way out, not when the answer comes"
    assert pings(lab, lab.others[0]) == 3 and pings(lab, lab.others[1]) == 3
    # of an address with a port the port alone
    open_port = lab.listen(address=lab.others[1], on_host=False)[0]
    bad_list(lab, f"{lab.others[1]}:{open_port}")

    def tries():
        return lab.attack(sys.executable, "-S", "-E", "-c", CONNECT, lab.attacker_b, lab.others[1], "1.0", str(open_port),
                          ns=lab.ns_b, check=True).stdout.split()[1]
    assert tries() == "silent" and pings(lab, lab.others[1]) == 3
    lab.ok("allow", "add", lab.others[1])
    assert tries() == "open", "allow wins"
    lab.ok("ban", lab.others[0])
    assert pings(lab, lab.others[0]) == 0


def test_a_program_that_somebody_takes_away_is_put_back_and_said(router):
    lab = router
    bad_list(lab, lab.attacker)
    lab.cli("arm")
    assert pings(lab, lab.attacker) == 0
    index = json.loads(lab.on_host("ip", "-j", "link", "show", "eth0", check=True).stdout)[0]["ifindex"]
    assert iface(lab)["put_back"] == 0
    for n, pin in enumerate((f"forward-{index}", f"link-{iface(lab)['hook']}-{index}"), 1):
        lab.on_host("/usr/sbin/bpftool", "link", "detach", "pinned", lab.pin(pin), check=True)
        lab.wait(lambda n=n: iface(lab)["put_back"] == n, 20, f"{pin} is put back")
        assert "taken away" in lab.log()
    assert pings(lab, lab.attacker) == 0 and lab.ping() == 0
    lab.ok("off", "--observe")
    assert pings(lab, lab.attacker) == 3
