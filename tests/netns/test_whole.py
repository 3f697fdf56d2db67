# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole program in a laboratory: its promises on real traffic, and what it does when things go wrong."""
import os
import random
import signal
import time

import pytest
from lab import Lab, boot_ns

BAN, TRAIL_SRC = 2, 4  # enum sw_reason, for reading the pinned counters when no process is left


def state_of(lab):
    return lab.cli_json("status")


def armed(lab):
    lab.ok("arm")
    assert state_of(lab)["enforcing"] is True


def bans_of(lab):
    return {b["net"].split("/")[0]: b for b in lab.cli_json("bans")["bans"]}


def test_it_starts_observing_and_says_what_it_does(started):
    s = state_of(started)
    assert (s["mode"], s["enforcing"]) == ("observe", False)
    assert [(i["name"], i["hook"]) for i in s["interfaces"]] == [("eth0", "native")]
    assert s["tier"] in ("A", "B")
    assert {c["reason"] for c in s["counters"]} >= {"ban", "ban-net", "trail-src", "trail-dst", "allowed", "unparsed"}
    code, out, err = started.cli("status")
    assert code == 0, out + err
    assert "observe" in out and "eth0" in out


def test_a_new_listener_is_told_within_50_ms(started):
    started.wait(lambda: state_of(started)["inventory"]["complete"], 10, "the first inventory is complete")
    stream = started.follow()
    started.listen(kind="udp", address="127.0.0.1")
    started.wait(lambda: stream.events, 5, "events come")
    took = []
    for port in range(8081, 8086):  # below the ports that clients are given, so that each is a listener of its own
        _, began, _ = started.listen(port)
        e = started.wait(lambda p=port: stream.find(kind="finding", text=lambda t: t and f":{p} is new" in t), 5,
                         f"a finding about port {port}", every=0.002)
        took.append((e["read_boot_ns"] - began) / 1e6)
    assert sorted(took)[2] <= 50, f"ms from listen() to the follower: {took}"


def test_a_ban_drops_in_xdp_and_counts_and_unban_ends_it(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h", "--reason", "test")
    assert started.ping() == 0
    assert started.ping(source=started.others[0]) == 3
    before = started.counter("ban", "dropped")
    r = started.attack("hping3", "-q", "-S", "-p", "80", "-c", "50", "-i", "u2000", "-a", started.attacker, started.host)
    assert "100% packet loss" in r.stdout + r.stderr
    assert started.counter("ban", "dropped") >= before + 50
    assert started.cli("check", started.attacker)[0] == 1
    started.ok("unban", started.attacker)
    assert started.ping() == 3
    assert started.cli("check", started.attacker)[0] == 0


def test_a_ban_of_an_ipv6_address_drops_it(started):
    assert started.ping(target=started.host6) == 3  # neighbours know each other: a ban drops their questions too
    assert started.ping(target=started.host6, source="2001:db8:0:1::67") == 3
    armed(started)
    started.ok("ban", started.attacker6, "--for", "1h")
    assert started.ping(target=started.host6) == 0
    assert started.ping(target=started.host6, source="2001:db8:0:1::67") == 3


def test_a_network_ban_drops_the_network_and_the_allow_list_wins(started):
    armed(started)
    started.ok("ban", "198.18.0.64/28", "--for", "1h")
    assert started.ping(source=started.others[0]) == 0
    started.ok("allow", "add", started.others[0])
    assert started.ping() == 0
    assert started.ping(source=started.others[0]) == 3
    assert started.counter("allowed") >= 3
    assert started.counter("ban-net", "dropped") >= 3


def test_observing_drops_nothing_and_counts_all_the_same(started):
    started.ok("ban", started.attacker, "--for", "1h")
    assert started.ping() == 3
    assert started.counter("ban") >= 3
    assert started.counter("ban", "dropped") == 0


@pytest.mark.parametrize("what", [Lab.host, Lab.gateway, "0.0.0.0/0", "198.0.0.0/8"])
def test_what_must_never_be_banned_is_refused(started, what):
    code, _, err = started.cli("ban", what)
    assert code == 1, err
    assert err.strip(), "a refusal says why"
    assert not bans_of(started)


def test_an_unconfirmed_arm_ends_by_itself_with_everything_killed(started):
    started.ok("ban", started.attacker, "--for", "1h")
    started.ok("arm", "--confirm", "4s")
    assert started.ping() == 0
    started.kill_all()
    assert started.ping() == 0
    started.wait(lambda: started.ping(count=1) == 1, 8, "enforcement ends", every=0.1)


def test_a_confirmed_arm_stays(started):
    started.ok("ban", started.attacker, "--for", "1h")
    started.ok("arm", "--confirm", "2s")
    started.ok("arm", "--keep")
    end = time.monotonic() + 2.5
    started.wait(lambda: time.monotonic() > end, 5, "the two seconds are over")
    assert started.ping() == 0


@pytest.mark.parametrize("fate", [signal.SIGSTOP, signal.SIGKILL])
def test_off_passes_everything_with_the_engine_hung_or_dead(started, fate):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h")
    assert started.ping() == 0
    os.kill(started.pids("sockwarden-engine")[0], fate)
    code, _, err = started.cli("off", timeout=30)
    assert code == 0, err
    assert started.ping() == 3


def test_a_killed_engine_comes_back_and_drops_go_on(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h")
    old = started.kill("sockwarden-engine")
    assert started.ping() == 0
    started.wait(lambda: set(started.pids("sockwarden-engine")) - set(old) and started.is_up(), 15, "the engine is back")
    assert started.attacker in bans_of(started)
    assert started.ping() == 0
    assert started.ping(source=started.others[0]) == 3


def test_a_restart_adopts_the_pins_and_restores_the_remaining_time(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "100s")
    started.kill_all()
    assert started.ping() == 0
    died = time.monotonic()
    started.wait(lambda: time.monotonic() > died + 1.5, 5, "a while passes")
    started.start()
    started.wait(lambda: started.attacker in bans_of(started), 5, "the ban is listed")
    left = bans_of(started)[started.attacker]["left_sec"]
    assert 80 <= left <= 98.5
    assert state_of(started)["adopted"] is True
    assert started.ping() == 0


def test_an_expired_ban_drops_nothing_with_everything_killed(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "3s")
    assert started.ping() == 0
    started.kill_all()
    started.wait(lambda: started.ping(count=1) == 1, 6, "the ban ends", every=0.1)
    before = started.pinned_counter(BAN, field=2)
    assert started.ping() == 3
    assert started.pinned_counter(BAN, field=2) == before


def test_stop_keeps_drops_in_force_unless_told_otherwise(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h")
    assert started.stop() == 0
    assert started.ping() == 0
    assert not started.pids("sockwarden-engine") and not started.pids("sockwarden-net")


def test_stop_removes_everything_when_the_configuration_says_so():
    with Lab(config="on_exit: remove\n") as lab:
        lab.start()
        armed(lab)
        lab.ok("ban", lab.attacker, "--for", "1h")
        assert lab.ping() == 0
        assert lab.stop() == 0
        assert lab.ping() == 3
        assert lab.on_host("find", lab.bpffs, "-type", "f").stdout == ""


def test_removing_the_pins_by_hand_removes_everything(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h")
    started.kill_all()
    assert started.ping() == 0
    started.on_host("rm", "-rf", started.bpffs, check=True)
    started.wait(lambda: started.ping(count=1) == 1, 5, "packets pass")
    assert "xdp" not in started.on_host("ip", "link", "show", "eth0").stdout


def test_a_trail_is_imported_matched_dropped_and_found(started, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_bytes(b"# a comment\r\n198.18.0.66\r\n203.0.113.0/24 # a note\n\n2001:db8:ffff::/48\n")
    os.chmod(path, 0o644)
    started.ok("trails", "import", path, "--name", "bad")
    assert started.ping() == 3
    assert started.counter("trail-src") >= 3
    armed(started)
    assert started.ping() == 0
    assert started.counter("trail-src", "dropped") >= 3
    rows = started.cli_json("trails", "list")["lists"]
    assert [(r["name"], r["entries4"], r["entries6"]) for r in rows] == [("bad", 2, 1)]
    hits = started.cli_json("trails", "search", "203.0.113.9")["hits"]
    assert [(h["net"], h["list"], h["line"]) for h in hits] == [("203.0.113.0/24", "bad", 3)]
    assert started.cli("check", started.attacker)[0] == 1
    started.wait(lambda: any(f["kind"] == "trail-hit" for f in started.cli_json("findings")["findings"]), 5, "a finding about the hit")
    started.kill_all()
    assert started.ping() == 0
    assert started.pinned_counter(TRAIL_SRC, field=2) >= 6


def test_an_absurd_trail_is_refused_by_its_line_and_the_old_one_stays(started, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("198.18.0.66\n")
    started.ok("trails", "import", path, "--name", "bad")
    armed(started)
    path.write_text("198.18.0.67\n0.0.0.0/0\n")
    code, _, err = started.cli("trails", "import", path, "--name", "bad")
    assert code == 1 and "2" in err, err
    assert started.ping() == 0
    assert started.ping(source=started.others[0]) == 3


def test_the_exit_status_says_what_happened(started):
    assert started.cli("check", started.attacker)[0] == 0
    assert started.cli("ban", "not-an-address")[0] == 2
    assert started.cli("bann", started.attacker)[0] == 2
    assert started.cli("unban", started.attacker)[0] == 1
    started.wait(lambda: started.cli("sockets", "diff")[0] == 0, 10, "the inventory is complete and as in the baseline")
    started.listen()
    started.wait(lambda: started.cli("sockets", "diff")[0] == 1, 5, "the difference is seen")
    started.stop()
    code, _, err = started.cli("status")
    assert code == 3 and "not running" in err


def test_why_names_the_ban_its_reason_and_who_made_it(started):
    started.ok("ban", started.attacker, "--for", "1h", "--reason", "brute force")
    out = started.ok("why", started.attacker) if started.cli("why", started.attacker)[0] == 0 else started.cli("why", started.attacker)[1]
    assert "brute force" in out and "root" in out


def test_two_daemons_at_once_are_one_too_many(started):
    first = started.daemon
    pid = started.pids("sockwarden-engine")
    second = started.start(wait=False)
    assert second.wait(10) != 0
    started.daemon = first
    assert "already" in started.log() or "another" in started.log()
    assert first.poll() is None and started.pids("sockwarden-engine") == pid
    assert started.cli("status")[0] == 0


def test_a_corrupt_database_is_set_aside_and_bans_stay_in_force(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h")
    started.kill_all()
    files = [f for f in os.listdir(started.state_dir) if f.endswith((".db", ".sqlite"))]
    assert files
    for f in os.listdir(started.state_dir):
        if f.startswith(files[0]):
            with open(os.path.join(started.state_dir, f), "wb") as g:
                g.write(random.Random(1).randbytes(65536))
    started.start()
    assert started.ping() == 0
    code, out, err = started.cli("status")
    assert code in (0, 6)
    assert "corrupt" in (out + err + started.log()).lower()


def test_without_a_bpffs_it_mounts_one_or_says_what_is_missing():
    with Lab(keep_bpffs=False) as lab:
        daemon = lab.start(wait=False)
        lab.wait(lambda: daemon.poll() is not None or lab.cli("status")[0] == 0, 20, "it is up or has given up")
        if daemon.poll() is not None:
            lab.daemon = None
            assert daemon.returncode != 0 and "bpffs" in lab.log()
            assert not lab.pids("sockwarden-engine")


def test_sigterm_in_the_middle_of_start_up_ends_it_cleanly():
    with Lab(config="on_exit: remove\n") as lab:
        for delay_ms in (0, 5, 20, 60, 150, 400):
            daemon = lab.start(wait=False)
            began = time.monotonic()
            lab.wait(lambda b=began, d=delay_ms: time.monotonic() >= b + d / 1000, 2, "the moment to stop it", every=0.001)
            # nsenter becomes the daemon; before that it dies of the signal
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(15) in (0, -signal.SIGTERM, 143), lab.log()
            lab.daemon = None
            for program in ("sockwardend", "sockwarden-engine", "sockwarden-net", "sockwarden-config"):
                lab.wait(lambda p=program: not lab.pids(p), 5, f"no {program} is left after {delay_ms} ms")
            assert lab.ping() == 3
        lab.start()
        assert lab.cli("status")[0] == 0


def test_a_full_disk_does_not_keep_a_ban_from_its_work():
    with Lab(state_size=2 << 20) as lab:
        lab.start()
        armed(lab)
        lab.on_host("sh", "-c", f"dd if=/dev/zero of={lab.state_dir}/fill bs=4096 2>/dev/null; true")
        for i in range(40):  # what the journal had room for is used up, too
            lab.cli("ban", f"203.0.113.{i}", "--for", "1h", "--reason", "x" * 150)
        code, _, err = lab.cli("ban", lab.attacker, "--for", "1h")
        assert code in (0, 6), err
        assert lab.ping() == 0
        s = state_of(lab)
        assert s["degraded"], "status tells of the disk"
        lab.on_host("rm", f"{lab.state_dir}/fill")
        lab.wait(lambda: not state_of(lab)["store"]["unsaved"], 30, "what was unsaved is saved")


def test_a_flood_of_banned_packets_fills_no_disk_and_is_counted_whole(started):
    armed(started)
    started.ok("ban", started.attacker, "--for", "1h")
    size = sum(os.path.getsize(os.path.join(started.state_dir, f)) for f in os.listdir(started.state_dir))
    dropped = started.counter("ban", "dropped")
    started.attack("timeout", "-s", "INT", "3", "hping3", "-q", "--flood", "--udp", "-p", "9", "-a", started.attacker, started.host)
    assert started.counter("ban", "dropped") > dropped + 10000
    after = sum(os.path.getsize(os.path.join(started.state_dir, f)) for f in os.listdir(started.state_dir))
    assert after - size < 1 << 20
    assert 1 <= len(started.ok("events", "-n", "1000", "-k", "packet", "-j").splitlines()) < 50
    lost = {row["name"]: row["count"] for row in started.cli_json("status")["losses"]}
    assert lost["packet-events-limited"] > 10000 and lost["socket-events-lost"] == 0


def test_nothing_of_a_killed_program_is_left_when_its_pins_are_gone(lab):
    lab.start()
    lab.kill_all()
    lab.on_host("rm", "-rf", lab.bpffs, check=True)
    names = ("xdp_gate", "sock_")

    def left():
        out = lab.on_host("/usr/sbin/bpftool", "net", "show").stdout + lab.on_host("/usr/sbin/bpftool", "cgroup", "tree", lab.cgroup).stdout
        return any(n in out for n in names)
    lab.wait(lambda: not left(), 5, "no program is attached")


def test_a_refused_hook_is_named_and_the_rest_works(lab):
    lab.start("--fake-refuse", "on_post_bind4,on_connect4")
    s = state_of(lab)
    assert "-on_post_bind4(" in s["hooks"] and "-on_connect4(" in s["hooks"]
    assert " on_post_bind6" in s["hooks"]
    armed(lab)
    lab.ok("ban", lab.attacker, "--for", "1h")
    assert lab.ping() == 0


def test_a_foreground_run_shows_status_then_events_and_says_what_stays(lab):
    lab.start("--follow")
    lab.wait(lambda: "observe" in lab.log() and "eth0" in lab.log(), 5, "the status is shown")
    # events are followed from a moment after the status on: a listener before it is not told
    ports = iter(range(8001, 8100))
    lab.wait(lambda: lab.listen(next(ports)) and ":80" in lab.log(), 10, "an event is shown", every=0.1)
    assert lab.stop(signal.SIGINT) == 0
    assert "stays" in lab.log()


def test_a_foreground_run_goes_on_to_the_events_when_something_is_degraded():
    with Lab(state_size=1 << 20) as lab:
        lab.on_host("sh", "-c", f"dd if=/dev/zero of={lab.state_dir}/fill bs=4096 2>/dev/null; true")
        lab.start("--follow")
        assert lab.cli("status")[0] == 6
        ports = iter(range(8001, 8100))
        lab.wait(lambda: lab.listen(next(ports)) and ":80" in lab.log(), 10, "an event is shown", every=0.1)
        assert lab.log().count("\nprocesses ") == 1
