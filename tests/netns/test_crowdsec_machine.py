# SPDX-License-Identifier: GPL-3.0-or-later
"""Our bans as alerts of CrowdSec."""
import json
import os
import shlex

import pytest

from crowdsec import PASSWORD, Debians, Machine, decision
from lab import BUILD


@pytest.fixture
def machine(lab):
    m = Machine(lab)
    m.serve()
    return m


def test_bans_are_reported_in_batches_with_one_token_until_it_is_refused(machine):
    machine.put("whole", {"new": [decision(1, "198.18.77.1"), decision(2, "198.18.77.2", origin="sockwarden", scenario="sockwarden/lab/scan"),
                                  decision(3, "198.18.77.3", origin="sockwarden", scenario="sockwarden/another/scan")]})
    machine.start()
    machine.wait_bans("198.18.77.1", "198.18.77.3")
    machine.lab.ok("ban", "198.18.60.1", "--for", "1h")
    machine.lab.ok("arm")
    machine.lab.ok("ban", "198.18.61.1", "--for", "1h", "--reason", "a \"word\"")
    machine.lab.ok("ban", "198.18.62.0/24", "--for", "forever")
    machine.lab.ok("ban", "198.18.63.1", "--for", "1h")
    machine.lab.ok("unban", "198.18.63.1")
    machine.wait_reported("198.18.61.1", "198.18.62.0/24")
    login, = machine.posted("/v1/watchers/login")
    assert login["body"] == {"machine_id": "lab", "password": PASSWORD, "scenarios": []} and login["bearer"] is None
    post, = machine.posted()
    one, two = post["body"]
    assert one["scenario"] == "sockwarden/operator" and 'a "word"' in one["message"] and one["source"]["ip"] == "198.18.61.1"
    d, = one["decisions"]
    assert (d["origin"], d["type"], d["scope"], d["value"]) == ("sockwarden", "ban", "Ip", "198.18.61.1")
    assert d["scenario"] == "sockwarden/lab/operator"
    assert 3590 <= int(d["duration"].rstrip("s")) <= 3600, d
    assert two["source"] == {"scope": "Range", "value": "198.18.62.0/24", "range": "198.18.62.0/24"}
    assert two["decisions"][0]["duration"] == "87600h"
    machine.lab.ok("ban", "198.18.64.1", "--for", "1h")
    machine.wait_reported("198.18.61.1", "198.18.62.0/24", "198.18.64.1")
    assert len(machine.posted("/v1/watchers/login")) == 1, "the token is kept"
    machine.put("revoke", "")
    machine.lab.ok("ban", "198.18.65.1", "--for", "1h")
    machine.wait_reported("198.18.61.1", "198.18.62.0/24", "198.18.64.1", "198.18.65.1")
    assert len(machine.posted("/v1/watchers/login")) == 2 and len(machine.posted(status=401)) == 1, "a token that is refused is not used again"
    state = machine.lab.wait(lambda: machine.reports()["reported"] == 4 and machine.reports(), 10, "they are counted")
    assert (state["waiting"], state["lost"], state["failures"], state["error"]) == (0, 0, 0, None)
    assert "4 bans to CrowdSec, 0 withdrawn, 0 waiting" in machine.lab.cli("status")[1]
    assert "4 bans reported, 0 withdrawn, 0 waiting" in machine.lab.cli("doctor")[1]
    assert set(machine.bans()) == {"198.18.77.1", "198.18.77.3"}, "only what this machine reported is no ban of CrowdSec's"
    assert not machine.deleted(), "what was withdrawn before its turn is not there to be taken back"


def test_a_ban_that_is_withdrawn_is_taken_back_there_and_no_other(machine):
    machine.start()
    machine.lab.ok("arm")
    for address in ("198.18.61.1", "198.18.62.1"):
        machine.lab.ok("ban", address, "--for", "1h")
    machine.wait_reported("198.18.61.1", "198.18.62.1")
    machine.put("delete", "500")
    machine.lab.ok("unban", "198.18.62.1")
    state = machine.lab.wait(lambda: machine.reports()["failures"] and machine.reports(), 15, "a failure is counted")
    assert "the withdrawal with status 500" in state["error"] and state["waiting"] == 1 and not state["withdrawn"]
    assert "withdrawal with status 500" in machine.lab.cli("doctor")[1]
    machine.put("delete", "200")
    machine.lab.wait(lambda: machine.reports()["withdrawn"] == 1, 30, "it is tried again")
    assert set(machine.deleted()) == {"/v1/decisions/2"}
    machine.lab.ok("unban", "198.18.61.1")
    machine.lab.wait(lambda: machine.reports()["withdrawn"] == 2, 5, "a withdrawal waits for no post")
    assert machine.deleted()[-1] == "/v1/decisions/1"
    rows = machine.metrics()
    found = {k: rows[f'sockwarden_crowdsec_reports_total{{outcome="{k}"}}'] for k in ("reported", "withdrawn", "refused", "lost")}
    assert found == {"reported": "2", "withdrawn": "2", "refused": "0", "lost": "0"}
    assert rows["sockwarden_crowdsec_reports_waiting"] == "0" and rows["sockwarden_crowdsec_report_failures_total"] == "1"


def test_a_password_that_is_refused_is_said_and_not_shown(machine):
    machine.put("login", "401")
    machine.start()
    machine.lab.ok("arm")
    machine.lab.ok("ban", "198.18.61.1", "--for", "1h")
    state = machine.lab.wait(lambda: machine.reports()["error"] and machine.reports(), 20, "it is said")
    assert "refuses crowdsec.machine or its password" in state["error"] and state["waiting"] == 1 and state["failures"] == 1
    code, out, _ = machine.lab.cli("status")
    assert code == 6 and "not reported to CrowdSec" in out
    _, events, _ = machine.lab.cli("events", "-j")
    assert PASSWORD not in machine.lab.log() + events + out
    assert not machine.posted() and len(machine.posted("/v1/watchers/login")) == 1


def test_a_server_that_fails_gets_them_again_and_what_the_queue_cannot_hold_is_counted(machine):
    n = 1150
    machine.put("alerts", "500")
    machine.start(more="bans:\n  per_minute: 5000\n")
    machine.lab.ok("arm")
    nets = [f"198.18.{100 + i // 250}.{1 + i % 250}" for i in range(n)]
    one = shlex.join([os.path.join(BUILD, "sockwarden"), *machine.lab.cli_paths(), "ban", "--for", "1h"])
    machine.lab.on_host("sh", "-c", f'for a; do {one} "$a" || exit 1; done', "sh", *nets, check=True, timeout=120)
    state = machine.lab.wait(lambda: machine.reports()["failures"] and machine.reports(), 20, "a failure is counted")
    assert "500" in state["error"] and not state["reported"]
    assert state["lost"] >= n - 1100 and state["lost"] + state["waiting"] == n, state
    machine.put("alerts", "201")
    machine.lab.wait(lambda: machine.reported(), 60, "they are sent again")
    assert max(len(p["body"]) for p in machine.posted()) == 100
    late = machine.posted(status=201)[0]["body"][0]
    assert late["start_at"] < late["stop_at"], "CrowdSec counts what is left from stop_at on"
    assert machine.lab.wait(lambda: machine.reports()["reported"] == 100 and machine.reports(), 10, "one batch is counted")["error"] is None


def test_debians_crowdsec_lists_our_ban_and_it_is_not_banned_again(lab):
    debian = Debians(lab)
    machine = debian.connect(Machine(lab))
    lab.ok("arm")
    lab.ok("ban", "198.18.61.1", "--for", "1h")
    lab.ok("ban", "198.18.62.0/24", "--for", "forever")
    lab.wait(lambda: machine.reports()["reported"] == 2, 30, f"both are reported: {machine.reports()}")
    alerts = {a["source"]["value"]: a for a in json.loads(debian.cscli("alerts", "list", "-a", "-o", "json"))}
    assert set(alerts) == {"198.18.61.1", "198.18.62.0/24"}
    d, = alerts["198.18.61.1"]["decisions"]
    assert (d["origin"], d["scenario"], d["scope"], d["type"]) == ("sockwarden", "sockwarden/lab/operator", "Ip", "ban")
    polls = machine.status()["polls"]
    lab.wait(lambda: machine.status()["polls"] > polls + 1 and machine.status()["others"] >= 2, 15, "they come back, and are left")
    assert not machine.bans()
    debian.report("another", "198.18.61.1", "198.18.64.1")
    machine.wait_bans("198.18.61.1", "198.18.64.1")
    lab.ok("unban", "198.18.62.0/24")
    lab.wait(lambda: machine.reports()["withdrawn"] == 1, 15, f"the range is withdrawn: {machine.reports()}")
    lab.ok("unban", "198.18.61.1")
    lab.wait(lambda: machine.reports()["withdrawn"] == 2, 15, f"and the address: {machine.reports()}")
    assert debian.in_force() == {("198.18.61.1", "sockwarden/another/scan"), ("198.18.64.1", "sockwarden/another/scan")}
    debian.stop()
