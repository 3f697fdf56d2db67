# SPDX-License-Identifier: GPL-3.0-or-later
"""CrowdSec's decisions as bans."""
import json
import time

import pytest

from crowdsec import KEY, NULLS, Bridge, Debians, decision


@pytest.fixture
def bridge(lab):
    b = Bridge(lab)
    b.serve()
    return b


def test_the_whole_then_what_changes_become_bans_and_end(bridge):
    bridge.put("whole", {"new": [decision(1, "198.18.77.1"), decision(2, "198.18.78.0/24", "Range"), decision(3, "2001:db8:7::1")]})
    bridge.start("  origins: cscli,crowdsec\n  scenarios_not_containing: http\n")
    bridge.wait_bans("198.18.77.1", "198.18.78.0/24", "2001:db8:7::1")
    row = bridge.bans()["198.18.77.1"]
    assert "crowdsecurity/ssh-bf (cscli)" in row["reason"] and 14390 <= row["left_sec"] <= 14400, row
    first = bridge.asked()[0]
    assert first["key"] == KEY and first["agent"].startswith("sockwarden/")
    assert first["path"] == ("/v1/decisions/stream?startup=true&scopes=ip%2Crange&origins=cscli%2Ccrowdsec"
                             "&scenarios_not_containing=http")
    assert bridge.lab.cli_json("check", "198.18.78.200")["banned"]
    bridge.put("delta", {"new": [decision(4, "198.18.77.4")], "deleted": [decision(1, "198.18.77.1", duration="-1.5ms")]})
    bridge.wait_bans("198.18.78.0/24", "2001:db8:7::1", "198.18.77.4")
    assert any("startup=false" in q["path"] for q in bridge.asked())
    state = bridge.wait_status("all is well", decisions=3, bans=3, error=None)
    assert state["last_good_at"] and not state["failures"]
    assert "3 decisions, 3 bans" in bridge.lab.cli("status")[1]
    rows = {k.removeprefix("sockwarden_crowdsec_"): int(v) for k, v in bridge.metrics().items() if k.startswith("sockwarden_crowdsec_")}
    assert (rows["decisions"], rows["bans"], rows["failures_total"]) == (3, 3, 0) and rows["polls_total"] >= 2, rows
    assert abs(rows["last_success_timestamp_seconds"] - time.time()) < 60 and not any("report" in k for k in rows), rows
    assert KEY not in bridge.lab.log()


def test_lists_that_overlap_the_longest_wins_and_the_last_ends_it(bridge):
    bridge.put("whole", {"new": [decision(1, "198.18.77.1", duration="1h"), decision(2, "198.18.77.1", duration="4h"),
                                 decision(2, "198.18.77.1", duration="4h")]})
    bridge.start()
    bridge.wait_bans("198.18.77.1")
    assert bridge.bans()["198.18.77.1"]["left_sec"] > 14000 and bridge.status()["decisions"] == 2
    bridge.put("whole", {"new": [decision(1, "198.18.77.1", duration="59m")]})
    bridge.put("delta", {"deleted": [decision(2, "198.18.77.1", duration="-1s")]})
    bridge.lab.wait(lambda: bridge.bans()["198.18.77.1"]["left_sec"] <= 3600, 15, "the shorter one is left")
    bridge.put("whole", NULLS)
    bridge.put("delta", {"deleted": [decision(99, "198.18.77.1", duration="-1s")]})
    bridge.wait_bans()
    assert len([q for q in bridge.asked() if "startup=true" in q["path"]]) == 3, "what does not fit asks for the whole"


def test_each_origin_is_withdrawn_alone(bridge):
    bridge.put("whole", {"new": [decision(1, "198.18.77.1")]})
    bridge.start()
    bridge.wait_bans("198.18.77.1")
    bridge.lab.ok("ban", "198.18.77.1", "--for", "1h")
    bridge.put("delta", {"deleted": [decision(1, "198.18.77.1", duration="-1s")]})
    bridge.wait_bans()
    assert bridge.lab.cli_json("check", "198.18.77.1")["banned"], "the operator's stays"


def test_what_is_protected_too_wide_or_not_understood_is_counted_and_left(bridge):
    bridge.put("whole", {"new": [decision(1, bridge.lab.gateway), decision(2, "198.18.0.0/24", "Range"), decision(3, "100.0.0.0/8", "Range"),
                                 decision(4, "198.18.77.4", duration="soon"), decision(5, "bad.example"), {"id": 6},
                                 decision(7, "NO", "Country"), decision(8, "198.18.77.8", type="captcha"), decision(9, "198.18.77.9")]})
    bridge.start()
    bridge.wait_bans("198.18.77.9")
    bridge.wait_status("they are counted", protected=2, too_wide=1, malformed=3, others=2)
    assert bridge.lab.cli("arm")[0] in (0, 6)
    assert bridge.lab.ping(source=bridge.lab.gateway) == 3


def test_garbage_leaves_what_was_known_and_the_whole_is_asked_again(bridge):
    bridge.put("whole", {"new": [decision(1, "198.18.77.1")]})
    bridge.start()
    bridge.wait_bans("198.18.77.1")
    bridge.put("delta", '{"new":[' + json.dumps(decision(2, "198.18.77.2")) + ",")
    bridge.lab.wait(lambda: bridge.status()["failures"], 15, "it is told")
    bridge.put("whole", {"new": [decision(1, "198.18.77.1"), decision(3, "198.18.77.3")]})
    bridge.wait_bans("198.18.77.1", "198.18.77.3")
    assert bridge.status()["error"] is None
    bridge.put("status", "500")
    bridge.lab.wait(lambda: "500" in (bridge.status()["error"] or ""), 15, "a broken server is told of")
    bridge.server.kill()
    bridge.lab.wait(lambda: "onnect" in (bridge.status()["error"] or ""), 15, "and one that is gone")
    assert set(bridge.bans()) == {"198.18.77.1", "198.18.77.3"}, "bans stay until their end"
    code, out, _ = bridge.lab.cli("status")
    assert code == 6 and "CrowdSec: " in out


def test_a_key_that_is_refused_is_said_and_not_tried_again_soon(bridge):
    bridge.put("status", "403")
    bridge.put("whole", '{"message":"access forbidden"}')
    bridge.start()
    bridge.lab.wait(lambda: "refuses the key" in (bridge.status()["error"] or ""), 15, "it is said")
    _, out, _ = bridge.lab.cli("events", "-j")
    assert KEY not in bridge.lab.log() + out
    with open(bridge.lab.log_file, encoding="utf-8") as f:
        assert "cscli bouncers add" in f.read()
    assert len(bridge.asked()) == 1


def test_a_server_that_is_down_at_the_start_is_tried_again(bridge):
    bridge.server.kill()
    bridge.server.wait()
    bridge.put("whole", {"new": [decision(1, "198.18.77.1")]})
    bridge.start()
    bridge.lab.wait(lambda: bridge.status()["error"], 15, "it is told")
    bridge.serve(bridge.port)
    bridge.wait_bans("198.18.77.1", seconds=40)
    assert bridge.status()["error"] is None


def test_after_a_restart_only_what_the_server_still_says_stays_and_off_is_off(bridge):
    bridge.put("until", str(time.time() + 14000))
    bridge.put("whole", {"new": [decision(1, "198.18.77.1", duration="UNTIL"), decision(2, "198.18.77.2")]})
    bridge.start()
    bridge.wait_bans("198.18.77.1", "198.18.77.2")
    kept = bridge.bans()["198.18.77.1"]["id"]
    bridge.lab.stop()
    bridge.put("whole", {"new": [decision(1, "198.18.77.1", duration="UNTIL")]})
    bridge.lab.start()
    bridge.wait_bans("198.18.77.1")
    assert bridge.bans()["198.18.77.1"]["id"] == kept, "what has not changed is not made anew"
    bridge.lab.stop()
    bridge.lab.write_config("")
    bridge.lab.start()
    bridge.wait_bans()
    assert "crowdsec" not in bridge.lab.cli_json("status")


def test_a_long_list_takes_half_of_the_minutes_bans_and_leaves_room_for_ours(bridge):
    bridge.put("whole", {"new": [decision(i, f"198.18.77.{i}") for i in range(1, 31)]})
    bridge.start(more="bans:\n  per_minute: 20\n")
    state = bridge.wait_status("half of the minute's", bans=10, waiting=20)
    assert state["decisions"] == 30
    bridge.lab.ok("ban", "198.18.90.1", "--for", "1h")


def test_debians_crowdsec(lab):
    """Its local API alone, without the central one, in the lab's namespace."""
    debian = Debians(lab)
    bridge = debian.connect(Bridge(lab))
    debian.cscli("decisions", "add", "-i", "198.18.77.1", "-d", "4h")
    debian.cscli("decisions", "add", "-i", "198.18.77.1", "-d", "1h")
    debian.cscli("decisions", "add", "-r", "198.18.78.0/24", "-d", "4h")
    bridge.wait_bans("198.18.77.1", "198.18.78.0/24")
    assert "manual 'ban' from 'here' (cscli)" in bridge.bans()["198.18.77.1"]["reason"]
    debian.cscli("decisions", "delete", "-i", "198.18.77.1")
    bridge.wait_bans("198.18.78.0/24")
    debian.cscli("bouncers", "delete", "sockwarden")
    lab.wait(lambda: "refuses the key" in (bridge.status()["error"] or ""), 15, "a key that is withdrawn is told of")
    assert set(bridge.bans()) == {"198.18.78.0/24"}
    debian.stop()
