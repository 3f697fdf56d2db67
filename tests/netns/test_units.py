# SPDX-License-Identifier: GPL-3.0-or-later
"""sockwarden as it is installed: on a host that has booted, started by its units and within what those allow."""
import os
import re
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from booted import UNITS, Booted  # noqa: E402
from lab import Lab  # noqa: E402

# Everything that a unit's limits could forbid, switched on.
CONFIG = """
mode: enforce
bans:
  backends: [xdp, nftables, hosts.deny, exec]
  cut_open: true
actions:
  - name: router
    ban: /usr/local/bin/action ban <net>
    unban: /usr/local/bin/action unban <net>
  - name: proxy
    user: root
    file: /etc/proxy/deny.conf
    format: nginx
    reload: /usr/local/bin/action reload
alerts:
  mail:
    to: root@lab.example
    throttle: 1s
    whois: true
    smtp:
      url: smtp://127.0.0.1:2525
  command:
    run: /usr/local/bin/alert
    min_severity: low
    throttle: 1s
decoys:
  tcp: unused
  attackalert: true
policy:
  listen:
    - executable: /usr/bin/nc*
      ports: "4444"
      action: deny
rules:
  enabled: on
"""

ACTION = """#!/bin/sh
echo "$* by $(id -un)" >>/var/lib/lab/actions
"""

# run by sockwarden-net, whose unit gives it a /tmp of its own and no other place to write
ALERT = """#!/bin/sh
cat >/tmp/alert.json && logger -t alert-program -- "$(wc -c </tmp/alert.json) bytes"
"""

SMTP = """
import socket
s = socket.create_server(("127.0.0.1", 2525))
while True:
    c, _ = s.accept()
    f = c.makefile("rw", newline="")
    def say(text):
        f.write(text + "\\r\\n"); f.flush()
    say("220 lab")
    in_data, mail = False, []
    for line in f:
        if in_data:
            if line.rstrip() == ".":
                in_data = False
                open("/var/lib/lab/mail", "a").write("".join(mail))
                say("250 taken")
            else:
                mail.append(line)
        elif line[:4].upper() == "DATA":
            in_data = True
            say("354 go on")
        elif line[:4].upper() == "QUIT":
            say("221 bye")
            break
        else:
            say("250 yes")
"""

# One answer to whoever asks, as a registry's server writes it; what it was asked goes into a file.
WHOIS = """
import socket
s = socket.create_server(("127.0.0.1", 43))
while True:
    c, _ = s.accept()
    asked = c.makefile().readline()
    open("/var/lib/lab/whois", "a").write(asked)
    c.sendall(b"% a registry\\r\\ninetnum:        193.0.0.0 - 193.0.7.255\\r\\nnetname:        LAB-NET\\r\\nremarks:        \\x1b[2Jx\\r\\n")
    c.close()
"""

# What a process says when its unit forbids what it wants.
REFUSED = re.compile(r"permission denied|not permitted|read-only file system|address family not supported|"
                     r"cannot |failed|Operation not supported", re.I)


@pytest.fixture(scope="module")
def host():
    with Booted(config=CONFIG) as the_host:
        the_host.put("/usr/local/bin/action", ACTION, 0o755)
        the_host.put("/usr/local/bin/alert", ALERT, 0o755)
        the_host.put("/var/log/vsftpd.log", "")
        the_host.on_host("install", "-d", "-m", "777", "/var/lib/lab", "/etc/proxy", check=True)
        the_host.on_host("install", "-m", "666", "/dev/null", "/var/lib/lab/actions", check=True)
        the_host.spawn(sys.executable, "-S", "-E", "-c", SMTP)
        the_host.put("/etc/whois.conf", "^193\\. 127.0.0.1\n")
        the_host.spawn(sys.executable, "-S", "-E", "-c", WHOIS)
        the_host.enable()
        yield the_host


def banned(host, address):
    return any(b["net"].split("/")[0] == address for b in host.cli_json("bans")["bans"])


def test_every_unit_runs_and_is_seen_to_run(host):
    units = {unit.replace("sockwarden-", ""): host.main_pid(unit) for unit in UNITS if unit != "sockwardend"}
    host.wait(lambda: {p["name"]: p["pid"] for p in host.cli_json("status")["processes"]} == units, 10, "status names each process")
    assert "not running" not in host.cli("status")[1]
    assert not re.findall(r"^fail .*", host.cli("doctor")[1], re.M)


def test_nothing_is_refused_by_a_unit(host):
    refused = [line for line in host.log().splitlines() if REFUSED.search(line) and "fentry(EPERM)" not in line]
    assert not refused, "\n".join(refused)


def test_a_ban_goes_to_every_backend(host):
    address = Lab.others[0]
    host.ok("ban", address, "--for", "1h")
    assert host.ping(source=address) == 0
    host.wait(lambda: address in host.on_host("nft", "list", "table", "inet", "sockwarden").stdout, 5, "nftables has it")
    host.wait(lambda: address in host.get("/etc/hosts.deny"), 5, "hosts.deny has it")
    host.wait(lambda: f"ban {address}" in host.get("/var/lib/lab/actions"), 5, "the command ran")
    assert re.search(rf"ban {address}(?:/32)? by nobody", host.get("/var/lib/lab/actions"))
    host.wait(lambda: f"deny {address}" in host.get("/etc/proxy/deny.conf"), 5, "the file has it")
    host.wait(lambda: "reload by root" in host.get("/var/lib/lab/actions"), 5, "the file's reader was told")
    host.ok("unban", address)
    host.wait(lambda: address not in host.get("/etc/hosts.deny") + host.get("/etc/proxy/deny.conf"), 5, "both files are without it")
    assert host.ping(source=address) > 0


def test_the_journal_and_files_are_followed_with_compiled_expressions(host):
    by_journal, by_file = Lab.others[1], Lab.others[2]
    text = "".join(f"Failed password for root from {by_journal} port {4000 + i} ssh2\n" for i in range(6))
    host.on_host("systemd-cat", "-t", "sshd-session", input=text, check=True)
    host.wait(lambda: banned(host, by_journal), 10, "a rule bans by the journal")
    now = host.on_host("date", "+%a %b %e %H:%M:%S %Y", check=True).stdout.strip()
    host.on_host("sh", "-c", "cat >>/var/log/vsftpd.log", check=True,
                 input=f'{now} [pid 2] [anna] FAIL LOGIN: Client "{by_file}"\n' * 6)
    host.wait(lambda: banned(host, by_file), 10, "a rule bans by the file")
    maps = host.on_host("cat", f"/proc/{host.main_pid('sockwarden-engine')}/maps", check=True).stdout
    assert " rwxp " in maps, "the expressions are interpreted: the unit forbids to compile them"


def test_alerts_go_out_by_mail_command_and_syslog(host):
    host.wait(lambda: "Subject: [sockwarden]" in host.get("/var/lib/lab/mail"), 20, "a mail came")
    journal = lambda tag: host.on_host("journalctl", "--no-pager", "-o", "cat", "-t", tag).stdout
    host.wait(lambda: "bytes" in journal("alert-program"), 20, "the command ran")
    host.wait(lambda: "rule=" in journal("sockwarden"), 20, "syslog has it")


def test_a_mail_says_whose_an_address_is_by_debians_whois(host):
    text = "".join(f"Failed password for root from 193.0.6.139 port {4000 + i} ssh2\n" for i in range(6))
    host.on_host("systemd-cat", "-t", "sshd-session", input=text, check=True)
    host.wait(lambda: "LAB-NET" in host.get("/var/lib/lab/mail"), 30, "a mail says whose the address is")
    assert "193.0.6.139" in host.get("/var/lib/lab/whois")
    assert "\x1b" not in host.get("/var/lib/lab/mail")


def test_a_decoy_answers_and_the_page_too(host):
    assert host.connect(4321) == {4321: "open"}
    alerts = lambda: host.on_host("journalctl", "--no-pager", "-o", "cat", "-t", "portsentry").stdout
    host.wait(lambda: re.search(r"attackalert: Connect from host: (\S+)/\1 to TCP port: 4321", alerts()), 20, "PortSentry's line is in the log")
    link = host.ok("web").split()[0]

    def page():
        code = host.on_host("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", link).stdout
        return code != "000" and code
    assert host.wait(page, 20, "the page answers") in ("200", "302", "303")


def test_a_process_that_may_not_listen_is_refused(host):
    host.on_host("cp", os.path.realpath(sys.executable), "/usr/bin/nc-like", check=True)
    p = host.spawn("sh", "-c", "mkdir -p /sys/fs/cgroup/user; echo $$ >/sys/fs/cgroup/user/cgroup.procs; exec \"$@\"", "sh",
                   "/usr/bin/nc-like", "-S", "-E", "-c",
                   "import socket\ntry:\n socket.create_server(('', 4444))\nexcept PermissionError:\n print('refused')")
    assert p.communicate(timeout=20)[0].strip() == "refused"


def test_the_guard_may_freeze_a_cgroup(host):
    """Its tracepoints name processes by their numbers outside of this host, so that no process can be frozen by it here."""
    host.on_host("mkdir", "-p", "/sys/fs/cgroup/user", check=True)
    r = host.on_host("nsenter", "-t", str(host.main_pid("sockwardend")), "--mount", "sh", "-c", "echo 0 >/sys/fs/cgroup/user/cgroup.freeze")
    assert r.returncode == 0, r.stderr


def test_a_bad_configuration_is_refused_by_a_reload_and_a_good_one_taken(host):
    before = host.get("/etc/sockwarden/sockwarden.yaml")
    pids = [host.main_pid(u) for u in UNITS[:2]]
    host.put("/etc/sockwarden/sockwarden.yaml", before + "nonsense: 1\n")
    r = host.on_host("systemctl", "reload", "sockwardend")
    assert r.returncode != 0
    assert "nonsense: unknown key" in host.log()
    host.put("/etc/sockwarden/sockwarden.yaml", before + "allow: [198.18.0.70]\n")
    host.on_host("systemctl", "reload", "sockwardend", check=True)
    host.wait(lambda: "198.18.0.70" in host.ok("allow", "list"), 10, "the new setting holds")
    assert [host.main_pid(u) for u in UNITS[:2]] == pids
    host.wait(lambda: all(p["pid"] for p in host.cli_json("status")["processes"]), 20, "the others are there")


def test_a_killed_guard_comes_back_and_drops_all_the_time(host):
    address = Lab.attacker
    host.ok("ban", address, "--for", "1h")
    old = host.main_pid("sockwardend")
    host.on_host("systemctl", "kill", "-s", str(int(signal.SIGKILL)), "sockwardend", check=True)
    assert host.ping(source=address) == 0
    host.wait(lambda: host.is_active("sockwardend") and host.main_pid("sockwardend") not in (0, old), 60, "systemd starts it again")
    host.wait(lambda: all(p["pid"] for p in host.cli_json("status")["processes"]), 30, "the others are with it")
    assert host.ping(source=address) == 0
    assert banned(host, address)


def test_stop_keeps_what_is_in_force_and_says_so(host):
    host.on_host("systemctl", "stop", "sockwardend", check=True, timeout=40)
    assert not any(host.is_active(u) for u in UNITS)
    assert host.ping(source=Lab.attacker) == 0
    assert "rm -rf /sys/fs/bpf/sockwarden" in host.log()
    host.on_host("rm", "-rf", "/sys/fs/bpf/sockwarden", check=True)
    host.on_host("nft", "delete", "table", "inet", "sockwarden", check=True)
    assert host.ping(source=Lab.attacker) > 0
