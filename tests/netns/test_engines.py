# SPDX-License-Identifier: GPL-3.0-or-later
"""How trails are looked up: packed and by the kernel's tries, with the whole program on real traffic."""
import os
import signal

from lab import Lab


def trails_of(lab):
    return lab.cli_json("status")["trails"]


def put_list(lab, tmp_path, *lines):
    os.chmod(tmp_path, 0o755)
    path = tmp_path / "bad.txt"
    path.write_text("\n".join(lines) + "\n")
    os.chmod(path, 0o644)
    lab.ok("trails", "import", path)


def drops(lab):
    """A listed source is dropped, another passes."""
    return lab.ping(source=lab.others[0], count=1) == 0 and lab.ping(source=lab.others[1], count=1) == 1


def test_trails_are_packed_and_outlive_a_killed_guard_with_the_bans(started, tmp_path):
    started.ok("arm")
    put_list(started, tmp_path, started.others[0], "2001:db8:ffff::/48")
    assert trails_of(started)["engine"] == "packed"
    assert "engine packed" in started.ok("status")
    assert drops(started)
    started.ok("ban", started.attacker, "--for", "1h")
    started.kill_all()
    assert drops(started) and started.ping(count=1) == 0
    started.start()
    started.wait(lambda: trails_of(started)["entries4"] == 1, 10, "the trails are known again")
    assert drops(started) and started.ping(count=1) == 0
    started.ok("unban", started.attacker)
    assert started.ping(count=1) == 1
    assert drops(started)


def test_a_kernel_that_refuses_packed_trails_gets_tries_and_status_says_so(lab, tmp_path):
    lab.start("--fake-refuse", "packed")
    lab.ok("arm")
    put_list(lab, tmp_path, lab.others[0])
    assert trails_of(lab)["engine"] == "lpm"
    assert "packed" in trails_of(lab)["engine_why"]
    assert drops(lab)


def test_the_engine_is_changed_by_a_reload_and_drops_go_on(tmp_path):
    with Lab(config="trails:\n  engine: lpm\n") as lab:
        lab.start()
        lab.ok("arm")
        put_list(lab, tmp_path, lab.others[0])
        assert trails_of(lab)["engine"] == "lpm"
        assert drops(lab)
        for engine in ("packed", "lpm"):
            lab.write_config(f"trails:\n  engine: {engine}\n")
            lab.daemon.send_signal(signal.SIGHUP)
            lab.wait(lambda e=engine: lab.cli("status")[0] in (0, 6) and trails_of(lab)["engine"] == e, 15,
                     f"the engine is {engine}")
            assert drops(lab)
