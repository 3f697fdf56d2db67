# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: what `sockwarden report` prints, and the mail of its schedule, by a sendmail program that is ours."""
import datetime
import os
import sqlite3
import time

from lab import ROOT


def sendmail(lab):
    """A program that keeps each mail in a file of its own; the directory."""
    box = os.path.join(lab.dir, "box")
    os.mkdir(box)
    os.chmod(box, 0o777)
    path = os.path.join(lab.dir, "sendmail")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\ncat > {box}/.$$\nmv {box}/.$$ {box}/$$\n")
    os.chmod(path, 0o755)
    return box, path


def mails(box):
    texts = []
    for name in sorted(os.listdir(box)):
        if not name.startswith("."):
            with open(os.path.join(box, name), encoding="ascii") as f:
                texts.append(f.read().replace("=\n", ""))
    return texts


def reports(box):
    return [m for m in mails(box) if ": report: " in m]


def last_report_was(lab, wall):
    """The daemon is stopped: its last report was then."""
    with sqlite3.connect(os.path.join(lab.state_dir, "sockwarden.db")) as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES('report', ?)", (f"{wall} 0",))
    db.close()


def new_listener(lab):
    """Sockets of other tests' namespaces come and go beside ours."""
    return [c for c in lab.cli_json("report")["changes"] if c["text"].startswith("tcp/0.0.0.0:8081 is new")]


def test_the_report_tells_what_differs_and_what_came(started):
    started.wait(lambda: started.cli_json("status")["inventory"]["complete"], 20, "the first inventory is complete")
    started.listen(8081)
    started.ok("ban", started.attacker, "--for", "1h", "--reason", "a\x1b[2Jb")
    started.wait(lambda: new_listener(started), 10, "the new listener")
    text = started.ok("report", "--since", "1h")
    assert "  network\n" in text and "new                tcp/0.0.0.0:8081 is new" in text and "\x1b" not in text, text
    assert "Bans: 1 made since, 1 in force.\n" in text and started.attacker in text, text
    assert "is new" in text[text.index("Findings: "):], text
    d = started.cli_json("report")
    assert d["bans"][0]["net"] == started.attacker, d
    assert d["complete"] and d["findings"] and d["text"].startswith("sockwarden on "), d


def test_a_report_that_is_due_is_mailed(lab):
    box, path = sendmail(lab)
    lab.write_config("alerts:\n  mail:\n    to: root@lab\n    min_severity: critical\n"
                     f"    sendmail: {path}\n  report:\n    schedule: daily\n")
    lab.start()
    lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 20, "the first inventory is complete")
    assert reports(box) == []  # the first one comes when the schedule says so
    lab.listen(8081)
    lab.wait(lambda: new_listener(lab), 10, "the new listener")
    lab.stop()
    began = int(time.time())
    last_report_was(lab, began - 2 * 86400)
    lab.start()
    lab.wait(lambda: reports(box), 60, "the report that fell into the time without a daemon")
    assert "tcp/0.0.0.0:8081 is new" in reports(box)[0] and "Subject: [sockwarden] " in reports(box)[0]
    since = datetime.datetime.fromisoformat(lab.cli_json("report")["since"].replace("Z", "+00:00"))
    assert since.timestamp() >= began


RULE = """rules:
  - name: own
    about: a service of the test's own
    files: ["/var/log/own.log"]
    threshold: 3 in 10m
    action: ban
    match: ['^\\s*denied <F-USER>\\S*</F-USER> from <ADDR>$']
"""


def test_a_bans_mail_holds_its_lines_and_whois_and_so_does_why(lab):
    box, path = sendmail(lab)
    whois = os.path.join(lab.dir, "whois")
    with open(whois, "w", encoding="ascii") as f:
        f.write('#!/bin/sh\nprintf "inetnum: 193.0.0.0 - 193.0.7.255\\nnetname: RIPE-NCC\\nasked: $1\\n"\n')
    os.chmod(whois, 0o755)
    lab.write_config(f"alerts:\n  mail:\n    to: root@lab\n    throttle: 1s\n    sendmail: {path}\n    whois: true\n    whois_program: {whois}\n")
    os.mkdir(os.path.join(lab.dir, "rules.d"), 0o755)
    with open(os.path.join(lab.dir, "rules.d", "own.yaml"), "w", encoding="utf-8") as f:
        f.write(RULE)
    lab.on_host("mount", "-t", "tmpfs", "tmpfs", "/var/log", check=True)
    lab.on_host("sh", "-c", "> /var/log/own.log", check=True)
    lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
    at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    lines = "".join(f"{at} denied u{n}\033[2J from {a}\n" for a in ("193.0.6.139", "10.1.1.1") for n in range(3))
    lab.on_host("sh", "-c", "cat >> /var/log/own.log", input=lines, check=True)
    mail = lab.wait(lambda: [m for m in mails(box) if "    whois:" in m], 60, "a mail with whois")[0].replace("=3D", "=")
    known = mail[mail.index("\n  193.0.6.139\n"):]
    assert f"    {at} denied u2\\x1b[2J from 193.0.6.139\n" in known, mail
    assert "    whois:\n    inetnum: 193.0.0.0 - 193.0.7.255\n    netname: RIPE-NCC\n" in known and "asked" not in mail, mail
    assert mail.count("whois:") == 1 and "\033" not in mail, mail
    assert "whois: inetnum: 193.0.0.0 - 193.0.7.255; netname: RIPE-NCC" in lab.cli("why", "193.0.1.2")[1]
