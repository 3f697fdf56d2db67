# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans where the packet program is not: nftables. No device has the program here, so all that is dropped is dropped by it."""
import json
import os
import sys

import pytest

from lab import ROOT, Lab

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
import debs  # noqa: E402

NO_DEVICE = "interfaces:\n  - none0\nbans:\n  backends:\n    - xdp\n    - nftables\n"
TABLE = ("nft", "list", "table", "inet", "sockwarden")


def has_table(lab):
    return lab.on_host(*TABLE).returncode == 0


def verdict(lab, net, backend):
    """What `bans` says of the backend for the ban of net."""
    ban = [b for b in lab.cli_json("bans")["bans"] if b["net"] == net][0]
    return [v for v in ban["verdicts"] if v["backend"] == backend][0]


@pytest.fixture(scope="module")
def nft():
    with Lab(nets=2, config=NO_DEVICE) as lab:
        lab.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1", check=True)
        lab.attack("ip", "route", "add", "198.18.1.0/24", "via", lab.host, check=True)
        lab.attack("ip", "route", "add", "198.18.0.0/24", "via", "198.18.1.1", ns=lab.ns_b, check=True)
        lab.start()
        yield lab


@pytest.fixture
def clean(nft):
    """The lab with no ban, observing."""
    nft.ok("off", "--observe")
    for b in nft.cli_json("bans")["bans"]:
        nft.cli("unban", b["net"])
    return nft


def test_observing_drops_nothing_and_enforcing_drops_what_comes_goes_and_is_forwarded(clean):
    lab = clean
    assert lab.ping() == 3
    lab.cli("ban", lab.attacker)
    assert lab.ping() == 3, "observing drops nothing"
    lab.cli("arm")
    assert lab.ping() == 0
    assert lab.ping(source=lab.others[0]) == 3, "another is not touched"
    assert lab.on_host("ping", "-n", "-q", "-c1", "-W0.3", lab.attacker).returncode != 0, "what the host sends to it"
    assert lab.ping(target=lab.attacker_b) == 0, "what it sends through the host"
    # towards it through the host: from network b, whose own address is not banned
    assert lab.ping(source=lab.attacker_b, target=lab.attacker, ns=lab.ns_b) == 0
    assert lab.ping(source=lab.attacker_b, target=lab.others[0], ns=lab.ns_b) == 3
    v = verdict(lab, lab.attacker, "nftables")
    assert v["state"] == "installed" and v["hits"] >= 6
    wide = lab.cli("bans", "-o", "wide")[1]
    assert f"nftables: {v['hits']} hits" in wide
    lab.cli("unban", lab.attacker)
    assert lab.ping() == 3


def test_networks_within_networks_ipv6_and_allow_first(clean):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", "198.18.0.64/26")
    lab.cli("ban", "198.18.0.64/29", "--for", "1h")
    lab.cli("ban", "2001:db8:0:1:8000::/65")
    lab.cli("ban", "2001:db8:0:1::66")
    # the neighbour first: a question for the host's address that the banned one asked would be dropped too
    assert lab.ping(source="2001:db8:0:1::67", target=lab.host6) == 3
    assert lab.ping() == 0 and lab.ping(source="2001:db8:0:1::66", target=lab.host6) == 0
    lab.cli("unban", "198.18.0.64/26")
    assert lab.ping() == 0, "the network inside it is banned for itself"
    lab.cli("allow", "add", lab.attacker)
    assert lab.ping() == 3 and lab.ping(source=lab.others[0]) == 0
    lab.cli("allow", "remove", lab.attacker)
    lab.cli("unban", "198.18.0.64/29")


def test_an_end_is_kept_by_the_kernel(clean):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", lab.attacker, "--for", "1h")
    out = json.loads(lab.on_host("nft", "-j", "list", "set", "inet", "sockwarden", "ban4_32", check=True).stdout)
    elem = [s["set"]["elem"][0]["elem"] for s in out["nftables"] if "set" in s][0]
    assert elem["val"] == lab.attacker and 3500 < elem["expires"] <= 3600


@pytest.mark.parametrize("harm", ["flush ruleset", "delete table inet sockwarden", "flush chain inet sockwarden ban_from4",
                                  "insert rule inet sockwarden prerouting accept",
                                  "delete element inet sockwarden ban4_32 { 198.18.0.66 }", "flush set inet sockwarden armed",
                                  "add element inet sockwarden ban4_32 { 198.18.0.67 }"])
def test_what_somebody_else_changes_is_put_back_and_said(clean, harm):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", lab.attacker)
    before = [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"]
    lab.on_host("nft", harm, check=True)
    lab.wait(lambda: lab.ping(count=1) == 0 and has_table(lab), 5, "it drops again")
    lab.wait(lambda: [b for b in lab.cli_json("status")["backends"] if b["name"] == "nftables"][0]["repairs"] == before + 1, 5,
             "the repair is counted")
    lab.wait(lambda: [f for f in lab.cli_json("findings")["findings"] if f["rule"] == "backend-repaired"], 8, "it is said")
    assert "nftables: " in lab.log()
    assert lab.ping(source=lab.others[0]) == 3, "what somebody else banned is not"


def test_somebody_elses_table_is_left_alone(clean):
    lab = clean
    lab.on_host("nft", "add table inet other; add chain inet other c { type filter hook input priority 0; }", check=True)
    lab.cli("arm")
    lab.cli("ban", lab.attacker)
    lab.cli("off")
    assert not has_table(lab)
    assert lab.on_host("nft", "list", "table", "inet", "other").returncode == 0
    lab.ok("off", "--observe")
    assert has_table(lab)
    lab.on_host("nft", "delete table inet other", check=True)


def test_a_trial_ends_in_the_kernel_without_the_guard(clean):
    lab = clean
    lab.cli("ban", lab.attacker)
    lab.cli("arm", "--confirm", "3s")
    assert lab.ping(count=1) == 0
    lab.kill_all()
    assert has_table(lab)
    lab.wait(lambda: lab.ping(count=1) == 1, 6, "the trial is over")
    lab.start()
    assert lab.ping() == 3


def test_a_restart_takes_the_table_over_and_off_by_configuration_removes_it(clean):
    lab = clean
    lab.cli("arm")
    lab.cli("ban", lab.attacker)
    assert lab.ping() == 0
    hits = verdict(lab, lab.attacker, "nftables")["hits"]
    assert hits > 0
    lab.kill_all()
    assert lab.ping(count=1) == 0, "it drops while nothing runs"
    lab.start()
    lab.wait(lambda: verdict(lab, lab.attacker, "nftables")["hits"] >= hits, 5, "the counters are those of before")
    assert "is taken over" in lab.log()
    lab.write_config(NO_DEVICE.replace("    - nftables\n", ""))
    lab.daemon.send_signal(1)
    lab.wait(lambda: not has_table(lab), 5, "the table is gone")
    lab.write_config(NO_DEVICE)
    lab.daemon.send_signal(1)
    lab.wait(lambda: has_table(lab), 5, "the table is there again")
    lab.wait(lambda: lab.ping(count=1) == 0, 5, "and drops")


# ---- files and commands

RECORD = """#!/bin/sh
echo "$SW_VERB $SW_NET $SW_FAMILY $SW_FOR $# $* $(id -u)" >> %(out)s
[ "$SW_VERB" = check ] || [ ! -e %(fail)s ]
"""
FILES = """bans:
  hosts_deny_file: {d}/hosts.deny
  backends:
    - xdp
    - hosts.deny
    - exec
actions:
  - name: recorder
    start: {d}/record start
    ban: {d}/record <net> ; $(touch {d}/pwned)
    unban: {d}/record <net>
    stop: {d}/record stop
  - name: web
    user: nobody
    file: {d}/deny.conf
    format: nginx
    reload: {d}/record reload
"""


def text(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


@pytest.fixture
def files():
    with Lab() as lab:
        d = lab.dir
        lab.write_config(FILES.format(d=d))
        with open(f"{d}/hosts.deny", "w", encoding="utf-8") as f:
            f.write("# mine\nsshd: 192.0.2.1\n")
        with open(f"{d}/record", "w", encoding="utf-8") as f:
            f.write(RECORD % {"out": f"{d}/out", "fail": f"{d}/fail"})
        os.chmod(f"{d}/record", 0o755)
        open(f"{d}/out", "w", encoding="utf-8").close()
        os.chmod(f"{d}/out", 0o666)
        lab.start()
        yield lab


def test_hosts_deny_and_actions_follow_the_bans_once_enforcing_for_good(files):
    lab, d = files, files.dir
    lab.cli("ban", lab.attacker, "--for", "1h")
    lab.cli("arm", "--confirm", "60s")
    assert verdict(lab, lab.attacker, "hosts.deny")["state"] == "waiting"
    assert text(f"{d}/hosts.deny") == "# mine\nsshd: 192.0.2.1\n", "a trial leaves nothing behind"
    assert "ban" not in text(f"{d}/out") and text(f"{d}/deny.conf") == ""
    lab.cli("arm", "--keep")
    lab.wait(lambda: f"ALL: {lab.attacker}\n" in text(f"{d}/hosts.deny"), 5, "the block is written")
    lab.cli("ban", "2001:db8:7::/64", "--for", "forever")
    lab.wait(lambda: "ALL: [2001:db8:7::]/64\n" in text(f"{d}/hosts.deny"), 5, "a second ban joins it")
    assert text(f"{d}/hosts.deny").startswith("# mine\nsshd: 192.0.2.1\n# sockwarden: begin")
    lab.wait(lambda: "deny 2001:db8:7::/64;\n" in text(f"{d}/deny.conf"), 5, "the file of the action")
    lab.wait(lambda: text(f"{d}/out").count("reload") >= 1, 5, "its reader is told")
    lab.wait(lambda: "ban 2001:db8:7::/64" in text(f"{d}/out"), 5, "the command ran")
    out = text(f"{d}/out").splitlines()
    first = next(line.split() for line in out if line.startswith(f"ban {lab.attacker} 4"))
    assert 3590 <= int(first[3]) <= 3600 and first[4] == "4", "seconds, and four words of arguments"
    assert first[5:9] == [lab.attacker, ";", "$(touch", f"{d}/pwned)"] and first[-1] != "0", "no shell saw them, and it is not root"
    assert not os.path.exists(f"{d}/pwned")
    assert [line.split()[0] for line in out if "reload" not in line][0] == "start"
    for backend in ("hosts.deny", "exec"):
        lab.wait(lambda b=backend: verdict(lab, lab.attacker, b)["state"] == "installed", 5, f"{backend} holds it")
    lab.cli("unban", lab.attacker)
    lab.wait(lambda: f"unban {lab.attacker}" in text(f"{d}/out") and f"ALL: {lab.attacker}\n" not in text(f"{d}/hosts.deny"), 5,
             "the ban is taken back")
    lab.cli("off")
    lab.wait(lambda: text(f"{d}/hosts.deny") == "# mine\nsshd: 192.0.2.1\n" and text(f"{d}/deny.conf") == "", 5, "nothing is left")
    lab.wait(lambda: "\nstop " in text(f"{d}/out"), 5, "stop ran")


def test_a_file_that_somebody_changed_is_put_back_and_a_failure_is_told(files):
    lab, d = files, files.dir
    lab.cli("arm")
    open(f"{d}/fail", "w", encoding="utf-8").close()
    lab.cli("ban", lab.attacker)
    lab.wait(lambda: verdict(lab, lab.attacker, "exec")["state"] == "failed", 5, "the command's status counts")
    lab.wait(lambda: "not in force by exec" in json.dumps(lab.cli_json("status")["degraded"]), 10, "it is an alarm")
    lab.wait(lambda: "sockwarden: end" in text(f"{d}/hosts.deny"), 5, "the block is written")
    with open(f"{d}/hosts.deny", "w", encoding="utf-8") as f:
        f.write("# only mine\n")
    lab.wait(lambda: f"ALL: {lab.attacker}\n" in text(f"{d}/hosts.deny"), 10, "the block is put back")
    assert text(f"{d}/hosts.deny").startswith("# only mine\n")
    assert "was changed by somebody else; put back" in lab.log()


# ---- what is open already

HOLD = """
import socket, sys
s = socket.socket(); s.bind((sys.argv[1], 0)); s.connect((sys.argv[2], int(sys.argv[3])))
print("open", flush=True)
try:
    print("ended" if s.recv(1) == b"" else "data", flush=True)
except OSError as e:
    print("reset", e.errno, flush=True)
"""
ACCEPT = """
import socket
s = socket.socket(); s.bind(("0.0.0.0", 0)); s.listen(8)
print("ready", s.getsockname()[1], flush=True)
kept = []
while True:
    c, peer = s.accept(); kept.append(c)
    print("peer", peer[0], flush=True)
    if len(kept) == 2:
        try:
            print("server", kept[0].recv(1), flush=True)
        except OSError as e:
            print("server", type(e).__name__, flush=True)
"""


def test_the_open_connections_of_who_is_banned_are_ended_and_no_others():
    # addresses of this test alone: every network namespace of the machine is looked through
    bad, good = "198.18.0.201", "198.18.0.202"
    with Lab(config="interfaces:\n  - none0\nbans:\n  cut_open: true\n") as lab:
        for a in (bad, good):
            lab.attack("ip", "addr", "add", f"{a}/24", "dev", "eth0", check=True)
        lab.start()
        server = lab.spawn(sys.executable, "-S", "-E", "-c", ACCEPT)
        port = server.stdout.readline().split()[1]
        held = {}
        for a in (bad, good):
            held[a] = lab.spawn(sys.executable, "-S", "-E", "-c", HOLD, a, lab.host, port, on_host=False)
            assert held[a].stdout.readline() == "open\n" and server.stdout.readline() == f"peer {a}\n"
        lab.cli("ban", bad)
        lab.cli("arm")
        assert server.stdout.readline() == "server ConnectionAbortedError\n"
        assert held[bad].stdout.readline().startswith("reset")
        assert held[good].poll() is None
        lab.wait(lambda: "1 open connections of banned peers were ended" in lab.log(), 5, "it is said")


# ---- proxies

def test_a_trusted_proxy_is_never_banned_and_never_dropped():
    with Lab(config="trusted_proxies:\n  - 198.18.0.66\n") as lab:
        lab.start()
        lab.cli("arm")
        code, _, err = lab.cli("ban", lab.attacker)
        assert code != 0 and "proxy" in err
        lab.cli("ban", "198.18.0.64/29")
        assert lab.ping() == 3


HAPROXY = """
global
  maxconn 64
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend f
  bind {gateway}:8080
  option forwardfor
  option httpclose
  default_backend b
backend b
  server s {host}:8081 source {gateway}
"""
NGINX = """
daemon off; worker_processes 1; user root; pid {d}/nginx.pid; error_log {d}/nginx.err;
events {{ worker_connections 64; }}
http {{
  log_format main '$realip_remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" "$http_x_forwarded_for"';
  access_log /var/log/nginx/access.log main; client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3; uwsgi_temp_path {d}/t4;
  scgi_temp_path {d}/t5;
  set_real_ip_from {gateway}; real_ip_header X-Forwarded-For; real_ip_recursive on;
  include {d}/deny.conf;
  server {{ listen {host}:8081; return_ok; }}
}}
"""
PROXIED = """interfaces:
  - none0
trusted_proxies:
  - 198.18.0.254
bans:
  backends:
    - xdp
    - exec
actions:
  - name: nginx
    user: root
    file: {d}/deny.conf
    format: nginx
    reload: /usr/sbin/nginx -c {d}/nginx.conf -s reload
"""


def fetch(lab, *headers, path="", source=None, server=None):
    args = [x for h in headers for x in ("-H", h)]
    r = lab.attack("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--interface", source or lab.attacker, *args,
                   f"http://{server or lab.gateway + ':8080'}/{path}")
    return r.stdout


def test_a_client_behind_haproxy_is_refused_by_nginx_whatever_header_he_forges():
    with Lab() as lab:
        d = lab.dir
        os.mkdir(f"{d}/www")
        with open(f"{d}/www/index.html", "w", encoding="utf-8") as f:
            f.write("hello")
        with open(f"{d}/haproxy.cfg", "w", encoding="utf-8") as f:
            f.write(HAPROXY.format(host=lab.host, gateway=lab.gateway))
        with open(f"{d}/nginx.conf", "w", encoding="utf-8") as f:
            f.write(NGINX.format(host=lab.host, gateway=lab.gateway, d=d).replace("return_ok;", f"root {d}/www;"))
        lab.write_config(PROXIED.format(d=d))
        lab.on_host("sh", "-c", "mount -t tmpfs tmpfs /var/log && mkdir /var/log/nginx", check=True)
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        lab.wait(lambda: os.path.exists(f"{d}/deny.conf"), 5, "the file is there before nginx is")
        lab.spawn("/usr/sbin/nginx", "-c", f"{d}/nginx.conf", stdout=-3)
        lab.spawn("/usr/sbin/haproxy", "-db", "-f", f"{d}/haproxy.cfg", on_host=False, stdout=-3)
        lab.wait(lambda: fetch(lab) == "200", 10, "haproxy and nginx serve")
        lab.cli("arm")
        lab.cli("ban", lab.attacker)
        lab.wait(lambda: fetch(lab) == "403", 10, "nginx refuses")
        # While nginx reloads, its old worker may still take a connection: so each is waited for.
        lab.wait(lambda: fetch(lab, "X-Forwarded-For: 203.0.113.1") == "403", 10, "a forged hop stands left of haproxy's own")
        lab.wait(lambda: fetch(lab, f"X-Forwarded-For: {lab.gateway}") == "403", 10, "nor does the proxy's own address help")
        lab.cli("unban", lab.attacker)
        lab.wait(lambda: fetch(lab) == "200", 10, "he is let in again")

        def bans():
            return {b["net"]: (b["origin"], b["via"], b["enforceable"]) for b in lab.cli_json("bans")["bans"]}
        for _ in range(3):  # the old worker may answer one more, and logs it alike
            assert fetch(lab, "X-Forwarded-For: 203.0.113.1, 203.0.113.2", path=".env") in ("404", "403")
        lab.wait(lambda: bans() == {lab.attacker: ("rule:nginx-scan", lab.gateway, True)}, 15, "the rule blames the hop that haproxy wrote")
        lab.wait(lambda: fetch(lab) == "403", 10, "where nginx can refuse him")
        for _ in range(3):
            fetch(lab, "X-Forwarded-For: 203.0.113.3", path=".env", source=lab.others[0], server=f"{lab.host}:8081")
        lab.wait(lambda: bans().get(lab.others[0]) == ("rule:nginx-scan", None, True), 15, "who comes by himself is blamed himself")
        assert set(bans()) == {lab.attacker, lab.others[0]}


REFUSING = """
global
  master-worker
  pidfile {d}/haproxy.pid
  log {d}/syslog local0
  maxconn 64
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend f
  bind {host}:8081
  capture request header X-Forwarded-For len 200
  http-request deny if {{ req.hdr_ip(x-forwarded-for,-1) -f {d}/deny.lst }}
  http-request deny if {{ path_beg /admin }}
  http-request return status 200 content-type text/plain string ok
"""
REFUSED = """interfaces:
  - none0
trusted_proxies:
  - 198.18.0.254
rules:
  set:
    - name: haproxy-forwarded
      enabled: on
bans:
  backends:
    - xdp
    - exec
actions:
  - name: haproxy
    user: root
    file: {d}/deny.lst
    format: plain
    reload: {d}/reload
"""
# Takes what a program logs and writes it as a syslog daemon does, with the host's name.
SYSLOGD = """
import re, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
print("ready", flush=True)
while True:
    line = re.sub(r"^<[0-9]+>(.{15}) ", r"\\1 lb1 ", s.recv(8192).decode().strip())
    with open(sys.argv[2], "a") as f:
        f.write(line + "\\n")
"""


def behind_a_proxy(lab):
    """The proxy that every client comes through, at the gateway's address; it speaks to port 8081 of the host."""
    with open(f"{lab.dir}/front.cfg", "w", encoding="utf-8") as f:
        f.write(HAPROXY.format(host=lab.host, gateway=lab.gateway))
    lab.spawn("/usr/sbin/haproxy", "-db", "-f", f"{lab.dir}/front.cfg", on_host=False, stdout=-3)


def whose(lab):
    return {b["net"]: (b["origin"], b["via"], b["enforceable"]) for b in lab.cli_json("bans")["bans"]}


def test_haproxy_refuses_by_its_list_whom_its_own_log_blames():
    with Lab() as lab:
        d = lab.dir
        with open(f"{d}/haproxy.cfg", "w", encoding="utf-8") as f:
            f.write(REFUSING.format(host=lab.host, d=d))
        with open(f"{d}/reload", "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ ! -e {d}/haproxy.pid ] || kill -USR2 $(head -n 1 {d}/haproxy.pid)\n")
        os.chmod(f"{d}/reload", 0o755)
        lab.write_config(REFUSED.format(d=d))
        lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
        log = lab.spawn(sys.executable, "-S", "-E", "-c", SYSLOGD, f"{d}/syslog", "/var/log/haproxy.log")
        assert log.stdout.readline() == "ready\n"
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        lab.wait(lambda: os.path.exists(f"{d}/deny.lst"), 5, "the list is there before haproxy is")
        lab.spawn("/usr/sbin/haproxy", "-W", "-f", f"{d}/haproxy.cfg", stdout=-3)
        behind_a_proxy(lab)
        lab.wait(lambda: fetch(lab) == "200", 10, "both serve")
        lab.cli("arm")
        for n in range(10):
            assert fetch(lab, f"X-Forwarded-For: 203.0.113.{n}", path="admin") == "403"
        lab.wait(lambda: whose(lab) == {lab.attacker: ("rule:haproxy-forwarded", lab.gateway, True)}, 15, "the hop that the proxy wrote is blamed")
        lab.wait(lambda: fetch(lab) == "403", 15, "haproxy refuses him")
        lab.wait(lambda: fetch(lab, "X-Forwarded-For: 203.0.113.1") == "403", 15, "whatever he forges")
        assert fetch(lab, source=lab.others[0]) == "200", "and nobody else who comes the same way"
        lab.cli("unban", lab.attacker)
        lab.wait(lambda: fetch(lab) == "200", 15, "he is let in again")


CADDY = """
{{
  admin off
  auto_https off
}}
:8081 {{
  bind {host}
  log {{
    output file /var/log/caddy/access.log
  }}
  respond /private 401
  respond ok
}}
"""


def test_caddys_own_log_blames_the_client_behind_the_proxy():
    root, why = debs.unpacked("caddy")
    if not root:
        pytest.skip(why)
    with Lab() as lab:
        with open(f"{lab.dir}/Caddyfile", "w", encoding="utf-8") as f:
            f.write(CADDY.format(host=lab.host))
        lab.write_config("interfaces:\n  - none0\ntrusted_proxies:\n  - 198.18.0.254\n")
        lab.on_host("sh", "-c", "mount -t tmpfs tmpfs /var/log && mkdir /var/log/caddy", check=True)
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        lab.spawn("env", f"HOME={lab.dir}", f"{root}/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", f"{lab.dir}/Caddyfile", stdout=-3)
        behind_a_proxy(lab)
        lab.wait(lambda: fetch(lab) == "200", 20, "caddy serves")
        for n in range(10):
            assert fetch(lab, f"X-Forwarded-For: 203.0.113.{n}", path="private") == "401"
        lab.wait(lambda: whose(lab) == {lab.attacker: ("rule:caddy", lab.gateway, False)}, 15, "and says that nothing here refuses him")
        assert "not enforceable here" in lab.cli("why", lab.attacker)[1]
