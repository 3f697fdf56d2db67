# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of the operator's own behind the gate: it gets what the gate passes, and nothing else."""
import json
import re
import subprocess

import pytest

from lab import Lab

# Drops TCP to port 7001, and counts what IPv4 it sees.
OWN = """
struct xdp_md { unsigned int data, data_end; };
__attribute__((section(".bss"))) unsigned long long seen;
__attribute__((section("%(section)s"), used)) int own(struct xdp_md *ctx)
{
	const unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (p + 38 > end || p[12] != 8 || p[13] != 0)
		return 2;
	__sync_fetch_and_add(&seen, 1);
	return p[14] == 0x45 && p[23] == 6 && p[36] == (7001 >> 8) && p[37] == (7001 & 255) ? 1 : 2;
}
__attribute__((section("tc"), used)) int classifier(void *ctx) { return -1; }
__attribute__((section("license"), used)) char _license[] = "GPL";
"""
PIN = "/sys/fs/bpf/own"


def load(lab, pin=PIN, section="xdp", of="own"):
    obj = f"{lab.dir}/own.o"
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-x", "c", "-c", "-", "-o", obj], input=OWN % {"section": section},
                   text=True, check=True)
    lab.on_host("bpftool", "prog", "loadall", obj, pin, check=True)
    return f"{pin}/{of}"


def program_on(lab, dev="eth0"):
    """What bpftool says of the XDP program on a device."""
    link = json.loads(lab.on_host("ip", "-j", "link", "show", "dev", dev, check=True).stdout)[0]
    return json.loads(lab.on_host("bpftool", "-j", "prog", "show", "id", str(link["xdp"]["prog"]["id"]), check=True).stdout)


def seen(lab):
    """IPv4 packets that the operator's program saw."""
    rows = json.loads(lab.on_host("bpftool", "-j", "map", "dump", "name", "own.bss", check=True).stdout)
    return rows[0]["formatted"]["value"][".bss"][0]["seen"]


def shown(lab):
    return lab.cli_json("chain", "show")


def open_ports(lab):
    return {p for p, how in lab.connect(7001, 7002, timeout=0.3).items() if how == "open"}


@pytest.fixture(params=["native", "generic"])
def lab(request):
    with Lab(config=f"hook: {request.param}\n") as the_lab:
        the_lab.start()
        for port in (7001, 7002):
            the_lab.listen(port)
        the_lab.hook = request.param
        yield the_lab


def test_it_gets_what_the_gate_passes_and_goes_on_after_a_restart_until_it_is_cleared(lab):
    assert lab.cli("arm")[0] in (0, 6)
    plain = program_on(lab)
    assert plain["name"] == "xdp_gate" and open_ports(lab) == {7001, 7002}
    own = load(lab)
    out = lab.ok("chain", "set", own)
    assert "(own, tag " in out and re.search(rf"eth0 +{lab.hook} +gets what the gate passes", out), out
    assert open_ports(lab) == {7002} and program_on(lab)["name"] == "xdp_gate_chain"
    at = shown(lab)
    assert at["chain"]["name"] == "own" and at["interfaces"][0]["called"] is True
    lab.wait(lambda: lab.cli_json("status")["chain"] == at["chain"], 10, "status tells of it")
    assert re.search(r"chained +XDP program \d+ \(own, tag ", lab.cli("status")[1])
    lab.ok("ban", lab.attacker)
    before = seen(lab)
    assert lab.ping() == 0 and seen(lab) == before, "what the gate drops it never sees"
    assert lab.ping(source=lab.others[0]) == 3 and seen(lab) >= before + 3
    lab.ok("unban", lab.attacker)

    lab.kill("sockwardend")
    assert open_ports(lab) == {7002}, "by the pins alone"
    lab.kill_all()
    lab.on_host("rm", "-r", PIN, check=True)  # the slot holds it by itself
    lab.start()
    assert open_ports(lab) == {7002} and shown(lab)["chain"]["id"] == at["chain"]["id"]
    assert program_on(lab)["name"] == "xdp_gate_chain"
    assert "no program is chained any more" in lab.cli("chain", "clear")[2]
    assert open_ports(lab) == {7001, 7002} and shown(lab)["chain"] is None
    lab.wait(lambda: "chain" not in lab.cli_json("status"), 10, "status tells of none")
    now = program_on(lab)
    assert (now["name"], now["tag"]) == ("xdp_gate", plain["tag"]), "nobody pays for a slot that is empty"


def test_what_is_no_xdp_program_is_refused_by_name_and_what_is_chained_stays(lab):
    own, tc = load(lab), f"{PIN}/classifier"
    lab.ok("chain", "set", own)
    for path, text in ((tc, "(classifier) is of type sched_cls"), (f"{lab.bpffs}/v1/gate_ctl", "is no BPF program"),
                       ("/sys/fs/bpf/none", "/sys/fs/bpf/none: no pin of a BPF program: No such file"),
                       (load(lab, "/sys/fs/bpf/frags", "xdp.frags"), "not xdp.frags")):
        code, _, err = lab.cli("chain", "set", path)
        assert code == 1 and text in err, (path, err)
    assert shown(lab)["chain"]["name"] == "own" and open_ports(lab) == {7002}


def test_it_comes_to_devices_that_come_and_goes_with_all_else(lab):
    lab.write_config(f"hook: {lab.hook}\non_exit: remove\ninterfaces: [eth*, new*]\n")
    lab.daemon.send_signal(1)
    lab.ok("chain", "set", load(lab))
    lab.on_host("ip", "link", "add", "new1", "type", "veth", "peer", "name", "new2", check=True)
    lab.wait(lambda: {i["interface"]: i["called"] for i in shown(lab)["interfaces"]}.get("new1"), 10, "it is called there too")
    assert program_on(lab, "new1")["name"] == "xdp_gate_chain"
    lab.stop()
    assert "prog" not in lab.on_host("ip", "-d", "link", "show", "dev", "eth0", check=True).stdout and open_ports(lab) == {7001, 7002}
    assert lab.on_host("find", lab.bpffs).stdout == ""


def test_where_the_gate_is_at_tcx_it_is_told_how_to_come_after_it(lab):
    lab.write_config("hook: tcx\n")
    lab.daemon.send_signal(1)
    lab.wait(lambda: shown(lab)["interfaces"][0]["hook"] == "tcx", 10, "the gate is at tcx")
    assert "not called: attach it there by itself" in lab.ok("chain", "set", load(lab))
    assert open_ports(lab) == {7001, 7002}
    lab.write_config(f"hook: {lab.hook}\n")
    lab.daemon.send_signal(1)
    lab.wait(lambda: shown(lab)["interfaces"][0]["called"], 10, "the gate is at XDP")
    assert open_ports(lab) == {7002}
