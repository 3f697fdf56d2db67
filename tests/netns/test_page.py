# SPDX-License-Identifier: GPL-3.0-or-later
"""The page and the metrics of the whole program, as its user gets them."""
import json
import re
import subprocess

import pytest
from lab import Lab


@pytest.fixture
def started():
    """With a page, on any free port."""
    with Lab(config="web:\n  enabled: true\n  port: 0\n") as lab:
        lab.start()
        yield lab


def curl(lab, *args):
    return lab.on_host("curl", "-sS", "--max-time", "10", *args)


def link(lab):
    found = re.search(r"http://\S+/login\?token=[0-9a-f]{32}", lab.cli("web")[1])
    return found.group(0) if found else None


def root_of(lab):
    return lab.wait(lambda: ready(lab), 20, "the page answers")


def ready(lab):
    root = (link(lab) or "").split("/login")[0]
    return root if root and curl(lab, "-o", "/dev/null", "-w", "%{http_code}", f"{root}/healthz").stdout == "200" else None


def test_promtool_finds_nothing_wrong_with_the_metrics(started):
    root = root_of(started)
    started.wait(lambda: "sockwarden_process_up" in curl(started, f"{root}/metrics").stdout, 10, "the guard's metrics are there")
    text = curl(started, f"{root}/metrics").stdout
    p = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert p.returncode == 0 and not p.stdout and not p.stderr, p.stdout + p.stderr
    for name in ("sockwarden_packets_total", "sockwarden_dropped_packets_total", "sockwarden_bans", "sockwarden_findings_total",
                 "sockwarden_start_time_seconds", "sockwarden_trail_entries", "sockwarden_enforcing"):
        assert f"# TYPE {name} " in text, name
    for line in text.splitlines():
        assert line.startswith("#") or not re.search(r'="\d+\.\d+\.\d+\.\d+|pid=|address=|port=', line), line


def test_it_is_ready_when_the_engine_is(started):
    root = root_of(started)
    started.wait(lambda: json.loads(curl(started, f"{root}/readyz").stdout)["ready"], 10, "ready")


def test_the_link_logs_in_once_and_the_page_tells_of_a_ban(started):
    root = root_of(started)
    url = link(started)
    jar = f"{started.dir}/jar"
    assert curl(started, "-c", jar, "-o", "/dev/null", "-w", "%{http_code}", url).stdout == "303"
    assert curl(started, "-o", "/dev/null", "-w", "%{http_code}", url).stdout == "401"
    assert "Live events" in curl(started, "-b", jar, f"{root}/").stdout
    assert json.loads(curl(started, "-b", jar, f"{root}/api/status").stdout)["mode"] == "observe"
    started.ok("ban", "198.18.77.77", "--for", "1h")
    bans = json.loads(curl(started, "-b", jar, f"{root}/api/bans").stdout)["bans"]
    assert [b["net"] for b in bans] == ["198.18.77.77"]
    port, _, _ = started.listen()
    started.wait(lambda: port in [s["lport"] for s in json.loads(curl(started, "-b", jar, f"{root}/api/listeners").stdout)["sockets"]],
                 10, "the listener is told")
    findings = curl(started, "-b", jar, f"{root}/api/findings")
    assert "findings" in json.loads(findings.stdout)


def test_the_page_comes_back_by_itself_when_it_is_killed(started):
    root = root_of(started)
    old = started.kill("sockwarden-web")
    started.wait(lambda: set(started.pids("sockwarden-web")) - set(old), 20, "a new sockwarden-web")
    started.wait(lambda: ready(started) not in (None, root), 20, "the page again, on another port")
    assert started.cli("status")[0] in (0, 6)
