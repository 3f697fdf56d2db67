# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate by itself on each hook it has, under real packets: no daemon, only its object and its maps."""
import ipaddress
import json
import os
import struct
import sys

import pytest

OBJECT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build/bpf/xdp_gate.bpf.o")
PROGS, MAPS = "/sys/fs/bpf/gate", "/sys/fs/bpf/gatemaps"
ENFORCE = 2
UNPARSED, ALLOWED, BAN, BAN_NET, TRAIL_SRC, TRAIL_DST = range(6)

# Sends COUNT TCP SYNs from SOURCE to TARGET in a VLAN, by the device of the attacker.
SEND_TAGGED = """
import socket, struct, sys
source, target, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, socket.inet_aton(source), socket.inet_aton(target))
tcp = struct.pack("!HHIIBBHHH", 40000, 443, 0, 0, 0x50, 2, 1024, 0, 0)
frame = b"\\xff" * 6 + b"\\x02" + b"\\0" * 5 + struct.pack("!HHH", 0x8100, 7, 0x0800) + ip + tcp
for _ in range(count):
    s.send(frame)
"""

# Makes the device tun0, waits for a line, then lets COUNT bare IPv4 packets from SOURCE come in by it.
TUN = """
import fcntl, socket, struct, sys
source, count = sys.argv[1], int(sys.argv[2])
f = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(f, 0x400454ca, struct.pack("16sH", b"tun0", 0x1001))
print("made", flush=True)
sys.stdin.readline()
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton("198.18.0.1"))
for _ in range(count):
    f.write(ip + struct.pack("!HHHH", 4000, 53, 8, 0))
print("sent", flush=True)
sys.stdin.readline()
"""

# Loads an object and pins its programs and maps. bpftool's loadall would pin those, too, that load only when asked for.
LOAD = """
import ctypes, os, sys
lib, (path, progs, maps) = ctypes.CDLL("libbpf.so.1"), [a.encode() for a in sys.argv[1:]]
lib.bpf_object__open_file.restype = lib.bpf_object__next_program.restype = ctypes.c_void_p
lib.bpf_program__name.restype = ctypes.c_char_p
o = ctypes.c_void_p(lib.bpf_object__open_file(path, None))
if lib.bpf_object__load(o) or lib.bpf_object__pin_maps(o, maps):
    sys.exit("it does not load")
os.makedirs(progs)
prog = lib.bpf_object__next_program(o, None)
while prog:
    p = ctypes.c_void_p(prog)
    if lib.bpf_program__fd(p) >= 0 and lib.bpf_program__pin(p, progs + b"/" + lib.bpf_program__name(p)):
        sys.exit("it cannot be pinned")
    prog = lib.bpf_object__next_program(o, p)
"""


class Gate:
    """The gate's object on the lab's host, enforcing, attached where the test says."""

    def __init__(self, lab):
        self.lab = lab
        lab.on_host(sys.executable, "-S", "-E", "-c", LOAD, OBJECT, PROGS, MAPS, check=True)
        self._update("gate_ctl", struct.pack("=I", 0), struct.pack("=IIIIQQII", ENFORCE, 10, 20, 0, 0, 0, 0, 0))

    def _update(self, name, key, value):
        self.lab.on_host("bpftool", "map", "update", "pinned", f"{MAPS}/{name}", "key", "hex", *key.hex(" ").split(),
                         "value", "hex", *value.hex(" ").split(), check=True)

    def attach(self, hook, dev="eth0"):
        if hook.startswith("xdp"):
            self.lab.on_host("ip", "link", "set", "dev", dev, hook, "pinned", f"{PROGS}/xdp_gate", check=True)
            return
        self.lab.on_host("tc", "qdisc", "add", "dev", dev, "clsact", check=True)
        self.lab.on_host("tc", "filter", "add", "dev", dev, "ingress", "bpf", "direct-action", "object-pinned",
                         f"{PROGS}/{hook}", check=True)

    def ban(self, address):
        a = ipaddress.ip_address(address)
        key = a.packed if a.version == 4 else a.packed + struct.pack("=I", 128)
        self._update(f"ban{a.version}", key, struct.pack("=QQII", 0, 1, 0, 0))

    def dropped(self, reason):
        """Packets dropped for a reason, all CPUs together."""
        r = self.lab.on_host("bpftool", "-j", "map", "lookup", "pinned", f"{MAPS}/counters", "key", "hex",
                             *struct.pack("=I", reason).hex(" ").split(), check=True)
        values = [bytes(int(b, 16) for b in v["value"]) for v in json.loads(r.stdout)["values"]]
        return sum(struct.unpack("=QQQ", v)[2] for v in values)


@pytest.fixture
def gate(lab):
    return Gate(lab)


HOOKS = pytest.mark.parametrize("hook", ["xdpdrv", "xdpgeneric", "tc_gate"])


@HOOKS
def test_a_banned_address_gets_no_answer_and_its_neighbour_does(lab, gate, hook):
    gate.attach(hook)
    assert lab.ping() == 3
    gate.ban(lab.attacker)
    assert lab.ping() == 0
    assert lab.ping(source=lab.others[0]) == 3
    assert gate.dropped(BAN) == 3


@HOOKS
def test_an_ipv6_ban_holds_on_the_wire(lab, gate, hook):
    gate.attach(hook)
    assert lab.ping(source=lab.attacker6, target=lab.host6) == 3
    gate.ban(lab.attacker6)
    assert lab.ping(source=lab.attacker6, target=lab.host6) == 0
    assert gate.dropped(BAN) >= 3


@HOOKS
def test_every_fragment_of_a_banned_address_is_dropped(lab, gate, hook):
    gate.attach(hook)
    gate.ban(lab.attacker)
    lab.attack("ping", "-c", "1", "-W", "1", "-s", "4000", "-I", lab.attacker, lab.host)
    assert gate.dropped(BAN) == 3


@HOOKS
def test_a_tag_does_not_hide_a_banned_address(lab, gate, hook):
    gate.attach(hook)
    gate.ban(lab.others[1])
    lab.attack("/usr/bin/python3", "-c", SEND_TAGGED, lab.others[1], lab.host, "5", check=True)
    assert gate.dropped(BAN) == 5


def test_a_device_without_ethernet_is_guarded_too(lab, gate):
    p = lab.spawn("/usr/bin/python3", "-c", TUN, "198.18.9.9", "5", in_cgroup=False, stdin=-1)
    assert p.stdout.readline() == "made\n"
    lab.on_host("ip", "link", "set", "tun0", "up", check=True)
    gate.attach("tc_gate_l3", "tun0")
    gate.ban("198.18.9.9")
    p.stdin.write("go\n")
    p.stdin.flush()
    assert p.stdout.readline() == "sent\n"
    assert gate.dropped(BAN) == 5
    p.communicate("end\n")
