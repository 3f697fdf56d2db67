# SPDX-License-Identifier: GPL-3.0-or-later
"""`sockets list` and `ps` beside the tools people know: the same sockets, processes and descriptors, any
difference explained by a row of a list here; and every command that administrators are taught."""
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from lab import BUILD, Lab

# Opens a socket of each kind, and some twice, prints "ready" and holds them.
FULL = r"""
import os, socket as s, struct, sys, time
d, held = sys.argv[1], []

def make(family, kind, proto=0, bind=None, listen=None, connect=None, options=()):
    k = s.socket(family, kind, proto)
    for level, name, value in options:
        k.setsockopt(level, name, value)
    if bind is not None:
        k.bind(bind)
    if listen:
        k.listen(listen)
    if connect is not None:
        k.connect(connect)
    held.append(k)
    return k

V6ONLY = [(s.IPPROTO_IPV6, s.IPV6_V6ONLY, 1)]
BOTH = [(s.IPPROTO_IPV6, s.IPV6_V6ONLY, 0)]
a = make(s.AF_INET, s.SOCK_STREAM, bind=("0.0.0.0", 25), listen=7)
make(s.AF_INET, s.SOCK_STREAM, bind=("127.0.0.1", 111), listen=16)
make(s.AF_INET, s.SOCK_DGRAM, bind=("0.0.0.0", 111))
make(s.AF_INET6, s.SOCK_STREAM, bind=("::", 80), listen=128, options=BOTH)
make(s.AF_INET6, s.SOCK_STREAM, bind=("::", 22), listen=5, options=V6ONLY)
make(s.AF_INET6, s.SOCK_STREAM, bind=("::1", 5680), listen=5)
make(s.AF_INET6, s.SOCK_DGRAM, bind=("::1", 161))
make(s.AF_INET, s.SOCK_DGRAM, bind=("127.0.0.1", 514), options=[(s.SOL_SOCKET, s.SO_BINDTODEVICE, b"lo\0")])
make(s.AF_INET, s.SOCK_DGRAM, connect=("127.0.0.1", 111)).send(b"waiting")
c = make(s.AF_INET, s.SOCK_STREAM, connect=("127.0.0.1", 25))
peer, _ = a.accept()
held.append(peer)
c.send(b"x" * 272)
make(s.AF_INET6, s.SOCK_STREAM, connect=("::ffff:127.0.0.1", 80))
make(s.AF_INET, s.SOCK_STREAM, 262, bind=("127.0.0.1", 5690), listen=5)  # MPTCP
make(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP)
make(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_ICMPV6)
make(s.AF_PACKET, s.SOCK_RAW, 0)
make(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE, bind=(0, 0x11))
make(s.AF_NETLINK, s.SOCK_DGRAM, 15, bind=(0, 2))
make(s.AF_NETLINK, s.SOCK_RAW, 4, bind=(0, 0))
make(s.AF_UNIX, s.SOCK_STREAM, bind=d + "/stream", listen=3)
make(s.AF_UNIX, s.SOCK_STREAM, connect=d + "/stream")
make(s.AF_UNIX, s.SOCK_DGRAM, bind=d + "/dgram")
make(s.AF_UNIX, s.SOCK_SEQPACKET, bind="\0" + os.path.basename(d) + "-abstract", listen=3)
held.extend(s.socketpair())
os.dup(a.fileno())
child = os.fork()
if not child:
    time.sleep(1000)  # a second holder of all of them
print("ready", os.getpid(), child, flush=True)
os.wait()
"""

# What each tool says otherwise, and why that is right.
EXPLAINED = {
    "ss: bytes waiting in UNIX sockets": "they are walked without their queues; the table says - there",
    "ss: TIME-WAIT, SYN-RECV and orphans": "no process holds them: they are the kernel's rest of a connection",
    "ss: accept queues of UNIX sockets": "a socket that waits to be accepted has no file, so inode 0 stands for it",
    "ss: netlink sockets twice": "the kernel shows one that listens to groups among those, too",
    "lsof: sock, protocol: TCP": "sockets of other namespaces, which lsof sees without their addresses",
    "lsof: raw in hexadecimal": "lsof -i leaves raw and packet sockets out",
}


@pytest.fixture(scope="module")
def full():
    with Lab() as lab:
        p = lab.spawn(sys.executable, "-S", "-E", "-c", FULL, lab.dir)
        line = p.stdout.readline().split()
        assert line[:1] == ["ready"], p.stdout.read()
        lab.full_pid, lab.child_pid = map(int, line[1:])
        lab.start()
        lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 10, "the first inventory is complete")
        yield lab
        os.kill(lab.child_pid, signal.SIGKILL)
        p.wait(10)


def words(text):
    return [line.split() for line in text.splitlines()]


def ours(rows, lab):
    """Rows of the process that is full of sockets: sockwarden's own come and go."""
    pids = {str(lab.full_pid), str(lab.child_pid)}
    return sorted(r for r in rows if any(re.search(rf"(?:pid=|^){p}\b", w) for w in r for p in pids))


def ss_rows(text):
    out = []
    for line in text.splitlines()[1:]:
        m = re.match(r"(\S+) +(\S+) +(\S+) +(\S+) +(\S+(?: \d+)?) +(\S+(?: \d+)?) *(users:.*)?$", line)
        assert m, line
        netid, state, recv, send, local, remote, users = m.groups()
        if netid.startswith("u_"):
            recv = send = "-"  # EXPLAINED
        if local.endswith(":5690"):
            send = "-"  # the backlog of MPTCP, EXPLAINED
        out.append([netid, state, recv, send, local, remote, ",".join(sorted(re.findall(r'\("[^)]*\)', users or "")))])
    return out


def test_the_list_equals_that_of_ss(full):
    theirs = ours(ss_rows(full.on_host("ss", "-tulpnxa", check=True).stdout), full)
    mine = ours(ss_rows(full.ok("sockets", "list", "--as", "ss", "-tulpnxa")), full)
    assert len(theirs) >= 17
    assert mine == theirs


def test_raw_and_packet_sockets_equal_those_of_ss(full):
    theirs = ours(ss_rows(full.on_host("ss", "-w0pna", check=True).stdout), full)
    mine = ours(ss_rows(full.ok("sockets", "list", "--as", "ss", "-w0pna")), full)
    assert [r[:2] + r[6:] for r in mine] == [r[:2] + r[6:] for r in theirs]
    assert len(mine) == 3


def test_netlink_sockets_equal_those_of_ss_with_their_owners_and_the_groups_they_listen_to(full):
    def rows(text):  # the kernel numbers a process's first socket of a protocol by its pid
        return sorted({tuple(w[w.index("UNCONN") + 1:w.index("*") + 1]) for w in words(text)[1:]  # a set: EXPLAINED
                       if any(re.fullmatch(rf"\d+:{full.full_pid}", x) for x in w)})
    theirs = rows(full.on_host("ss", "-f", "netlink", "-pna", check=True).stdout)
    out = full.ok("sockets", "list", "--as", "ss", "-f", "netlink", "-pna")
    assert len(theirs) == 3 and rows(out) == theirs
    assert len([line for line in out.splitlines() if f"pid={full.full_pid}," in line]) == 3
    of_full = [s for s in full.cli_json("sockets", "list", "-f", "netlink")["sockets"] if s["processes"] and s["processes"][0]["pid"] == full.full_pid]
    assert sorted((s["netlink"], s["state"], s["netlink_groups"]) for s in of_full) == [
        ("rtnl", "listen", 0x11), ("tcpdiag", "unconnected", 0), ("uevent", "listen", 2)]
    assert not [s for s in full.cli_json("sockets", "list", "-a")["sockets"] if s["protocol"] == "netlink"], "only when asked for"
    assert not [c for c in full.cli_json("sockets", "diff")["changes"] if "netlink" in c["key"]]
    code, _, err = full.cli("sockets", "list", "-f", "vsock")
    assert code == 2 and "inet, inet6, unix, link or netlink" in err


def lsof_rows(text):
    return [r for r in words(text)[1:] if r and "sock" not in r]


def test_the_list_equals_that_of_lsof(full):
    theirs = ours(lsof_rows(full.on_host("lsof", "-i", "-n", "-P").stdout), full)
    mine = ours(lsof_rows(full.ok("sockets", "list", "--as", "lsof", "-i", "-n", "-P")), full)
    mine = [r for r in mine if r[7] in ("TCP", "UDP")]  # EXPLAINED
    assert len(theirs) >= 20
    assert mine == theirs


@pytest.mark.parametrize("spec", ["tcp:25", ":1-1024", "udp", "6", "4tcp@127.0.0.1:111", ":smtp,111"])
def test_lsof_by_port_and_protocol(full, spec):
    theirs = ours(lsof_rows(full.on_host("lsof", "-i", spec, "-n", "-P").stdout), full)
    mine = ours(lsof_rows(full.ok("sockets", "list", "--as", "lsof", "-i", spec, "-n", "-P")), full)
    mine = [r for r in mine if r[7] in ("TCP", "UDP")]  # EXPLAINED
    assert theirs
    assert mine == theirs


def test_netstat_an_has_its_lines_and_its_queues(full):
    def rows(text):
        return sorted(r for r in words(text) if r and re.match(r"(tcp|udp)", r[0]) and not r[5:6] == ["TIME_WAIT"])

    theirs = rows(full.on_host("netstat", "-an").stdout)
    mine = rows(full.ok("sockets", "list", "--as", "netstat", "-an"))
    assert mine == theirs
    assert any(r[1] == "272" for r in mine), "bytes that wait are shown"


def test_netstat_grep_tcp_listen(full):
    """netstat -an | grep "^tcp" | grep LISTEN"""
    out = [line for line in full.ok("sockets", "list", "--as", "netstat", "-an").splitlines()
           if line.startswith("tcp") and "LISTEN" in line]
    assert any("0.0.0.0:25" in line for line in out)


def test_socklist_has_type_port_inode_uid_pid_fd_name(full):
    rows = words(full.ok("sockets", "list", "--as", "socklist"))
    assert rows[0] == ["type", "port", "inode", "uid", "pid", "fd", "name"]
    mine = [r for r in rows if r[:2] == ["tcp", "25"] and r[4] == str(full.full_pid)]
    assert len(mine) == 3, "the listener by two descriptors, and the connection it took"
    assert {r[3] for r in mine} == {"0"}


def test_sockstat_l_has_user_command_pid_fd_proto_and_addresses(full):
    rows = words(full.ok("sockets", "list", "--as", "sockstat", "-l"))
    assert rows[0] == "USER COMMAND PID FD PROTO LOCAL ADDRESS FOREIGN ADDRESS".split()
    assert ["root", "tcp4", "*:25", "*:*"] in [[r[0], *r[4:]] for r in rows if r[2] == str(full.full_pid)]
    assert not any("127.0.0.1:111" in r[6:] for r in rows), "no connections with -l"


@pytest.mark.parametrize("args,wanted", [
    (["-tl"], {("tcp", 25), ("tcp", 111), ("tcp", 80), ("tcp", 22), ("tcp", 5680), ("mptcp", 5690)}),
    (["-i", "tcp:5690"], {("mptcp", 5690)}),
    (["-i", ":1"], set()),  # the number of a raw socket's protocol is no port
    (["-ul"], {("udp", 111), ("udp", 161), ("udp", 514)}),
    (["-t", "-6"], {("tcp", 80), ("tcp", 22), ("tcp", 5680)}),
    ([":25"], {("tcp", 25)}),
    ([":100-600"], {("tcp", 111), ("udp", 111), ("udp", 161), ("udp", 514)}),
    (["-w"], {("raw", 1), ("raw", 58)}),
    (["--state", "established", "-i", "tcp:25"], {("tcp", 25)}),
])
def test_filters(full, args, wanted):
    rows = full.cli_json("sockets", "list", "--netns", "host", "--pid", str(full.full_pid), *args)["sockets"]
    assert wanted <= {(r["protocol"], r["lport"]) for r in rows}
    if "established" not in args:
        assert {(r["protocol"], r["lport"]) for r in rows} == wanted


def test_rows_are_in_the_order_of_protocol_namespace_and_port(full):
    order = ["tcp", "mptcp", "udp", "udplite", "sctp", "raw", "packet", "unix", "netlink"]
    rows = [(order.index(r["protocol"]), r["netns_name"], r["lport"]) for r in full.cli_json("sockets", "list", "-a")["sockets"]]
    assert rows == sorted(rows) and len({r[0] for r in rows}) > 4


def test_a_filter_that_is_none_is_a_usage_error(full):
    assert full.cli("sockets", "list", "-i", "tcp:nosuch")[0] == 2
    assert full.cli("sockets", "list", ":99999")[0] == 2
    code, _, err = full.cli("sockets", "list", "--as", "lsot")
    assert code == 2 and "did you mean 'lsof'" in err


def test_csv_of_a_table(full):
    lines = full.ok("sockets", "list", "--as", "lsof", "-i", "tcp:25", "-o", "csv").splitlines()
    assert lines[0] == "COMMAND,PID,USER,FD,TYPE,DEVICE,SIZE/OFF,NODE,NAME"
    assert any(line.endswith("TCP,*:25 (LISTEN)") for line in lines)


def test_ps_has_every_process_as_ps_ef_has(full):
    """ps -ef, ps -ax, ps -efww: the same rows, but commands in full; and what each listens on."""
    mine = {r["pid"]: r for r in full.cli_json("ps", "-efww")["processes"]}
    theirs = {}
    for line in full.on_host("ps", "-eo", "pid=,ppid=,uid=,tty=,args=", "-ww", check=True).stdout.splitlines():
        pid, ppid, uid, tty, command = (line.split(None, 4) + [""])[:5]
        theirs[int(pid)] = (int(ppid), int(uid), tty, command.strip())
    both = [p for p in theirs if p in mine and "\n" not in mine[p]["command"] and "\\" not in theirs[p][3]]
    assert full.full_pid in mine and len(both) > 5
    calm = [p for p in both if mine[p]["command"] == theirs[p][3] or p == full.full_pid]
    assert len(calm) >= len(both) * 3 / 4, "a process may exec between the two"
    for p in calm:
        assert (mine[p]["ppid"], mine[p]["uid"], mine[p]["tty"]) == theirs[p][:3], p
    row = mine[full.full_pid]
    assert {"tcp/0.0.0.0:25", "tcp/[::]:80", "udp/127.0.0.1:514"} <= set(row["listens"])
    assert "struct" in row["command"], "the command is whole"
    header = full.ok("ps", "-ax").splitlines()[0].split()
    assert header == "UID PID PPID C STIME TTY TIME LISTENS CMD".split()


def test_ps_grep_xinetd_finds_a_whole_command_line(full):
    """ps -efww | grep xinetd: arguments are not cut."""
    args = ["xinetd", "-stayalive", "-reuse", "-pidfile", "/var/run/xinetd.pid", "x" * 300, "\x1b[2J"]
    p = full.spawn(sys.executable, "-S", "-E", "-c", "import time; print('ready', flush=True); time.sleep(1000)", *args)
    assert p.stdout.readline() == "ready\n"
    out = full.ok("ps", "-efww")
    assert any(" ".join(args[:-1]) in line for line in out.splitlines() if "xinetd" in line)
    assert "\x1b" not in out, "and do nothing to the terminal"


def files_of(rows):
    """FD, TYPE, NODE and NAME, without what the two name in their own ways."""
    return sorted(r[3:5] + r[7:] for r in rows if len(r) > 8 and r[4] not in ("unix", "sock", "raw", "raw6", "pack", "a_inode") and
                  "protocol:" not in r and r[7] not in ("RAW", "PACKET"))


def test_ps_of_a_process_has_its_files_as_lsof_p_has(full):
    theirs = files_of(words(full.on_host("lsof", "-p", str(full.full_pid), "-n", "-P").stdout)[1:])
    mine = files_of(words(full.ok("ps", str(full.full_pid), "-n", "-P"))[1:])
    assert {r[0] for r in mine} >= {"cwd", "rtd", "txt", "mem", "0r", "1w"}
    assert ["3u", "IPv4", "TCP", "*:25", "(LISTEN)"] in [[*r] for r in mine]
    assert mine == [r for r in theirs if r[0] != "NOFD"]


def test_a_deleted_file_is_flagged(full):
    path = os.path.join(full.dir, "gone")
    script = f"f = open({path!r}, 'w'); import os, time; os.unlink({path!r}); print('ready', flush=True); time.sleep(1000)"
    p = full.spawn(sys.executable, "-S", "-E", "-c", script)
    assert p.stdout.readline() == "ready\n"
    files = full.cli_json("ps", "-p", p.pid)["files"]
    gone = [f for f in files if f["deleted"]]
    assert [(f["fd"], f["name"]) for f in gone] == [("3w", path + " (deleted)")]


def test_ps_works_without_the_daemon_and_says_what_it_does_not_know(lab):
    code, out, err = lab.cli("ps")
    assert code == 0 and "the daemon is not running" in err
    assert out.splitlines()[0].split() == "UID PID PPID C STIME TTY TIME CMD".split()
    assert lab.cli("ps", "999999999")[0] == 1
    assert lab.cli("ps", "x")[0] == 2


def package_of(path):
    """By dpkg itself, which may know the file by its place before /usr was merged."""
    both = ["dpkg-query", "-S", path, path.removeprefix("/usr")]
    return subprocess.run(both, capture_output=True, text=True, check=False).stdout.split(":")[0]


def test_the_package_of_a_program_is_named_and_a_copy_has_none(lab):
    program = os.path.realpath("/bin/sleep")
    copy = shutil.copy(program, lab.dir + "/sleep")
    known, unknown = lab.spawn(program, "1000"), lab.spawn(copy, "1000")
    for p, path in ((known, program), (unknown, copy)):  # a shell goes before it
        lab.wait(lambda p=p, path=path: os.readlink(f"/proc/{p.pid}/exe") == path, 5, f"{path} runs")
    rows = list(csv.DictReader(io.StringIO(lab.on_host(os.path.join(BUILD, "sockwarden"), "ps", "-o", "csv").stdout)))
    of_pid = {row["PID"]: row["PACKAGE"] for row in rows}
    assert package_of(program) and of_pid[str(known.pid)] == package_of(program)
    assert of_pid[str(unknown.pid)] in ("", "-")


def test_the_package_of_a_listener_is_named(lab):
    python = os.path.realpath("/usr/bin/python3")
    lab.start()
    p = lab.spawn(python, "-S", "-E", "-c", "import socket; s = socket.create_server(('0.0.0.0', 0)); print(s.getsockname()[1], flush=True); "
                  "s.accept()")
    port = int(p.stdout.readline())
    lab.wait(lambda: lab.cli_json("sockets", "list", f":{port}")["sockets"], 5, "it is listed")
    s = lab.cli_json("sockets", "list", "-p", f":{port}")["sockets"][0]
    assert package_of(python) and s["processes"][0]["package"] == package_of(python)
    assert package_of(python) in lab.ok("sockets", "list", "-o", "wide", f":{port}")


# A connection that its server closed, and a listener for half of one.
ENDED = """
import socket, sys
s = socket.create_server(("0.0.0.0", 4711))
c = socket.create_connection(("127.0.0.1", 4711))
a, _ = s.accept()
a.close()
c.recv(1)
c.close()
print("ready", flush=True)
sys.stdin.read()
"""

# A SYN from an address that nobody has: what answers it waits for the rest.
HALF = """
import socket, struct, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
def total(b):
    n = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    n = (n >> 16) + (n & 0xffff)
    return ~(n + (n >> 16)) & 0xffff
ends = socket.inet_aton(source) + socket.inet_aton(target)
syn = struct.pack("!HHIIBBHHH", 40001, port, 7, 0, 0x50, 2, 1024, 0, 0)
syn = syn[:16] + struct.pack("!H", total(ends + struct.pack("!BBH", 0, 6, len(syn)) + syn)) + syn[18:]
ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + ends
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + syn, (target, 0))
"""


def test_what_ss_shows_besides_are_connections_that_no_process_holds(lab):
    """TIME-WAIT and SYN-RECV: EXPLAINED."""
    p = lab.spawn(sys.executable, "-S", "-E", "-c", ENDED, stdin=subprocess.PIPE)
    assert p.stdout.readline() == "ready\n"
    lab.start(seconds=60)
    lab.attack(sys.executable, "-S", "-E", "-c", HALF, "198.18.0.99", lab.host, "4711", check=True)

    def rows(text):
        return {tuple(r[-5:]) for r in (words(line)[0] for line in text.splitlines() if ":4711" in line)}
    theirs = lab.wait(lambda: "SYN-RECV" in str(t := rows(lab.on_host("ss", "-Htan", check=True).stdout)) and t, 5, "a half connection")
    mine = rows(lab.ok("sockets", "list", "--as", "ss", "-tan"))
    assert {r[0] for r in theirs - mine} == {"TIME-WAIT", "SYN-RECV"}
    assert mine == {r for r in theirs if r[0] == "LISTEN"}
    out = lab.on_host("lsof", "-i", ":4711", "-n", "-P").stdout
    assert len(out.splitlines()) == 2 and "LISTEN" in out, "lsof shows neither"
