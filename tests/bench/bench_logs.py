# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines a second of CPU time that the sshd filter of fail2ban takes from an auth log: here, in fail2ban, in sshguard.

The log is made anew from a fixed seed, as of a host that is tried all day: of 100 lines 40 are of attacks, the others
of cron, sudo, systemd and logins that are well. All three read the same file; fail2ban, which is slow, its beginning.
What fail2ban finds there, line by line, is what we must find: that is the exactness the exit status tells of.
"""
import json
import os
import random
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import debs  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLI = os.path.join(os.environ.get("SW_BUILD", os.path.join(ROOT, "build")), "sockwarden")
RULES = os.path.join(ROOT, "feeds", "rules")
LINES, SAMPLE, ROUNDS, GOAL, EVERY_GOAL = 340000, 20000, 3, 3e6, 1e6
USERS = ("root", "admin", "oracle", "test", "ubuntu", "git", "postgres", "user1")


def story(rnd, pid):
    """Lines of one happening, each (program, text)."""
    addr = f"198.{rnd.choice((18, 19))}.{rnd.randrange(256)}.{rnd.randrange(1, 255)}"
    user, port, kind = rnd.choice(USERS), rnd.randrange(1024, 65536), rnd.random()
    ssh = f"sshd[{pid}]"
    if kind < 0.10:
        yield ssh, f"Invalid user {user} from {addr} port {port}"
        yield ssh, f"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={addr} "
        yield ssh, f"Failed password for invalid user {user} from {addr} port {port} ssh2"
        yield ssh, f"Received disconnect from {addr} port {port}:11: Bye Bye [preauth]"
        yield ssh, f"Disconnected from invalid user {user} {addr} port {port} [preauth]"
    elif kind < 0.20:
        yield ssh, f"Failed password for {user} from {addr} port {port} ssh2"
        yield ssh, f"Connection closed by authenticating user {user} {addr} port {port} [preauth]"
    elif kind < 0.28:
        yield ssh, f"Accepted publickey for deploy from 198.18.0.9 port {port} ssh2: ED25519 SHA256:{rnd.randbytes(16).hex()}"
        yield ssh, "pam_unix(sshd:session): session opened for user deploy(uid=1001) by (uid=0)"
        yield "systemd-logind[702]", f"New session {pid} of user deploy."
        yield ssh, "pam_unix(sshd:session): session closed for user deploy"
    elif kind < 0.75:
        yield f"CRON[{pid}]", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
        yield f"CRON[{pid}]", "pam_unix(cron:session): session closed for user root"
    else:
        yield "sudo", "   deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl status app.service"


def write_log(path):
    rnd, n, second, pid = random.Random(1), 0, 0, 1000
    with open(path, "w", encoding="ascii") as f:
        while n < LINES:
            pid += 1
            second += rnd.randrange(3)
            stamp = f"Aug {1 + second // 86400 % 13:2d} {second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            for program, text in story(rnd, 1000 + pid % 30000):
                f.write(f"{stamp} gateway {program}: {text}\n")
                n += 1
    return n


def cpu(argv, stdin=None, env=None):
    """(seconds of CPU, standard output)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(stdin or os.devnull, "rb") as f:
        p = subprocess.run(argv, stdin=f, capture_output=True, env={**os.environ, **(env or {})}, timeout=300, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode not in (0, 1, 255):
        sys.exit(f"{argv[0]}: exit {p.returncode}: {p.stderr.decode(errors='replace')[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, p.stdout.decode(errors="replace")


def best(argv, lines, **kw):
    return lines / min(cpu(argv, **kw)[0] for _ in range(ROUNDS))


def head(path, to, lines):
    with open(path, encoding="ascii") as f, open(to, "w", encoding="ascii") as out:
        for _ in range(lines):
            out.write(next(f))


def figure(case, value, peer=None, peer_value=None, goal=None):
    row = {"bench": "logs", "case": case, "value": round(value), "unit": "lines/s of CPU"}
    if peer:
        row.update(peer=peer, peer_value=round(peer_value), ratio=round(value / peer_value, 2))
    if goal:
        row.update(goal=goal, met=value >= goal)
    print(json.dumps(row), flush=True)


def main():
    root, why = debs.unpacked("fail2ban")
    if not root:
        print(f"skipped: {why}")
        sys.exit(1)
    conf = os.path.join(root, "etc/fail2ban/filter.d/sshd.conf")
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="swlogs.") as d:
        log, sample, one = (os.path.join(d, n) for n in ("auth.log", "sample.log", "one.log"))
        lines = write_log(log)
        print(f"{os.path.getsize(log) / 1e6:.1f} MB, {lines} lines")
        head(log, sample, SAMPLE)
        head(log, one, 1)
        ours = best([CLI, "rules", "test", "--filter", conf, log], lines)

        f2b = [sys.executable, os.path.join(root, "usr/bin/fail2ban-regex"), "-o", "ip"]
        env = {"PYTHONPATH": os.path.join(root, "usr/lib/python3/dist-packages"), "PYTHONDONTWRITEBYTECODE": "1"}
        theirs, found = cpu([*f2b, sample, conf], env=env)
        start, _ = cpu([*f2b, one, conf], env=env)
        figure("sshd filter, auth log", ours, "fail2ban-regex", SAMPLE / (theirs - start), GOAL)
        every = best([CLI, "--rules-dir", RULES, "-c", os.path.join(d, "none.yaml"), "rules", "test", "--source", "/var/log/auth.log", log],
                     lines)
        figure("every packaged rule of an auth log", every, "fail2ban-regex, sshd alone", SAMPLE / (theirs - start), EVERY_GOAL)
        _, got = cpu([CLI, "rules", "test", "--filter", conf, "-o", "jsonl", sample])
        hosts = [o["host"] for o in map(json.loads, got.splitlines()) if o["matched"]]
        if hosts != found.split():
            wrong = 1
            print(f"WRONG: fail2ban finds {len(found.split())} failures, we {len(hosts)}, or others")

        guard, why = debs.unpacked("sshguard")
        if guard:
            parser = os.path.join(guard, "usr/libexec/sshguard/sshg-parser")
            figure("sshd filter, auth log, beside sshguard", ours, "sshg-parser", best([parser], lines, stdin=log))
        else:
            print(f"sshguard is left out: {why}")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
