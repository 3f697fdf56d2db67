# SPDX-License-Identifier: GPL-3.0-or-later
"""`audit` in a lab, and names and quiet of what listens: clients of UDP are no new listeners."""
import os
import shutil
import sys

# A program that runs by the name it is copied to: it listens and waits.
PY = "import socket,time\ns=socket.socket()\ns.setsockopt(1,2,1)\ns.bind(('0.0.0.0',{}))\ns.listen(5)\nprint('ready',flush=True)\ntime.sleep(1000)\n"

# A client: binds, waits, and asks somebody, or does not.
CLIENT = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", int(sys.argv[1])))
if sys.argv[2] == "connect":
    s.connect(("198.18.0.66", 53))
elif sys.argv[2] == "close":
    s.close()
print("ready", flush=True)
time.sleep(1000)
"""


def settled(lab):
    lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 10, "the first inventory is complete")


def serve(lab, name, port):
    """Starts a copy of the interpreter under a service's name that listens on port."""
    path = os.path.join(lab.dir, name)
    shutil.copy(os.path.realpath(sys.executable), path)
    p = lab.spawn(path, "-S", "-E", "-c", PY.format(port))
    assert p.stdout.readline().strip() == "ready"
    return p


def test_what_is_exposed_and_not_needed_comes_first_with_its_reason(started):
    settled(started)
    portmap, ssh = serve(started, "portmap", 111), serve(started, "sshd", 22)
    loop = started.listen(5433, address="127.0.0.1")[2]
    rows = started.cli_json("audit")["services"]
    rows = [r for r in rows if r.get("pid") in (portmap.pid, ssh.pid, loop.pid)]
    assert [(r["service"], r["rank"], r["port"]) for r in rows] == [("portmap", "high", 111), ("ssh", "high", 22)]
    assert "RPC" in rows[0]["why"] and rows[0]["known_by"] == "program"
    assert all(r["stop"].endswith(str(r["pid"])) or r["unit"] for r in rows)
    assert {"boot", "boot_by", "unit", "purpose", "exposure", "connections"} <= set(rows[0])
    everything = started.cli_json("audit", "--all")["services"]
    assert next(r for r in everything if r.get("pid") == loop.pid)["rank"] == "low"
    assert [r["score"] for r in everything] == sorted((r["score"] for r in everything), reverse=True)
    assert "portmap" in started.ok("audit") and "PURPOSE" in started.ok("audit", "-o", "wide")


def test_a_service_that_is_used_ranks_below_one_that_is_not(started):
    settled(started)
    serve(started, "vsftpd", 21)
    c = started.spawn(sys.executable, "-S", "-E", "-c",
                      f"import socket,time; s=socket.create_connection(('{started.host}',21)); print('ready',flush=True); time.sleep(1000)",
                      on_host=False)
    assert c.stdout.readline().strip() == "ready"
    row = next(r for r in started.cli_json("audit")["services"] if r.get("port") == 21)
    assert (row["connections"], row["rank"]) == (1, "medium")


def findings(lab, port):
    return [f for f in lab.cli_json("findings")["findings"] if f"udp/0.0.0.0:{port}" in f["title"]]


def test_a_udp_socket_is_told_of_when_it_stays_without_a_peer(started):
    settled(started)
    clients = {10053: "connect", 10054: "close", 10055: "stay", 40056: "stay"}
    for port, what in clients.items():
        p = started.spawn(sys.executable, "-S", "-E", "-c", CLIENT, port, what)
        assert p.stdout.readline().strip() == "ready"
    started.wait(lambda: findings(started, 10055), 8, "the socket that stays is told of")
    assert not [p for p in clients if p != 10055 and findings(started, p)]
    assert not [f for f in started.cli_json("findings")["findings"] if "udp/0.0.0.0:*" in f["title"]]


def test_sockets_of_a_nameless_namespace_are_called_by_their_process(started):
    settled(started)
    path = os.path.join(started.dir, "hidden")
    shutil.copy(os.path.realpath(sys.executable), path)
    p = started.spawn("unshare", "--net", path, "-S", "-E", "-c", PY.format(8099))
    assert p.stdout.readline().strip() == "ready"
    row = started.wait(lambda: started.cli_json("sockets", "list", ":8099", "--pid", p.pid)["sockets"], 5, "it is listed")[0]
    assert row["netns_name"] == "process:hidden"
    assert row["processes"][0]["name"] == "hidden"
    assert [r["lport"] for r in started.cli_json("sockets", "list", "--netns", "process:hidden")["sockets"]] == [8099]
