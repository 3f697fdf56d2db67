# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow mode beside Debian's fail2ban: both run and read the same log, and the difference is told with its reason."""
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from lab import ROOT, Lab

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
import debs  # noqa: E402

JAILS = """[DEFAULT]
backend = polling
banaction = nftables[type=allports]
maxretry = 5
findtime = 600
usedns = no
ignoreself = false
[sshd]
enabled = true
logpath = /var/log/auth.log
"""
BOTH, ALLOWED, ONLY_HERE = "198.19.1.1", "198.19.1.2", "198.19.1.3"


def start_fail2ban(lab, root):
    """fail2ban in the lab with its sshd jail alone; the path of its database."""
    conf, db, log = (os.path.join(lab.dir, name) for name in ("f2b", "f2b.sqlite3", "f2b.log"))
    shutil.copytree(os.path.join(root, "etc/fail2ban"), conf)
    shutil.rmtree(os.path.join(conf, "jail.d"))
    for name, text in (("jail.local", JAILS), ("fail2ban.local", f"[Definition]\ndbfile = {db}\n")):
        with open(os.path.join(conf, name), "w", encoding="utf-8") as f:
            f.write(text)
    lab.spawn("env", f"PYTHONPATH={root}/usr/lib/python3/dist-packages", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3",
              f"{root}/usr/bin/fail2ban-server", "-f", "-c", conf, "-s", f"{lab.dir}/f2b.sock", "-p", f"{lab.dir}/f2b.pid",
              "--logtarget", log, "start", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, in_cgroup=False)
    lab.wait(lambda: os.path.exists(log) and "Jail 'sshd' started" in open(log, encoding="utf-8").read(), 30, "fail2ban is up")
    return db


def append(lab, name, lines):
    lab.on_host("sh", "-c", f"cat >>/var/log/{name}", input="".join(line + "\n" for line in lines), check=True)


def test_the_difference_to_a_running_fail2ban_is_told_with_why():
    root, why = debs.unpacked("fail2ban")
    if not root:
        pytest.skip(why)
    with Lab(config=f"allow: [{ALLOWED}]\n") as lab:
        lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
        lab.on_host("touch", "/var/log/auth.log", "/var/log/vsftpd.log", check=True)
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        db = start_fail2ban(lab, root)
        stamp = time.strftime("%b %e %H:%M:%S")
        append(lab, "auth.log", [f"{stamp} lab sshd[7]: Failed password for root from {who} port {4000 + i} ssh2"
                                 for i in range(6) for who in (BOTH, ALLOWED)])
        append(lab, "vsftpd.log", [f'{time.strftime("%a %b %e %H:%M:%S %Y")} [pid 2] [anna] FAIL LOGIN: Client "{ONLY_HERE}"'] * 6)

        def compare():
            code, out, _ = lab.cli("shadow", "--db", db, "--since", "1h", "-j")
            rows = {(b["state"], b["net"].split("/")[0]): b for b in json.loads(out)["bans"]}
            return (code, rows) if len(rows) == 3 else None
        code, rows = lab.wait(compare, 40, "both have banned", every=0.3)
        assert code == 1
        assert set(rows) == {("same", BOTH), ("only-fail2ban", ALLOWED), ("only-here", ONLY_HERE)}
        assert "allow" in rows["only-fail2ban", ALLOWED]["why"]
        assert "vsftpd" in rows["only-here", ONLY_HERE]["why"]
        assert lab.ping(source=Lab.attacker) > 0
