# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices by pattern as they come, go, are renamed and move, and beside an XDP program of somebody else."""
import json
import subprocess

import pytest

from lab import Lab

BY_PATTERN = "interfaces:\n  - veth*\n"
RELOADED = "the configuration was reloaded"

FOREIGN = """
__attribute__((section("xdp"), used)) int theirs(void *ctx) { return 2; }
__attribute__((section("license"), used)) char _license[] = "GPL";
"""


@pytest.fixture(scope="module")
def running():
    with Lab(config=BY_PATTERN) as the_lab:
        the_lab.start()
        yield the_lab


@pytest.fixture
def lab(running):
    """No device of an earlier test, and the configuration as at the start."""
    for link in json.loads(running.on_host("ip", "-j", "link", "show", "type", "veth", check=True).stdout):
        if link["ifname"] != "eth0":
            running.on_host("ip", "link", "del", link["ifname"])
    configure(running, BY_PATTERN)
    running.wait(lambda: shown(running) == {}, 10, "nothing is watched")
    return running


def ip(lab, *argv):
    lab.on_host("ip", *argv, check=True)


def make(lab, name, peer):
    """A veth pair of the host, the peer in the attacker's namespace."""
    ip(lab, "link", "add", name, "type", "veth", "peer", "name", peer, "netns", lab.ns_attack)
    ip(lab, "link", "set", name, "up")


def shown(lab):
    return {i["name"]: i for i in lab.cli_json("status")["interfaces"]}


def wait_hook(lab, name, hook):
    """Waits until status tells the hook of a device, None: until it does not tell of it; what it says."""
    def is_so():
        at = shown(lab)
        return (at.get(name) or {"hook": None})["hook"] == hook and (at.get(name) or True)
    return lab.wait(is_so, 10, f"{name}: {hook}")


def pins(lab, hook="*"):
    return lab.on_host("find", "/sys/fs/bpf", "-name", f"link-{hook}-*").stdout


def xdp_of(lab, name, ns=None):
    """The id of the XDP program at a device as ip tells it, None without one."""
    run = lab.on_host if ns is None else lambda *a, **kw: lab.attack(*a, ns=ns, **kw)
    return json.loads(run("ip", "-j", "link", "show", "dev", name, check=True).stdout)[0].get("xdp", {}).get("prog", {}).get("id")


def configure(lab, text):
    before = lab.log().count(RELOADED)
    lab.write_config(text)
    lab.daemon.send_signal(1)
    lab.wait(lambda: lab.log().count(RELOADED) > before, 10, "the configuration is read anew")


def test_a_device_that_fits_is_guarded_when_it_comes_and_when_it_comes_again(lab):
    assert shown(lab) == {}
    make(lab, "veth1", "p1")
    at = wait_hook(lab, "veth1", "native")
    assert (at["driver"], at["why"]) == ("veth", "set in the configuration")
    assert "veth1" in lab.ok("status") and xdp_of(lab, "veth1")
    ip(lab, "link", "del", "veth1")
    wait_hook(lab, "veth1", None)
    make(lab, "veth1", "p1")
    wait_hook(lab, "veth1", "native")
    assert xdp_of(lab, "veth1")


def test_another_device_with_the_index_of_one_that_went_is_guarded(lab):
    ip(lab, "link", "add", "veth1", "index", "77", "type", "veth", "peer", "name", "p1")
    wait_hook(lab, "veth1", "native")
    # in one go: there is no look between
    ip(lab, "-batch", batch(lab, "link del veth1", "link add veth2 index 77 type veth peer name p2"))
    wait_hook(lab, "veth2", "native")
    assert xdp_of(lab, "veth2")


def batch(lab, *lines):
    path = f"{lab.dir}/batch"
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
    return path


def test_a_name_out_of_the_pattern_takes_the_program_off_and_one_into_it_puts_it_on(lab):
    make(lab, "veth1", "p1")
    wait_hook(lab, "veth1", "native")
    ip(lab, "link", "set", "veth1", "name", "lan1")
    lab.wait(lambda: shown(lab) == {}, 10, "it is not watched by the other name")
    assert xdp_of(lab, "lan1") is None
    ip(lab, "link", "set", "lan1", "name", "veth9")
    wait_hook(lab, "veth9", "native")
    assert xdp_of(lab, "veth9")
    ip(lab, "link", "set", "veth9", "name", "veth8")  # stays in the pattern
    before = xdp_of(lab, "veth8")
    wait_hook(lab, "veth8", "native")
    assert xdp_of(lab, "veth8") == before and list(shown(lab)) == ["veth8"]


@pytest.mark.parametrize("hook", ["native", "auto"])
def test_a_device_that_moves_to_another_namespace_is_let_go(lab, hook):
    configure(lab, BY_PATTERN + f"hook: {hook}\n")
    make(lab, "veth1", "p1")
    wait_hook(lab, "veth1", "native" if hook == "native" else "tcx")
    n = lab.log().count("veth1 is gone")
    ip(lab, "link", "set", "veth1", "netns", lab.ns_attack)
    wait_hook(lab, "veth1", None)
    lab.wait(lambda: lab.log().count("veth1 is gone") > n, 5, "it is said")
    assert xdp_of(lab, "veth1", ns=lab.ns_attack) is None
    assert "cannot take" not in lab.log() and pins(lab) == ""
    lab.attack("ip", "link", "set", "veth1", "netns", lab.ns_host, check=True)
    wait_hook(lab, "veth1", "native" if hook == "native" else "tcx")


def test_a_reload_with_another_hook_or_pattern_is_followed_at_once(lab):
    make(lab, "veth1", "p1")
    wait_hook(lab, "veth1", "native")
    configure(lab, BY_PATTERN + "hook: auto\n")
    at = wait_hook(lab, "veth1", "tcx")
    assert "large segments" in at["why"] and xdp_of(lab, "veth1") is None
    configure(lab, BY_PATTERN + "hook: generic\n")
    assert wait_hook(lab, "veth1", "generic")["why"] == "set in the configuration"
    assert xdp_of(lab, "veth1")
    configure(lab, "interfaces:\n  - lan*\n")
    wait_hook(lab, "veth1", None)
    assert xdp_of(lab, "veth1") is None


# ---- beside somebody else's program

@pytest.fixture
def theirs(lab):
    """A device with somebody else's XDP program, before ours comes to it: (lab, its id)."""
    obj = f"{lab.dir}/theirs.o"
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-x", "c", "-c", "-", "-o", obj], input=FOREIGN, text=True, check=True)
    make(lab, "lan1", "p1")
    ip(lab, "link", "set", "dev", "lan1", "xdp", "obj", obj, "sec", "xdp")
    return lab, xdp_of(lab, "lan1")


def test_native_says_whose_program_is_there_and_what_to_set_and_comes_when_it_goes(theirs):
    lab, their_id = theirs
    ip(lab, "link", "set", "lan1", "name", "veth1")
    at = wait_hook(lab, "veth1", "none")
    tag = json.loads(lab.on_host("bpftool", "-j", "prog", "show", "id", str(their_id), check=True).stdout)["tag"]
    assert at["foreign_xdp"] == {"id": their_id, "name": "theirs", "tag": tag, "uid": 0}
    assert f"XDP program {their_id} (theirs)" in at["why"] and "hook: tcx" in at["why"]
    assert xdp_of(lab, "veth1") == their_id
    assert f"veth1: XDP program {their_id} (theirs, tag {tag}, loaded by uid 0) of somebody else" in lab.cli("status")[1]
    ip(lab, "link", "set", "dev", "veth1", "xdp", "off")
    assert "foreign_xdp" not in wait_hook(lab, "veth1", "native")
    assert xdp_of(lab, "veth1") not in (None, their_id)


def test_auto_stands_beside_it_by_tcx_and_gives_way_to_nothing(theirs):
    lab, their_id = theirs
    configure(lab, BY_PATTERN + "hook: auto\n")
    ip(lab, "link", "set", "lan1", "name", "veth1")
    at = wait_hook(lab, "veth1", "tcx")
    assert at["foreign_xdp"]["id"] == their_id == xdp_of(lab, "veth1")
    assert "sees packets first" in lab.cli("status")[1]
    # native cannot be had while it is there: what is in force stays so, and says why
    configure(lab, BY_PATTERN)
    lab.wait(lambda: "set hook: tcx" in shown(lab)["veth1"]["why"], 10, "it says why not")
    assert shown(lab)["veth1"]["hook"] == "tcx" and xdp_of(lab, "veth1") == their_id
    ip(lab, "link", "set", "dev", "veth1", "xdp", "off")
    wait_hook(lab, "veth1", "native")
    assert pins(lab, "tcx") == ""


def test_one_that_goes_without_a_word_is_missed_by_none_after_a_reload(theirs):
    lab, their_id = theirs
    ip(lab, "link", "set", "lan1", "name", "veth1")
    wait_hook(lab, "veth1", "none")
    ip(lab, "link", "set", "dev", "veth1", "down")
    lab.on_host("bpftool", "net", "detach", "xdp", "dev", "veth1", check=True)  # netlink tells nobody of it
    configure(lab, BY_PATTERN)
    wait_hook(lab, "veth1", "native")
    assert xdp_of(lab, "veth1") != their_id
