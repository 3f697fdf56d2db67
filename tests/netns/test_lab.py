# SPDX-License-Identifier: GPL-3.0-or-later
"""The laboratory itself: what every other namespace test stands on."""
import os
import subprocess

import pytest
from lab import Lab


def test_the_attacker_reaches_the_host_over_both_families(lab):
    assert lab.ping() == 3
    assert lab.ping(target=lab.host6) == 3
    port, _, _ = lab.listen()
    assert lab.connect(port) == {port: "open"}


def test_unbound_clients_come_from_the_attacker_and_not_the_gateway(lab):
    r = lab.attack("ip", "route", "get", lab.host)
    assert f"src {lab.attacker} " in r.stdout


def test_the_host_has_a_bpffs_and_a_cgroup_of_its_own(lab):
    kind = lab.on_host("stat", "-f", "-c", "%T", "/sys/fs/bpf", "/sys/fs/cgroup").stdout.split()
    assert kind == ["bpf_fs", "cgroup2fs"]
    assert lab.on_host("ls", "/sys/class/net").stdout.split() == ["eth0", "lo"]


def test_a_lab_leaves_nothing_behind_even_when_its_test_fails():
    with pytest.raises(ZeroDivisionError):
        with Lab(nets=2) as lab:
            lab.listen()
            lab.listen(kind="udp", address="::")
            mark, where = lab.mark, lab.dir
            raise ZeroDivisionError
    assert mark not in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not os.path.exists(where)
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        assert mark not in f.read()
