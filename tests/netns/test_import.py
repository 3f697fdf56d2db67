# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of other tools: what is understood, what is asked, what is left, and that it is a configuration of ours."""
import json
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLI = os.path.join(ROOT, "build", "sockwarden")

PORTSENTRY = """# PortSentry
TCP_PORTS="1,11,15,111,143"
UDP_PORTS="7,9,161-162"
ADVANCED_PORTS_TCP="1024"
ADVANCED_PORTS_UDP="600"
ADVANCED_EXCLUDE_TCP="113,139"
ADVANCED_EXCLUDE_UDP="520,67"
IGNORE_FILE="/usr/local/psionic/portsentry/portsentry.ignore"
HISTORY_FILE="/usr/local/psionic/portsentry/portsentry.history"
RESOLVE_HOST = "1"
BLOCK_UDP="1"
BLOCK_TCP="1"
KILL_ROUTE="/sbin/iptables -I INPUT -s $TARGET$ -j DROP"
KILL_HOSTS_DENY="ALL: $TARGET$"
KILL_RUN_CMD="/usr/local/bin/strike-back $TARGET$ $PORT$"
SCAN_TRIGGER="2"
PORT_BANNER="** GO AWAY: \\"you\\" **"
"""
IGNORE = "127.0.0.1/32\n0.0.0.0\n198.18.4.0/255.255.255.0 # office\n0.0.0.0/0\nhost.example\n"


def run(*args):
    return subprocess.run([CLI, *map(str, args)], capture_output=True, text=True, timeout=20)


def imported(tmp_path, *args):
    """The lines by their text, and the configuration as it is read back."""
    p = run("import", *args, "-j")
    assert p.returncode in (0, 7), p.stderr
    data = json.loads(p.stdout)
    path = tmp_path / "out.yaml"
    path.write_text(data["configuration"])
    shown = run("config", "show", path)
    assert shown.returncode == 0, shown.stderr + data["configuration"]
    return data["lines"], data["configuration"], shown.stdout


def state(lines, part):
    return [line["state"] for line in lines if part in line["text"]]


@pytest.fixture
def portsentry(tmp_path):
    (tmp_path / "portsentry.ignore").write_text(IGNORE)
    path = tmp_path / "portsentry.conf"
    path.write_text(PORTSENTRY)
    return path


def test_portsentry_lists_blocks_ignores_and_banners_are_ours(tmp_path, portsentry):
    lines, yaml, shown = imported(tmp_path, "portsentry", portsentry)
    for part in ("tcp: listed", "action: ban", "trigger: 2", "attackalert: true", "udp_bans: false", "- 161-162", "- 198.18.4.0/24",
                 "port: 0"):
        assert part in shown, part
    assert state(lines, "TCP_PORTS=") == ["taken"] and state(lines, "ADVANCED_PORTS_TCP") == ["left"]
    assert state(lines, "BLOCK_UDP") == ["taken", "asked"] and "#udp_bans: true" in yaml
    assert state(lines, "KILL_HOSTS_DENY") == ["taken"] and "- hosts.deny" in shown
    assert state(lines, "KILL_RUN_CMD") == ["left"] and "strike-back" not in "".join(
        line for line in yaml.splitlines() if not line.startswith("#"))
    assert state(lines, "HISTORY_FILE") == ["needless"]


def test_a_command_of_portsentry_waits_for_a_word_and_names_only_the_address(tmp_path, portsentry):
    portsentry.write_text('KILL_RUN_CMD="/usr/local/bin/tell $TARGET$ now"\n')
    lines, yaml, shown = imported(tmp_path, "portsentry", portsentry)
    assert state(lines, "KILL_RUN_CMD") == ["asked"] and "strikes back" in lines[0]["note"]
    assert "actions: []" in shown and '#  ban: "/usr/local/bin/tell <ip> now"' in yaml
    confirmed = tmp_path / "confirmed.yaml"
    confirmed.write_text(re.sub(r"^(\s*)#(?=- |  \w|\w)", r"\1", yaml, flags=re.M))
    assert "tell <ip> now" in run("config", "show", confirmed).stdout, confirmed.read_text()


def test_an_unset_address_in_the_ignore_file_is_one_host_and_never_everybody(tmp_path, portsentry):
    lines, _, shown = imported(tmp_path, "portsentry", portsentry)
    assert "- 0.0.0.0\n" in shown and "0.0.0.0/0" not in shown
    assert state(lines, "0.0.0.0/0") == ["left"] and state(lines, "host.example") == ["left"]


@pytest.mark.parametrize("mode, tcp, udp", [("tcp", "- 11\n", None), ("stcp", "- 11\n", None), ("udp", None, "- 7\n"), ("sudp", None, "- 7\n"),
                                            ("atcp", "- 114-138\n", None), ("audp", None, "- 68-519\n")])
def test_portsentrys_modes_choose_which_ports_are_decoys(tmp_path, portsentry, mode, tcp, udp):
    _, _, shown = imported(tmp_path, "portsentry", portsentry, "--mode", mode)
    assert (tcp or "tcp_ports: []") in shown, shown
    assert (udp or "udp_ports: []") in shown, shown


def test_portsentrys_mode_comes_from_debians_defaults_too(tmp_path, portsentry):
    defaults = tmp_path / "default"
    defaults.write_text('TCP_MODE="atcp"\nUDP_MODE="audp"\n')
    portsentry.write_text(PORTSENTRY.replace('ADVANCED_EXCLUDE_TCP="113,139"', ""))
    _, _, shown = imported(tmp_path, "portsentry", portsentry, defaults)
    assert "tcp: below" in shown and "below: 1024" in shown


def test_hosts_allow_is_offered_and_not_taken(tmp_path, portsentry):
    allow = tmp_path / "hosts.allow"
    allow.write_text("# local\nALL: 198.18.9. 198.18.10.7\nsshd: .example.org : allow\n")
    lines, yaml, shown = imported(tmp_path, "portsentry", portsentry, allow)
    assert "#- 198.18.9.0/24" in yaml and "198.18.9.0" not in shown
    assert "#- 198.18.10.7" in yaml and state(lines, ".example.org") == ["left"]


def test_what_is_no_port_is_left_with_its_line(tmp_path, portsentry):
    portsentry.write_text('TCP_PORTS="1,70000,3"\nFOO="1"\nno assignment at all\n')
    lines, _, shown = imported(tmp_path, "portsentry", portsentry)
    assert [line["state"] for line in lines[:3]] == ["left"] * 3 and "'70000'" in lines[0]["note"]
    assert lines[2]["line"] == 3 and "tcp: off" in shown


def test_lsm_gives_the_mail_and_what_cron_did(tmp_path):
    conf = tmp_path / "conf.lsm"
    conf.write_text('APPN="LSM"\nUSER="system.alerts@mydomain.example"             # ..\nSUB="LSM Port Monitor Alert on $HOSTNAME: 100%"     # ..\n')
    lines, _, shown = imported(tmp_path, "lsm", conf)
    assert "to: system.alerts@mydomain.example" in shown
    assert "LSM Port Monitor Alert on %h: 100%%" in shown
    assert "alert_gone_listeners: true" in shown and state(lines, "APPN") == ["needless"]


def test_maltrail_gives_the_page_the_devices_the_trails_and_hides_passwords(tmp_path):
    custom = tmp_path / "trails"
    custom.mkdir()
    (custom / "own.txt").write_text("198.18.3.3\n")
    (tmp_path / "white.txt").write_text("198.18.8.8\nexample.org\n")
    conf = tmp_path / "maltrail.conf"
    conf.write_text("""[Server]
HTTP_ADDRESS 0.0.0.0
HTTP_PORT 8400
USERS
    admin:9ab3cd9d67bf49d01f6a2e33d0bd9bc804ddbe6ce1ff5d219c42624851db5dbc:0:
[Sensor]
MONITOR_INTERFACE eth0,eth1
CUSTOM_TRAILS_DIR ./trails
USER_WHITELIST white.txt
UPDATE_PERIOD 86400
USE_HEURISTICS true
NEW_KEY x
""")
    lines, yaml, shown = imported(tmp_path, "maltrail", conf)
    assert "port: 8400" in shown and "address: 127.0.0.1" in shown and "#address: 0.0.0.0" in yaml
    assert "eth1" in shown and str(custom / "own.txt") in shown and "- 198.18.8.8" in shown
    assert "9ab3cd9d" not in yaml and "9ab3cd9d" not in json.dumps(lines)
    assert state(lines, "NEW_KEY") == ["left"] and state(lines, "example.org") == ["left"]


def test_write_makes_a_new_file_and_never_replaces_one(tmp_path, portsentry):
    out = tmp_path / "new.yaml"
    assert run("import", "portsentry", portsentry, "--write", out).returncode == 7
    first = out.read_text()
    assert run("config", "check", out).returncode == 0 and first.startswith("# What")
    p = run("import", "portsentry", portsentry, "--write", out)
    assert p.returncode == 1 and "there already" in p.stderr and out.read_text() == first


def test_a_wrong_tool_file_or_mode_is_said(tmp_path):
    p = run("import", "portsentri", "x")
    assert p.returncode == 2 and "portsentry" in p.stderr
    p = run("import", "lsm", tmp_path / "none")
    assert p.returncode == 2 and str(tmp_path / "none") in p.stderr
    p = run("import", "portsentry", "/dev/null", "--mode", "xtcp")
    assert p.returncode == 2 and "xtcp" in p.stderr
