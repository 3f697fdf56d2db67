# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of other tools: what is understood, what is asked, what is left, and that it is a configuration of ours."""
import json
import os
import re
import subprocess
from pathlib import Path

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
    assert state(lines, "KILL_RUN_CMD") == ["asked"] and "strike-back" not in shown
    assert state(lines, "HISTORY_FILE") == ["needless"]


def test_a_command_of_portsentry_waits_for_a_word_and_names_only_the_address(tmp_path, portsentry):
    portsentry.write_text('KILL_RUN_CMD="/usr/local/bin/tell $TARGET$ now"\n')
    lines, yaml, shown = imported(tmp_path, "portsentry", portsentry)
    assert state(lines, "KILL_RUN_CMD") == ["asked"] and "strikes back" in lines[0]["note"]
    assert "actions: []" in shown and '#  ban: "/usr/local/bin/tell <ip> now"' in yaml
    confirmed = tmp_path / "confirmed.yaml"
    confirmed.write_text(re.sub(r"^(\s*)#(?=- |  \w|\w)", r"\1", yaml, flags=re.M))
    assert "tell <ip> now" in run("config", "show", confirmed).stdout, confirmed.read_text()


@pytest.mark.parametrize("command, ban", [
    ("/some/path/here/script $TARGET$ $PORT$", "/some/path/here/script <ip> -"),  # the one of version 2's own file
    ("/usr/local/bin/tell --mode=$MODE$ $TARGET$:$PORT$", "/usr/local/bin/tell --mode=- <ip>:-"),
    ("/bin/echo attack from $TARGET$ | /usr/bin/mail root", None), ("strike $TARGET$", None)])
def test_every_command_is_off_until_confirmed_and_comes_with_a_word_on_striking_back(tmp_path, portsentry, command, ban):
    portsentry.write_text(f'KILL_RUN_CMD_FIRST = "1"\nKILL_RUN_CMD="{command}"\n')
    lines, yaml, shown = imported(tmp_path, "portsentry", portsentry)
    line, = [x for x in lines if x["text"].startswith("KILL_RUN_CMD=")]
    assert "strikes back hits whoever was forged" in line["note"] and "actions: []" in shown
    assert line["state"] == ("asked" if ban else "left") and (f'#  ban: "{ban}"' in yaml) == bool(ban)
    assert state(lines, "KILL_RUN_CMD_FIRST") == ["needless"]


def test_a_banner_is_whole_or_left(tmp_path, portsentry):
    for text, there in (("x" * 191, True), ("x" * 192, False), ("\\\\" * 95, True)):
        portsentry.write_text(f'PORT_BANNER="{text}"\n')
        lines, _, shown = imported(tmp_path, "portsentry", portsentry)
        assert (text in shown or json.dumps(text) in shown) == there and state(lines, "PORT_BANNER") == ["taken" if there else "left"]


# Every directive of versions 1.2 and 2, and of Debian's defaults, is known by name.
PORTSENTRY_KEYS = """TCP_PORTS UDP_PORTS ADVANCED_PORTS_TCP ADVANCED_PORTS_UDP ADVANCED_EXCLUDE_TCP ADVANCED_EXCLUDE_UDP IGNORE_FILE HISTORY_FILE
BLOCKED_FILE RESOLVE_HOST BLOCK_UDP BLOCK_TCP KILL_ROUTE KILL_HOSTS_DENY KILL_RUN_CMD KILL_RUN_CMD_FIRST SCAN_TRIGGER PORT_BANNER TCP_MODE
UDP_MODE""".split()


def test_every_directive_of_portsentry_is_known(tmp_path, portsentry):
    portsentry.write_text("".join(f'{key}="1"\n' for key in PORTSENTRY_KEYS))
    lines, _, _ = imported(tmp_path, "portsentry", portsentry)
    told = {line["text"].split("=")[0]: line["note"] for line in lines}
    assert set(PORTSENTRY_KEYS) <= set(told) and not [k for k, note in told.items() if "no directive" in note]


def test_an_unset_address_in_the_ignore_file_is_one_host_and_never_everybody(tmp_path, portsentry):
    lines, _, shown = imported(tmp_path, "portsentry", portsentry)
    assert "- 0.0.0.0\n" in shown and "0.0.0.0/0" not in shown
    assert state(lines, "0.0.0.0/0") == ["left"] and state(lines, "host.example") == ["left"]


@pytest.mark.parametrize("mode, tcp, udp", [("tcp", "- 11\n", None), ("stcp", "- 11\n", None), ("udp", None, "- 7\n"), ("sudp", None, "- 7\n"),
                                            ("atcp", "- 114-138\n", None), ("audp", None, "- 68-519\n"), ("-audp", None, "- 68-519\n"),
                                            ("--connect", "- 11\n", "- 7\n"), ("stealth", "- 11\n", "- 7\n")])
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


def test_lsm_leaves_no_key_without_a_word(tmp_path):
    conf = tmp_path / "conf.lsm"
    conf.write_text('INSPATH="/usr/local/lsm"\nVER=0.6\nBASE=$INSPATH/tcp.base\nUSER=""\nINTERVAL="10"\nif [ -f x ]; then\n')
    lines, _, shown = imported(tmp_path, "lsm", conf)
    assert [line["state"] for line in lines[:6]] == ["needless"] * 3 + ["left"] * 3 and all(line["note"] for line in lines[:6])
    assert 'to: ""' in shown


# Every key that the configurations of versions 0.x to 3 hold.
MALTRAIL_KEYS = """HTTP_ADDRESS HTTP_PORT USE_SSL SSL_PEM USERS UDP_ADDRESS UDP_PORT USE_SERVER_UPDATE_TRAILS IP_ALIASES PROCESS_COUNT
DISABLE_CPU_AFFINITY USE_FEED_UPDATES DISABLED_FEEDS DISABLED_TRAILS_INFO_REGEX UPDATE_PERIOD CUSTOM_TRAILS_URL CUSTOM_TRAILS_DIR
CAPTURE_BUFFER MONITOR_INTERFACE CAPTURE_FILTER SENSOR_NAME LOG_SERVER SYSLOG_SERVER LOGSTASH_SERVER REMOTE_SEVERITY_REGEX
DISABLE_LOCAL_LOG_STORAGE UPDATE_SERVER USE_HEURISTICS CHECK_MISSING_HOST CHECK_HOST_DOMAINS USER_WHITELIST USER_IGNORELIST SHOW_DEBUG
LOG_DIR PROXY_ADDRESS DISABLE_CHECK_SUDO TRAILS_FILE FAIL2BAN_REGEX BLACKLIST ENABLE_MASK_CUSTOM HEADER_LOGO SEARCH_ENGINE
USE_MULTIPROCESSING IGNORE_EVENTS_REGEX DISABLED_HEURISTICS SCAN_WINDOW CAPTURE_FANOUT CAPTURE_FANOUT_MODE CAPTURE_FANOUT_DEFRAG
CAPTURE_FANOUT_GROUP CAPTURE_WORKERS CAPTURE_BUFFER_SIZE CAPTURE_SNAPLEN CAPTURE_TIMEOUT CAPTURE_IMMEDIATE USE_FAST_PREFILTER
FAST_FLOW_CUTOFF DOMAIN_CACHE_ENTRIES OFFLINE_TIMESTAMPS METRICS_INTERVAL STATS_ADDRESS EVENT_THROTTLE_MODE EVENT_THROTTLE_WINDOW
EVENT_THROTTLE_BURST EVENT_THROTTLE_MAX_KEYS USE_CONDENSED_STORAGE DISABLE_TRAIL_UPDATES REPAIR_TRUNCATED_TRAILS ALLOW_EMPTY_TRAILS
TRAIL_RELOAD_MIN_RATIO STATIC_TRAILS_URL LOCAL_LOG_FORMAT LOG_SERVER_SECRET CHECK_TLS_CERTIFICATES ALERT_WEBHOOK_URL ALERT_SEVERITY
ALERT_THROTTLE ALERT_FORMAT""".split()


def test_every_key_of_maltrail_is_known_and_what_is_off_there_needs_nothing(tmp_path):
    conf = tmp_path / "maltrail.conf"
    values = {"HTTP_ADDRESS": "127.0.0.1", "HTTP_PORT": "8338\t# as shipped", "MONITOR_INTERFACE": "any", "CUSTOM_TRAILS_DIR": "/nonexistent",
              "USER_WHITELIST": "/nonexistent", "ALERT_WEBHOOK_URL": "https://alerts.example/in", "ALERT_SEVERITY": "high", "ALERT_THROTTLE": "60"}
    conf.write_text("".join(f"{key} {values.get(key, 'false')}\n" for key in MALTRAIL_KEYS).replace("USERS false", "USERS\n    a:b:0:"))
    lines, _, shown = imported(tmp_path, "maltrail", conf)
    told = {line["text"].split()[0]: line for line in lines}
    assert set(told) == set(MALTRAIL_KEYS) and not [k for k, line in told.items() if "no key" in line["note"]]
    assert all(line["note"] for line in lines if line["state"] != "taken")
    for key in ("USE_SSL", "USE_FEED_UPDATES", "USE_SERVER_UPDATE_TRAILS", "DISABLE_LOCAL_LOG_STORAGE"):
        assert told[key]["state"] == "needless", told[key]
    assert told["USE_HEURISTICS"]["state"] == "left" and "url: https://alerts.example/in" in shown
    assert "web-no-host: {enabled: false" in shown and "port: 8338" in shown and "min_severity: high" in shown


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


def test_a_command_that_a_note_names_is_there(tmp_path):
    """Of every note of every importer, in the sources: 'sockwarden VERB NOUN ...'."""
    notes = "".join(p.read_text() for p in Path(ROOT, "user/import").glob("*.c"))
    named = set(re.findall(r"'sockwarden ([a-z]+(?: [a-z]+)?)", notes))
    assert len(named) > 3
    commands = run("help").stdout
    for words in named:
        assert any(re.search(rf"^  {w}\b", commands, re.M) for w in (words, words.split()[0] + "(?! [a-z])")), words


IPTABLES = """*nat
-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80
COMMIT
*filter
:INPUT DROP [12:340]
:OUTPUT ACCEPT [0:0]
:DROP_COUNTRY - [0:0]
-A INPUT -s 203.0.113.9/32 -m comment --comment "the office, \\"main\\" gate -j DROP" -j ACCEPT
-A INPUT -p tcp -m state --state NEW -s 203.0.113.10 -j ACCEPT
-A INPUT -j DROP_COUNTRY
-A INPUT -p tcp -m tcp --dport 22 -j SSHONLY
-A INPUT -s 198.51.100.7/32 -j DENY
-A INPUT -s 198.51.100.8 -m limit --limit 1/sec -j DROP
-A INPUT -p tcp -m multiport --dports 22,6000:6063 -m geoip ! --source-country NO,SE -j DROP
-A INPUT -m geoip --source-country KP -j DENY
-A INPUT -p udp -m geoip --source-country XZ -j DROP
-A OUTPUT -m geoip --destination-country KP -j REJECT --reject-with icmp-port-unreachable
-A INPUT -s 10.0.0.0/8 -j DROP
-A INPUT ! -s 192.168.11.0/24 -p tcp -m multiport --dports 135,137 -j DROP
-A INPUT -s 192.0.2.5/32 -p tcp -m tcp --dport 25 -j DROP
-A INPUT -d 224.0.0.1/32 -j DROP
[3:180] -A DROP_COUNTRY -s 45.0.0.0/16 -m limit --limit 1/sec -j LOG --log-prefix "[IPTABLES DENY_COUNTRY] : "
[3:180] -A DROP_COUNTRY -s 45.0.0.0/16 -j DROP
-A DROP_COUNTRY -s 2001:db8:7::/48 -j DROP
-A SSHONLY -s 47.1.0.0/16 -j DROP
-A IDLE -s 48.1.0.0/16 -j DROP
-A LOOP -j LOOP2
-A LOOP2 -j LOOP
-A DENY -m limit --limit 1/sec -j LOG
-A DENY -j DROP
what is this
COMMIT
"""


def test_iptables_gives_a_list_rules_over_countries_and_proposals(tmp_path):
    path = tmp_path / "rules.v4"
    path.write_text(IPTABLES)
    lines, text, _ = imported(tmp_path, "iptables", path)
    for part, want in (("-s 45.0.0.0/16 -j DROP", ["taken"]), ("2001:db8:7::", ["taken"]), ("-j DENY", ["taken", "asked"]), ("NO,SE", ["asked"]),
                       ("203.0.113.9/32", ["asked"]), ("203.0.113.10", ["left"]), ("-j LOG", ["needless", "needless"]), ("198.51.100.8", ["left"]),
                       ("XZ", ["left"]), ("10.0.0.0/8", ["left"]), ("192.168.11.0", ["left"]), ("192.0.2.5", ["left"]), ("224.0.0.1", ["left"]),
                       ("47.1.0.0", ["left"]), ("48.1.0.0", ["left"]), ("DNAT", ["left"]), (":INPUT DROP", ["left"]), ("LOOP2 -j", ["needless"]),
                       ("what is this", ["left"])):
        assert state(lines, part) == want, part
    assert all(line["note"] for line in lines if line["state"] == "left")
    assert {line["text"]: line["line"] for line in lines}["what is this"] == 31
    wanted = "countries:\n  file: /x.mmdb\n" + re.sub(r"^(\s*)#(?=\S)(?! )", r"\1", text[text.index("  #rules:"):text.index("# Nothing has")], flags=re.M)
    (tmp_path / "asked.yaml").write_text(wanted)
    shown = run("config", "show", tmp_path / "asked.yaml", "-j")
    assert shown.returncode == 0, wanted + shown.stderr
    for want in ("countries: [NO, SE]", "ports: [tcp/22, tcp/6000-6063]", "action: allow-only", "direction: out"):
        assert want in text
    assert "  #- 203.0.113.9\n" in text
    listed = json.loads(run("import", "iptables", path, "-j").stdout)["list"]
    assert listed.splitlines() == [f"198.51.100.7 # {path}:12", f"45.0.0.0/16 # {path}:23", f"2001:db8:7::/48 # {path}:24"]


def test_the_list_of_a_single_chain_is_written_for_trails_import(tmp_path):
    path, out = tmp_path / "chain.txt", tmp_path / "country.txt"
    path.write_text("-N DROP_COUNTRY\n" + "".join(f"-A DROP_COUNTRY -s 45.{i >> 8}.{i & 255}.0/24 -j DROP\n" for i in range(25000)))
    p = run("import", "iptables", path, "--list", out, "--write", tmp_path / "out.yaml")
    assert p.returncode == 0 and f"written: {out}, 25000 networks" in p.stderr, p.stderr
    assert out.read_text().splitlines()[24999] == f"45.97.167.0/24 # {path}:25001"
    p = run("import", "iptables", path, "--list", out)
    assert p.returncode == 1 and "is there already" in p.stderr
    path.write_text("table inet filter {\n")
    p = run("import", "iptables", path)
    assert p.returncode == 2 and f"{path}:1: this is nft's form" in p.stderr, p.stderr
    path.write_text("-A INPUT -j ACCEPT\n")
    p = run("import", "iptables", path, "--list", tmp_path / "none.txt")
    assert p.returncode == 1 and "no network was taken" in p.stderr and not (tmp_path / "none.txt").exists()


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
