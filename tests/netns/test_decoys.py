# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoy ports with the whole program: who is answered, who is banned and when, and what is left when it ends."""
import json
import random
import re
import resource
import subprocess
import sys

import pytest
from lab import Lab

EVERY = "decoys:\n  tcp: unused\n  udp_ports:\n    - 161\n"
BAN = EVERY + "  action: ban\n  ban_for: 1h\n"

# Opens connections to the ports given, says "up N", and holds them until it is told to go on; then counts those still open.
HOLD = """
import resource, socket, sys
source, target, first, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for i in range(n):
    s = socket.socket()
    s.settimeout(5)
    s.connect((target, first + i % 20000))
    held.append(s)
print("up", len(held), flush=True)
sys.stdin.readline()
n_open = 0
for s in held:
    s.setblocking(False)
    try:
        n_open += s.recv(1) != b""
    except BlockingIOError:
        n_open += 1
    except OSError:
        pass
print("open", n_open, flush=True)
"""

# One connection: prints the boot time just before connect(), what was said first, and how it ended.
ASK = """
import socket, sys, time
target, port, say, wait = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode(), float(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET)
s.settimeout(5)
s.connect((target, port))
wall = time.time_ns()
s.settimeout(wait)
got, end = b"", "held"
try:
    if say:
        s.sendall(say)
    while True:
        data = s.recv(4096)
        if not data:
            end = "closed"
            break
        got += data
except socket.timeout:
    pass
except OSError as e:
    end = "reset"
print(wall, got, end)
"""


def started(config, **kw):
    lab = Lab(config=config, **kw)
    lab.__enter__()
    try:
        lab.start()
        lab.wait(lambda: lab.cli_json("decoys")["serving"] == ("decoys:" in config), 5, "the decoys are served")
    except BaseException:
        lab.close()
        raise
    return lab


@pytest.fixture
def every():
    with_lab = started(EVERY)
    yield with_lab
    with_lab.__exit__(None, None, None)


def ask(lab, port, target=None, say="", wait=0.5):
    r = lab.attack(sys.executable, "-S", "-E", "-c", ASK, target or lab.host, port, say, wait)
    return r.stdout.split(" ", 1) if r.returncode == 0 else (r.stderr.splitlines()[-1],)


def touches(lab):
    return lab.cli_json("decoys")["touches_tcp"]


def findings(lab, rule):
    return [f for f in lab.cli_json("findings", "-n", "500")["findings"] if f["rule"] == rule]


def in_force(lab, net):
    return net in {b["net"] for b in lab.cli_json("bans")["bans"]}


def listening(lab):
    return lab.on_host("ss", "-Hltn", check=True).stdout


@pytest.mark.parametrize("target", [Lab.host, Lab.host6])
def test_a_thousand_random_unused_ports_answer(every, target):
    ports = random.Random(7).sample(range(1, 65536), 1000)
    got = every.connect(*ports, target=target)
    assert {p: s for p, s in got.items() if s != "open"} == {}
    every.wait(lambda: touches(every) == 1000, 5, "every connection was counted")
    found = every.wait(lambda: [f for f in findings(every, "decoy-tcp") if f["count"] == 1000], 5, "one finding has the sum")
    assert len(found) == 1 and found[0]["subject"] == (every.attacker6 if ":" in target else every.attacker)


def test_nmap_sees_every_port_of_its_scan_open(every):
    r = every.attack("nmap", "-n", "-Pn", "-sT", "-F", "-oG", "-", every.host, check=True)
    assert len(re.findall(r"\d+/open/tcp", r.stdout)) == 100
    sources = every.cli_json("decoys")["sources"]
    assert sources[0]["source"] == every.attacker and sources[0]["touches"] >= 100


def test_a_service_from_before_and_one_that_comes_later_keep_their_ports(lab):
    before, _, _ = lab.listen(8081)
    lab.write_config(EVERY)
    lab.start()
    lab.wait(lambda: lab.cli_json("decoys")["serving"], 5, "the decoys are served")
    assert "hello" in ask(lab, before)[1]
    assert ask(lab, 8082)[1].split()[0] == "b''"
    later, _, process = lab.listen(8082)
    assert "hello" in ask(lab, later)[1]
    process.kill()
    process.wait()
    assert ask(lab, later)[1].split()[0] == "b''"
    assert touches(lab) == 2


def test_a_connection_is_a_ban_in_force_within_ten_milliseconds():
    lab = started("mode: enforce\n" + BAN)
    with_times = []
    try:
        stream = lab.follow()
        lab.wait(lambda: stream.events is not None and lab.cli("status")[0] in (0, 6), 5, "the stream is open")
        lab.ok("ban", "198.18.7.7")  # the first ban of a database is slower than any other
        lab.wait(lambda: stream.find(kind="ban", net="198.18.7.7"), 5, "the events flow")
        for source in lab.others:
            r = lab.attack(sys.executable, "-S", "-E", "-c", ASK.replace("s.settimeout(5)\n", f"s.settimeout(5)\ns.bind(('{source}', 0))\n", 1),
                           lab.host, 23, "", 0.3, check=True)
            event = lab.wait(lambda s=source: stream.find(kind="ban", net=s), 5, "the ban is told")
            at = float(re.search(r":(\d\d\.\d+)Z", event["at"])[1])
            with_times.append((at - int(r.stdout.split()[0]) / 1e9 % 60) * 1000)
            assert lab.ping(source) == 0
        print("ms from connect() to the ban in force:", with_times)
        assert sorted(with_times)[len(with_times) // 2] < 10
        assert findings(lab, "decoy-tcp")[0]["severity"] == "medium"
    finally:
        lab.__exit__(None, None, None)


def test_observing_notes_the_ban_and_drops_nothing():
    lab = started(BAN)
    try:
        assert ask(lab, 23, wait=0.1)[1].startswith("b''")
        lab.wait(lambda: in_force(lab, lab.attacker), 5, "the ban is noted")
        assert lab.ping() == 3
        assert lab.connect(24) == {24: "open"}
        assert ask(lab, 23, target=lab.host6, wait=0.1)[1].startswith("b''")
        lab.wait(lambda: in_force(lab, "2001:db8:0:1::/64") or lab.cli_json("decoys")["bans_refused"], 5, "IPv6 is judged")
    finally:
        lab.__exit__(None, None, None)


def test_a_protected_address_is_never_banned():
    lab = started("mode: enforce\nallow:\n  - 198.18.0.66\n" + BAN)
    try:
        assert ask(lab, 23, wait=0.1)[1].startswith("b''")
        lab.wait(lambda: lab.cli_json("decoys")["bans_refused"] == 1, 5, "the ban was refused")
        assert not in_force(lab, lab.attacker) and lab.ping() == 3
    finally:
        lab.__exit__(None, None, None)


# Datagrams of forged sources, through a packet socket: 198.19.X.Y to port 161.
FORGE = """
import socket, struct, sys
dst_mac, n = bytes.fromhex(sys.argv[1].replace(":", "")), int(sys.argv[2])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0x0800))
src_mac = s.getsockname()[4]
def checksum(b):
    x = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while x >> 16:
        x = (x & 0xffff) + (x >> 16)
    return ~x & 0xffff
for i in range(n):
    src, dst = bytes([198, 19, i // 250, 1 + i % 250]), bytes([198, 18, 0, 1])
    udp = struct.pack("!HHHH", 5353, 161, 12, 0) + b"hiya"
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), i & 0xffff, 0, 64, 17, 0) + src + dst
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    s.send(dst_mac + src_mac + b"\\x08\\x00" + ip + udp)
"""


def test_ten_thousand_forged_datagrams_ban_nobody():
    lab = started("mode: enforce\n" + BAN)
    try:
        mac = re.search(r"link/ether (\S+)", lab.on_host("ip", "link", "show", "eth0", check=True).stdout)[1]
        lab.on_host("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0")
        lab.attack(sys.executable, "-S", "-E", "-c", FORGE, mac, 10000, check=True)
        lab.wait(lambda: lab.cli_json("decoys")["touches_udp"] > 5000, 10, "the touches are counted")
        d = lab.cli_json("decoys")
        assert d["bans"] == 0 and lab.cli_json("bans")["bans"] == []
        assert 0 < len(findings(lab, "decoy-udp")) <= 120 and d["findings_not_told"] > 0
    finally:
        lab.__exit__(None, None, None)


def test_a_datagram_bans_only_where_the_operator_said_so():
    lab = started("mode: enforce\n" + BAN + "  udp_bans: true\n")
    try:
        lab.attack(sys.executable, "-S", "-E", "-c", f"import socket; socket.socket(2, 2).sendto(b'x', ('{lab.host}', 161))", check=True)
        lab.wait(lambda: in_force(lab, lab.attacker), 5, "the source is banned")
    finally:
        lab.__exit__(None, None, None)


def test_a_banner_is_said_the_first_bytes_are_recorded_and_a_tarpit_holds():
    lab = started(EVERY + "  tarpit: true\n  banner:\n    - port: 2222\n      text: SSH-2.0-OpenSSH_9.2p1\n")
    try:
        stream = lab.follow()
        lab.ok("status")
        got = ask(lab, 2222, say="GET / HTTP/1.0\r\n\x1b[31m", wait=1)[1]
        assert got.strip() == r"b'SSH-2.0-OpenSSH_9.2p1\r\n' held"
        said = lab.wait(lambda: stream.find(kind="decoy", said=lambda s: s), 5, "the first bytes are told")
        assert said["said"].startswith("GET / HTTP/1.0") and "\x1b" not in said["said"]
        lab.wait(lambda: "GET / HTTP/1.0" in findings(lab, "decoy-tcp")[0]["title"], 5, "the finding has them too")
        assert ask(lab, 2223, wait=6.5)[1].split()[1] == "held"
    finally:
        lab.__exit__(None, None, None)


def test_the_first_touches_are_forgiven_and_port_0_speaks_for_every_other():
    lab = started("mode: enforce\n" + BAN + "  trigger: 2\n  banner:\n    - port: 2222\n      text: own\n    - port: 0\n      text: GO AWAY\n")
    try:
        assert ask(lab, 2222)[1].startswith(r"b'own\r\n'")
        assert ask(lab, 2223)[1].startswith(r"b'GO AWAY\r\n'")
        assert lab.cli_json("decoys")["trigger"] == 2
        assert lab.ping() == 3 and not in_force(lab, lab.attacker)
        lab.connect(2224)
        lab.wait(lambda: in_force(lab, lab.attacker), 5, "the third is one too many")
        lab.wait(lambda: lab.ping() == 0, 5, "and dropped")
    finally:
        lab.__exit__(None, None, None)


def test_without_a_tarpit_a_silent_connection_is_closed(every):
    assert ask(every, 2223, wait=8)[1].split()[1] in ("reset", "closed")
    assert every.cli_json("decoys")["held"] == 0


def test_fifteen_thousand_held_connections_do_no_harm():
    lab = started(EVERY + "  tarpit: true\n")
    try:
        most = lab.cli_json("decoys")["held_max"]
        assert most == 15000 or resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 16000 and most > 100
        n = most + 100
        lab.attack("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65000")
        p = lab.spawn(sys.executable, "-S", "-E", "-c", HOLD, lab.attacker, lab.host, 20000, n, on_host=False, stdin=-1)
        assert p.stdout.readline().split() == ["up", str(n)]
        lab.wait(lambda: touches(lab) == n, 20, "all were accepted")
        d = lab.cli_json("decoys")
        assert (d["held"], d["closed_oldest"]) == (most, 100)
        assert lab.cli("status")[0] in (0, 6) and lab.ping() == 3
        p.stdin.write("\n")
        p.stdin.flush()
        assert p.stdout.readline().split() == ["open", str(most)]
        p.wait()
        lab.wait(lambda: lab.cli_json("decoys")["held"] == 0, 20, "those that went are let go")
    finally:
        lab.__exit__(None, None, None)


def test_the_hosts_own_clients_are_as_ever(every):
    port, _, _ = every.listen(5353, kind="udp", address=every.attacker, on_host=False)
    echo = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); "
            f"s.sendto(b'x', ('{every.attacker}', {port})); print(s.recvfrom(9)[0])")
    for _ in range(20):
        assert "b'x'" in every.on_host(sys.executable, "-c", echo, check=True).stdout
    web, _, _ = every.listen(8088, address=every.attacker, on_host=False)
    get = f"import socket; s = socket.create_connection(('{every.attacker}', {web}), 3); print(s.recv(9))"
    assert "hello" in every.on_host(sys.executable, "-c", get, check=True).stdout
    closed = "import socket\ntry:\n socket.create_connection(('%s', 7), 3)\nexcept ConnectionRefusedError:\n print('refused')"
    for address in ("127.0.0.1", every.host):
        assert "refused" in every.on_host(sys.executable, "-c", closed % address, check=True).stdout
    assert touches(every) == 0


def test_our_own_listeners_are_no_finding(every):
    every.wait(lambda: every.cli_json("status")["inventory"]["complete"], 10, "the first inventory is complete")
    assert ask(every, 99, wait=0.1)[1].startswith("b''")
    told = [f for f in every.cli_json("findings", "-n", "500")["findings"] if f["kind"] == "new-listener"]
    assert [f for f in told if "sockwarden" in f["executable"]] == [], "others are services of the tests before"


def test_a_restart_takes_the_decoys_over_and_the_end_leaves_no_port_open(every):
    link = every.on_host("bpftool", "-j", "link", "show", "pinned", every.pin("decoy-link")).stdout
    every.kill("sockwarden-engine")
    every.wait(lambda: every.connect(23) == {23: "open"} and touches(every) > 0, 10, "a new engine serves")
    every.stop()
    assert every.connect(23) == {23: "closed"} and listening(every) == ""
    every.start()
    every.wait(lambda: every.cli_json("decoys")["serving"], 5, "the decoys are served again")
    assert every.connect(23) == {23: "open"}
    assert json.loads(every.on_host("bpftool", "-j", "link", "show", "pinned", every.pin("decoy-link")).stdout)["id"] == json.loads(link)["id"]
    every.kill_all()
    every.wait(lambda: every.connect(23) == {23: "closed"}, 5, "nothing listens when all are killed")


def test_a_reload_turns_decoys_off_and_on(every):
    every.write_config("")
    every.daemon.send_signal(1)
    every.wait(lambda: every.connect(23) == {23: "closed"}, 5, "off")
    every.wait(lambda: not every.cli_json("decoys")["on"], 5, "the engine has the new configuration")
    every.write_config("decoys:\n  preset: portsentry\n")
    every.daemon.send_signal(1)
    every.wait(lambda: every.connect(31337) == {31337: "open"}, 5, "the classic ports answer")
    assert every.connect(31336) == {31336: "closed"}
    every.wait(lambda: every.cli_json("decoys")["tcp"] != "off", 5, "the engine has the new configuration")
    d = every.cli_json("decoys")
    assert (d["tcp"], d["tcp_ports"], d["udp_left_out"]) == ("listed", 26, 8)
    assert "31337" in every.ok("decoys") and "decoys" in every.cli("status")[1]


def test_nothing_is_left_pinned_when_told_to_remove():
    lab = started("on_exit: remove\n" + EVERY)
    try:
        lab.stop()
        assert lab.on_host("find", "/sys/fs/bpf", "-name", "decoy*").stdout == ""
        assert lab.on_host("bpftool", "link", "show").stdout.count("sk_lookup") == 0
        assert lab.connect(23) == {23: "closed"}
    finally:
        lab.__exit__(None, None, None)


def take_xdp_frames(lab):
    """The other end of a veth gets what XDP sends only when it has a program, too: one that passes everything."""
    obj = f"{lab.dir}/pass.o"
    text = '__attribute__((section("xdp"), used)) int all(void *ctx) { return 2; }'
    subprocess.run(["clang", "-O2", "-target", "bpf", "-x", "c", "-c", "-", "-o", obj], input=text, text=True, check=True)
    lab.attack("ip", "link", "set", "dev", "eth0", "xdpdrv", "obj", obj, "sec", "xdp", check=True)


@pytest.mark.parametrize("hook,action", [("native", "ban"), ("generic", "ban"), ("native", "alert")])
def test_xdp_itself_answers_where_there_is_no_socket_and_who_completes_the_handshake_is_banned(hook, action):
    config = f"mode: enforce\nhook: {hook}\ndecoys:\n  action: {action}\n  cookie_ports:\n    - 23\n    - 8080\n"
    with Lab(config=config) as lab:
        if hook == "native":
            take_xdp_frames(lab)
        lab.start()
        service, _, _ = lab.listen(8080)
        lab.wait(lambda: lab.cli_json("decoys").get("cookie", {}).get("serving"), 5, "XDP answers")
        assert ":23 " not in listening(lab)
        assert lab.connect(service, 24) == {service: "open", 24: "closed"}
        assert "hello" in ask(lab, service)[1] and touches(lab) == 0
        assert lab.connect(23, target=lab.host6) == {23: "open"}
        r = ask(lab, 23, say="GET / HTTP/1.0")
        assert len(r) == 2 and r[1].split() == ["b''", "held"], r
        lab.wait(lambda: touches(lab) == 2, 5, "both touches are told")
        at = lab.cli_json("decoys")
        assert at["cookie"]["answered"] >= 2 and at["cookie"]["needs_xdp"] == [] and not at["on"]
        assert {f["subject"] for f in findings(lab, "decoy-tcp")} == {lab.attacker, lab.attacker6}
        assert in_force(lab, lab.attacker) == (action == "ban")
        assert (lab.connect(service, timeout=0.3)[service] == "silent") == (action == "ban")


def test_an_answer_by_xdp_ends_with_the_option_and_with_the_guard_and_needs_xdp():
    config = "hook: {}\ndecoys:\n  cookie_ports:\n    - 23\n"
    with Lab(config=config.format("generic")) as lab:
        lab.start()
        lab.wait(lambda: lab.connect(23) == {23: "open"}, 5, "XDP answers")
        lab.write_config(config.format("tcx"))
        lab.daemon.send_signal(1)
        lab.wait(lambda: lab.cli_json("decoys").get("cookie", {}).get("needs_xdp") == ["eth0 (tcx)"], 5, "it is said what it needs")
        assert "need hook: native or generic: eth0 (tcx)" in lab.ok("decoys") and lab.connect(23) == {23: "closed"}
        lab.write_config(config.format("generic"))
        lab.daemon.send_signal(1)
        lab.wait(lambda: lab.connect(23) == {23: "open"}, 5, "XDP answers again")
        lab.write_config("hook: generic\n")
        lab.daemon.send_signal(1)
        lab.wait(lambda: lab.connect(23) == {23: "closed"}, 5, "the option is off")
        assert "cookie" not in lab.cli_json("decoys")
        lab.write_config(config.format("generic"))
        lab.daemon.send_signal(1)
        lab.wait(lambda: lab.connect(23) == {23: "open"}, 5, "XDP answers again")
        lab.stop()
        assert lab.connect(23) == {23: "closed"}
