# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate beside other XDP programs, under the dispatcher of libxdp; and alone where the kernel has none."""
import json
import subprocess

import pytest

from lab import PATIENCE, Lab

# Drops TCP to one port, and counts what IPv4 it sees.
THEIRS = """
struct xdp_md { unsigned int data, data_end; };
__attribute__((section(".bss"))) unsigned long long seen;
__attribute__((section("xdp"), used)) int %(name)s(struct xdp_md *ctx)
{
	const unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (p + 38 > end || p[12] != 8 || p[13] != 0)
		return 2;
	__sync_fetch_and_add(&seen, 1);
	return p[14] == 0x45 && p[23] == 6 && p[36] * 256 + p[37] == %(port)d ? 1 : 2;
}
__attribute__((section("license"), used)) char _license[] = "GPL";
"""
NO_TRAMPOLINES = "a kernel that refuses BPF trampolines; make test-vm runs them on others"


def build(lab, name, port):
    obj = f"{lab.dir}/{name}.o"
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-x", "c", "-c", "-", "-o", obj],
                   input=THEIRS % {"name": name, "port": port}, text=True, check=True)
    return obj


def load(lab, name, port, dev="eth0"):
    """Loads a program of somebody else's as xdp-loader does, beside what is there."""
    lab.on_host("xdp-loader", "load", "-m", "native", dev, build(lab, name, port), check=True)


def dispatched(lab, dev="eth0"):
    """Names of the programs under a device's dispatcher, in their order; None where there is no dispatcher."""
    link = json.loads(lab.on_host("ip", "-j", "link", "show", "dev", dev, check=True).stdout)[0]
    top = link.get("xdp", {}).get("prog", {}).get("id")
    script = f"for i in 0 1 2 3 4 5 6 7 8 9; do f=/sys/fs/bpf/xdp/dispatch-{link['ifindex']}-{top}/prog$i-prog; "
    script += "[ ! -e $f ] || bpftool -j prog show pinned $f; done"
    names = [json.loads(line)["name"] for line in lab.on_host("sh", "-c", script, check=True).stdout.splitlines()]
    return names or None


def seen(lab, name):
    """IPv4 packets that a program saw."""
    maps = json.loads(lab.on_host("bpftool", "-j", "map", "show", check=True).stdout)
    at = [m["id"] for m in maps if m.get("name") == f"{name}.bss"]
    return sum(json.loads(lab.on_host("bpftool", "-j", "map", "dump", "id", str(i), check=True).stdout)[0]
               ["formatted"]["value"][".bss"][0]["seen"] for i in at)


def open_ports(lab):
    return {p for p, how in lab.connect(7001, 7002, 7003, timeout=0.3 * PATIENCE).items() if how == "open"}


def interface(lab):
    return lab.cli_json("status", ok=(0, 1, 6, 7))["interfaces"][0]


def wait_hook(lab, hook):
    return lab.wait(lambda: interface(lab)["hook"] == hook and interface(lab), 20, hook)


@pytest.fixture
def host():
    with Lab(config="hook: dispatcher\non_exit: remove\n") as the_lab:
        for port in (7001, 7002, 7003):
            the_lab.listen(port)
        yield the_lab


@pytest.fixture
def lab(host):
    """A host whose kernel has a dispatcher, with the first of their programs on it."""
    load(host, "first", 7001)
    if dispatched(host) is None:
        pytest.skip(NO_TRAMPOLINES)
    return host


def start(lab):
    lab.start(seconds=60)
    assert lab.cli("arm")[0] in (0, 6, 7)


def test_all_run_whoever_came_first_and_nobody_replaces_another(lab):
    assert dispatched(lab) == ["first"] and open_ports(lab) == {7002, 7003}
    start(lab)
    assert wait_hook(lab, "dispatcher")["why"] == "set in the configuration"
    assert dispatched(lab) == ["xdp_gate", "first"] and open_ports(lab) == {7002, 7003}
    load(lab, "second", 7002)
    assert sorted(dispatched(lab)) == ["first", "second", "xdp_gate"] and dispatched(lab)[0] == "xdp_gate"
    assert open_ports(lab) == {7003}
    lab.ok("ban", lab.attacker)
    before = seen(lab, "first"), seen(lab, "second")
    assert lab.ping() == 0 and (seen(lab, "first"), seen(lab, "second")) == before, "the gate is the first"
    assert lab.counter("ban", "dropped") == 3
    assert lab.ping(source=lab.others[0]) == 3 and seen(lab, "second") >= before[1] + 3
    lab.kill("sockwardend")
    assert lab.ping() == 0, "by its pins alone"
    lab.kill_all()
    start(lab)
    wait_hook(lab, "dispatcher")
    lab.wait(lambda: sorted(dispatched(lab)) == ["first", "second", "xdp_gate"], 20, "one gate, and theirs")
    assert lab.ping() == 0 and open_ports(lab) == set()
    lab.stop(seconds=30)
    assert dispatched(lab) == ["first", "second"] and open_ports(lab) == {7003}, "theirs stay"


def test_native_beside_a_dispatcher_says_what_to_set_and_a_reload_goes_there_and_back(lab):
    lab.write_config("hook: native\n")
    start(lab)
    assert "set hook: dispatcher" in wait_hook(lab, "none")["why"] and dispatched(lab) == ["first"]
    lab.write_config("hook: dispatcher\n")
    lab.daemon.send_signal(1)
    wait_hook(lab, "dispatcher")
    assert dispatched(lab) == ["xdp_gate", "first"]
    lab.write_config("hook: tcx\n")
    lab.daemon.send_signal(1)
    lab.wait(lambda: interface(lab)["hook"] in ("tcx", "clsact"), 20, "tc")
    assert dispatched(lab) == ["first"]


def test_a_gate_that_is_taken_out_is_put_back(lab):
    start(lab)
    wait_hook(lab, "dispatcher")
    lab.on_host("xdp-loader", "unload", "eth0", "--all", check=True)
    assert dispatched(lab) is None
    lab.wait(lambda: dispatched(lab) == ["xdp_gate"], 20, "it is put back")
    assert interface(lab)["put_back"] == 1


def test_a_program_that_is_there_alone_is_named_and_stays(host):
    host.on_host("ip", "link", "set", "dev", "eth0", "xdpdrv", "obj", build(host, "alone", 7001), "sec", "xdp", check=True)
    start(host)
    at = wait_hook(host, "none")
    assert "(alone) of somebody else is there" in at["why"] and at["foreign_xdp"]["name"] == "alone"
    assert open_ports(host) == {7002, 7003}


def test_where_the_kernel_refuses_it_the_gate_is_there_alone_and_says_so(host):
    load(host, "probe", 7001)
    if dispatched(host) is not None:
        pytest.skip("a kernel that has BPF trampolines")
    host.on_host("xdp-loader", "unload", "eth0", "--all", check=True)
    start(host)
    at = wait_hook(host, "native")
    assert at["why"] == "alone on the device, the dispatcher failed: the kernel refuses BPF trampolines"
    assert len(host.on_host("find", "/sys/fs/bpf/sockwarden", "-name", "link-native-*").stdout.split()) == 1, "by a link of ours"
    host.ok("ban", host.attacker)
    assert host.ping() == 0 and host.counter("ban", "dropped") == 3 and host.ping(source=host.others[0]) == 3


def test_without_the_package_it_is_there_alone_and_names_it(host):
    host.on_host("mount", "--bind", "/dev/null", "/usr/sbin/xdp-loader", check=True)
    start(host)
    assert wait_hook(host, "native")["why"] == \
        "alone on the device, the dispatcher failed: xdp-loader (package xdp-tools) is missing"
    host.ok("ban", host.attacker)
    assert host.ping() == 0
