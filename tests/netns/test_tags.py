# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that tag: their packets pass with a mark, and the operator's own rules act on it."""
import json
import os
import subprocess
import sys

import pytest

from lab import Lab

TC = "tcx" if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 6) else "clsact"

CHAIN = """
table inet own {
  counter marked { }
  chain in {
    type filter hook prerouting priority -300;
    meta mark and 0xff000000 == %s counter name marked %s
  }
}
"""


def load_rule(lab, value="0x5b000000", then=""):
    lab.on_host("nft", "-f", "-", input=CHAIN % (value, then), check=True)


def marked(lab):
    """Packets that carried the mark when the operator's rule saw them."""
    out = json.loads(lab.on_host("nft", "-j", "list", "counter", "inet", "own", "marked", check=True).stdout)
    return next(x["counter"]["packets"] for x in out["nftables"] if "counter" in x)


def ping6(lab):
    return lab.ping(source=lab.attacker6, target=lab.host6)


def interface(lab):
    return lab.cli_json("status")["interfaces"][0]


def tagged_again(lab):
    return next(x["count"] for x in lab.cli_json("status")["losses"] if x["name"] == "tags-again")


# Makes the device tap0, then with each line "SOURCE MAC" lets three datagrams come in by it. The driver calls XDP itself only
# where it is written without blocking; else the kernel does, generic.
TAP = """
import fcntl, os, socket, struct, sys
f = os.fdopen(os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK), "r+b", buffering=0)
fcntl.ioctl(f, 0x400454ca, struct.pack("16sH", b"tap0", 0x1002))
print("made", flush=True)
for line in sys.stdin:
    source, mac = line.split()
    fields = [0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton("198.18.7.1")]
    total = sum(struct.unpack("!10H", struct.pack("!BBHHHBBH4s4s", *fields)))
    fields[7] = 0xffff - (total % 0xffff or 0xffff)
    ip = struct.pack("!BBHHHBBH4s4s", *fields)
    for _ in range(3):
        f.write(bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("0200000000990800") + ip + struct.pack("!HHHH", 4000, 53, 8, 0))
    print("sent", flush=True)
"""


@pytest.mark.parametrize("engine", ["packed", "lpm"])
def test_a_tap_has_the_mark_whether_its_driver_gives_xdp_room_or_not(engine):
    """Linux 6.15's does, earlier ones do not: tests/bpf/test_tag.c has both."""
    with Lab() as lab:
        tap = lab.spawn(sys.executable, "-S", "-E", "-c", TAP, stdin=subprocess.PIPE)
        assert tap.stdout.readline() == "made\n"
        lab.on_host("sh", "-c", "ip addr add 198.18.7.1/24 dev tap0 && ip link set tap0 up", check=True)
        mac = json.loads(lab.on_host("ip", "-j", "link", "show", "tap0", check=True).stdout)[0]["address"]

        def send(source):
            tap.stdin.write(f"{source} {mac}\n")
            tap.stdin.flush()
            assert tap.stdout.readline() == "sent\n"

        lab.write_config(f"interfaces:\n  - tap0\nhook: native\ntrails:\n  engine: {engine}\n")
        lab.start()
        assert lab.cli("arm")[0] in (0, 6) and interface(lab)["hook"] == "native"
        load_rule(lab)
        lab.ok("trails", "add", "198.18.7.66", "--action", "tag", "--list", "marks")
        send("198.18.7.66")
        lab.wait(lambda: marked(lab) == 3, 5, "each has the mark, the first as well")
        assert tagged_again(lab) in (0, 3) and lab.counter("tag-src") == 3, "counted once"
        send("198.18.7.67")
        lab.ok("allow", "add", "198.18.7.66")
        send("198.18.7.66")
        lab.ok("allow", "remove", "198.18.7.66")
        lab.cli("off", "--observe")
        send("198.18.7.66")
        assert marked(lab) == 3, "neither a neighbour, nor who is allowed, nor anybody while observing"


@pytest.fixture(params=[("native", "packed"), ("generic", "packed"), ("tcx", "packed"), ("tcx", "lpm"), ("native", "lpm")], ids="-".join)
def tagging(request):
    """Enforcing, with a rule that counts marks; nothing is listed."""
    hook, engine = request.param
    with Lab() as lab:
        lab.write_config(f"hook: {hook}\ntrails:\n  engine: {engine}\n")
        lab.start()
        assert lab.cli("arm")[0] in (0, 6)
        load_rule(lab)
        lab.hook = TC if hook == "tcx" else hook
        yield lab


def test_a_tagged_packet_passes_with_the_mark_and_the_operators_rule_drops_it(tagging):
    lab = tagging
    assert interface(lab)["hook"] == lab.hook and interface(lab)["tag"] == ""
    assert lab.ping() == 3 and marked(lab) == 0
    for address in (lab.attacker, lab.attacker6):
        code, _, err = lab.cli("trails", "add", address, "--action", "tag", "--list", "marks")
        assert code == 0, err
    assert interface(lab)["tag"] == TC
    assert lab.ping() == 3 and ping6(lab) == 3
    assert marked(lab) >= 6 and lab.counter("tag-src") >= 6 and lab.counter("tag-src", "dropped") == 0
    assert lab.ping(source=lab.others[0]) == 3
    before = marked(lab)
    assert lab.ping(source=lab.others[0]) == 3 and marked(lab) == before, "a neighbour has no mark"
    why = lab.cli("why", lab.attacker)[1]
    assert "marks (tag)" in why and "marked when enforcing" in why
    lab.wait(lambda: '"tagged: ' in lab.cli("events", "--kind", "packet", "-j")[1], 5, "an event says so")
    lab.on_host("nft", "delete", "table", "inet", "own", check=True)
    load_rule(lab, then="drop")
    assert lab.ping() == 0 and ping6(lab) == 0 and lab.ping(source=lab.others[0]) == 3
    lab.cli("off", "--observe")
    assert lab.ping() == 3, "observing changes no packet"
    assert lab.cli("arm")[0] in (0, 6) and lab.ping() == 0
    lab.cli("allow", "add", lab.attacker)
    assert lab.ping() == 3 and ping6(lab) == 0, "allow wins"
    assert lab.cli("trails", "remove", "marks")[0] == 0
    assert ping6(lab) == 3 and interface(lab)["tag"] == ""
    assert tagged_again(lab) == 0


def test_of_several_lists_drop_counts_more_than_tag_and_tag_more_than_observe(tagging):
    lab = tagging

    def put(name, action, *nets):
        for net in nets:
            assert lab.cli("trails", "add", net, "--list", name, "--action", action)[0] == 0

    put("watch", "observe", lab.attacker, lab.attacker6)
    put("wide", "tag", "198.18.0.0/24", "2001:db8:0:1::/64")
    lab.cli("allow", "add", lab.host)
    assert lab.ping() == 3 and ping6(lab) == 3 and marked(lab) >= 6, "watched inside tagged is tagged"
    put("bad", "drop", lab.attacker, lab.attacker6)
    before = marked(lab)
    assert lab.ping() == 0 and ping6(lab) == 0 and marked(lab) == before
    put("fine", "except", lab.others[0])
    assert lab.ping(source=lab.others[0]) == 3 and marked(lab) == before, "the longest match is the exception"


def test_the_mark_is_the_configurations_and_other_bits_stay(lab):
    lab.write_config('hook: tcx\ntrails:\n  tag_mark: "0x2/0xf"\n')
    lab.start()
    assert lab.cli("arm")[0] in (0, 6)
    lab.on_host("nft", "-f", "-", input=(CHAIN % ("0", "")).replace("meta mark and 0xff000000 == 0", "meta mark 2"), check=True)
    assert lab.cli("trails", "add", lab.attacker, "--action", "tag")[0] == 0
    assert lab.ping() == 3 and marked(lab) == 3
    for bad in ("0x10/0xf", "0/0xff", "12x", "0x100000000", "/0xff"):
        lab.write_config(f'trails:\n  tag_mark: "{bad}"\n')
        code, _, err = lab.cli("config", "check", lab.config_file)
        assert code == 5 and "tag_mark" in err and "packet mark" in err, (bad, err)


def test_marks_go_on_after_a_restart_and_when_somebody_takes_the_program_away(lab):
    lab.write_config("hook: native\n")
    lab.start()
    assert lab.cli("arm")[0] in (0, 6)
    load_rule(lab)
    assert lab.cli("trails", "add", lab.attacker, "--action", "tag")[0] == 0
    lab.kill("sockwardend")
    assert lab.ping() == 3 and marked(lab) == 3, "by its pins alone"
    lab.kill_all()
    lab.start()
    lab.wait(lambda: interface(lab)["tag"] == TC, 5, "the list is in force again")
    assert lab.ping() == 3 and marked(lab) == 6
    ifindex = lab.on_host("cat", "/sys/class/net/eth0/ifindex", check=True).stdout.strip()
    if TC == "tcx":
        lab.on_host("rm", lab.pin(f"tag-{ifindex}"), check=True)
    else:
        lab.on_host("tc", "filter", "del", "dev", "eth0", "ingress", check=True)
    lab.wait(lambda: lab.ping(count=1) and marked(lab) > 6, 12, "it is put back")
