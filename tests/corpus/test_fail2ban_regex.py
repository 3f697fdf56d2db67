# SPDX-License-Identifier: GPL-3.0-or-later
"""Line for line what fail2ban-regex makes of a log: Debian's own program judges, over lines that the corpus never had.

Every filter of Debian's over its own lines with dates, hosts and bytes changed, and filters written here for each thing
that a filter can say. The program is read where apt puts it and run in this process; a line that it crashes on has no
answer, and is left out.
"""
import ipaddress
import json
import logging
import os
import random
import re
import sys
import time

import pytest

import debs
import test_fail2ban as corpus

ADDRESS = re.compile(r"(?<![\w.:])(\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4})(?![\w.])")
HOSTS = ("192.0.2.7", "2001:db8::1", "[2001:db8::1]", "::ffff:192.0.2.7", "[::ffff:192.0.2.9]", "host.example.com", "192.0.2.777", "192.0.2.0/24",
         "2001:db8::/64", "localhost", "1.2.3", "a_b.example", "fe80::1%eth0", "::1", "[192.0.2.1]", "192.0.2.1:80", "-bad.example", "x", "192.0.2.1.",
         "2001:db8::1:80", "192.0.2.7,", "xn--1.example", "(192.0.2.7)", "<192.0.2.7>")
ZONES = ((1124013600, corpus.ZONE), (1767227400, "America/New_York"), (1767227400, "Asia/Tokyo"), (1774752000, "Europe/Berlin"),
         (1792900000, "Europe/Berlin"), (1709210000, "Asia/Kolkata"))  # new year here and there, both changes of the clock, 29 February
DIFFER = {}  # (what, filter) -> why it may


def forms(moment):
    """name -> the moment as some log has it."""
    def local(form):
        return time.strftime(form, time.localtime(moment))

    def utc(form):
        return time.strftime(form, time.gmtime(moment))
    zone = local("%z")
    return {
        "syslog": local("%b %e %H:%M:%S"), "syslog-us": local("%b %e %H:%M:%S.123456"), "asctime": local("%a %b %e %H:%M:%S %Y"),
        "apache": local("%a %b %d %H:%M:%S.001234 %Y"), "iso": local("%Y-%m-%dT%H:%M:%S"), "iso-utc": utc("%Y-%m-%dT%H:%M:%SZ"),
        "iso-us": local("%Y-%m-%dT%H:%M:%S.123456") + zone[:3] + ":" + zone[3:], "iso-blank": local("%Y-%m-%d %H:%M:%S"),
        "iso-comma": local("%Y-%m-%d %H:%M:%S,123"), "iso-offset": local("%Y-%m-%d %H:%M:%S ") + zone, "slashes": local("%Y/%m/%d %H:%M:%S"),
        "dots": local("%Y.%m.%d %H:%M:%S"), "basic": local("%Y%m%dT%H%M%S"), "basic-blank": local("%Y%m%d %H%M%S"), "basic-utc": utc("%Y%m%dT%H%M%SZ"),
        "clf": local("%d/%b/%Y:%H:%M:%S ") + zone, "clf-brackets": "[" + local("%d/%b/%Y:%H:%M:%S ") + zone + "]", "named": local("%d-%b-%Y %H:%M:%S.123"),
        "day-first": local("%d/%m/%Y %H:%M:%S"), "day-first-2": local("%d/%m/%y %H:%M:%S"), "month-first": local("%m/%d/%Y:%H:%M:%S"),
        "month-first-ms": local("%m-%d-%Y %H:%M:%S.000"), "epoch": str(moment), "epoch-ms": f"{moment}.123", "epoch-brackets": f"[{moment}]",
        "time": local("%H:%M:%S"), "angles": "<" + local("%m/%d/%y@%H:%M:%S") + ">", "mysql": local("%y%m%d %H:%M:%S"),
        "java": local("%b %d, %Y %I:%M:%S %p"), "assp": local("%b-%d-%y %H:%M:%S"), "tai": f"@{((0x4000000000000000 + moment) << 32) | 500:024x}",
        "zone-first": "UTC " + utc("%b %e %H:%M:%S"), "none": "", "upper": local("%a %b %e %H:%M:%S").upper(), "no-day": "Feb 31 10:00:00",
        "no-month": "2005-13-40T10:00:00", "no-day-iso": "2005-02-30 10:00:00", "small-t": local("%Y-%m-%dt%H:%M:%S"), "last-century": local("1999-%m-%d %H:%M:%S"),
        "mail": local("%a, %d %b %Y %H:%M:%S ") + zone, "no-seconds": local("%Y-%m-%d %H:%M"), "rfc5424": "1 " + utc("%Y-%m-%dT%H:%M:%S.123Z"),
        "priority": "<38>" + local("%b %e %H:%M:%S"), "priority-5424": "<38>1 " + utc("%Y-%m-%dT%H:%M:%S.123Z"), "audit": f"type=USER msg=audit({moment}.123:44):",
        "zone-name": local("%Y-%m-%d %H:%M:%S CEST"), "offset-hour": local("%Y-%m-%dT%H:%M:%S+02"), "year-after": local("%b %d %Y %H:%M:%S"),
        "ahead": time.strftime("%b %e %H:%M:%S", time.localtime(moment + 8 * 86400)), "ahead-time": time.strftime("%H:%M:%S", time.localtime(moment + 93600)),
    }


def junk(r, line):
    at = r.randrange(len(line) + 1)
    return line[:at] + r.choice(("\t", "é", "\x01", '"', "'", "[", "]", ":", " from 203.0.113.9 ", "日本", "  ", "%", "\\", "ß")) + line[at:]


BYTES = {
    "cut": lambda r, s: s[:r.randrange(len(s) + 1)], "byte less": lambda r, s: (lambda k: s[:k] + s[k + 1:])(r.randrange(len(s))),
    "junk": junk, "blank": lambda _, s: s + " ", "blank before": lambda _, s: " " + s, "upper": lambda _, s: s.upper(), "lower": lambda _, s: s.lower(),
    "tail": lambda _, s: s + " from 203.0.113.9", "crlf": lambda _, s: s + "\r",
    "words": lambda r, s: re.sub(r"\b\w+\b", lambda m: m[0] if r.random() < .9 else "Müller", s),
}

TAGS = ("<HOST>", "<ADDR>", "<IP4>", "<IP6>", "<DNS>", "<SUBNET>", r"<F-ID>\S+</F-ID>", r"<F-USER>\w+</F-USER>@<HOST>", r"(?P<host>\S+)",
        "<IP4>/<CIDR>", r"<F-DNS>\S+</F-DNS>", r"<HOST>/<F-ANY>\d+</F-ANY>", r"<F-USER>[^@]*</F-USER>@<F-ALT_USER>\w*</F-ALT_USER>@<HOST>")
AROUND = ("^bad %s$", "bad %s", r"^bad %s(?: port \d+)?\s*$", r"^bad %s\b", "bad .*%s", r"^bad \[?%s\]?(?::\d+)?$")
PATTERNS = ("{^LN-BEG}", "{NONE}", "^%%Y-%%m-%%d %%H:%%M:%%S", "{DEFAULT}", "%%b %%d %%H:%%M:%%S", "^EPOCH", "EPOCH", "LEPOCH", "{EPOCH}", r"^\[{EPOCH}\]",
            r"^\[{LEPOCH}\]", "{DATE}", "^{DATE}", r"^\[{DATE}\]", r"^<\d+>{DATE}", r"^<\d+>\d+\s+{DATE}", "%%d/%%b/%%Y:%%H:%%M:%%S %%z",
            r"^[^\[]*\[(%%d/%%b/%%Y:%%H:%%M:%%S)", "TAI64N", "%%H:%%M:%%S", "%%Y-%%m-%%d", "%%d.%%m.%%Y %%H:%%M", "**%%Y%%m%%d",
            "{UNB}^%%ExY%%Exm%%Exd%%ExH%%ExM%%ExS", "%%ExY-%%Exm-%%Exd %%Exk:%%ExM", "%%j %%Y", "%%I:%%M:%%S %%p %%d %%b %%Y",
            r"^%%Y-%%m-%%d %%H:%%M:%%S(?:,%%f)?(?:\s*%%z)?", "%%Y-%%m-%%d %%H:%%M:%%S\n  {^LN-BEG}", "%%A %%d %%B %%Y %%H:%%M:%%S",
            "%%Y-%%m-%%d %%H:%%M:%%S %%Exz", "%%Y-%%m-%%d %%H:%%M:%%S %%ExZ", "%%y%%m%%d %%H:%%M:%%S", "%%k:%%M", "%%Y-%%m-%%d %%H:%%M:%%S$",
            r"\[%%Y\]", "%%d %%b %%y %%l:%%M %%p", "(?:%%a )?%%b %%d %%Y")


def odd_dates(moment):
    t = time.localtime(moment)
    return [f"[{time.strftime('%Y-%m-%d %H:%M:%S', t)}]", f"{moment}123", f"[{moment}123456]", time.strftime("%d.%m.%Y %H:%M", t), time.strftime("%Y%m%d%H%M%S", t),
            time.strftime("%j %Y", t), time.strftime("%I:%M:%S %p %d %b %Y", t), time.strftime("%A %d %B %Y %H:%M:%S", t),
            time.strftime("%Y-%m-%d %H:%M:%S UTC+02:00", t), time.strftime("%d %b %y %I:%M %p", t), time.strftime("%a %b %d %Y", t), time.strftime("[%Y]", t),
            "2004-02-29 10:00:00", "2005-02-29 10:00:00", "2005-06-30 23:59:60", "2005-03-27 02:30:00", "2004-10-31 02:30:00", "2000-01-01 00:00:00",
            "Dec 31 23:59:59", "Jan  1 00:00:00", "Feb 29 10:00:00"]


# name -> (files beside it, its text, options, lines)
FEATURES = {
    "skiplines": ({}, "[Init]\nmaxlines = 3\n[Definition]\nfailregex = ^start (?P<id>\\w+)<SKIPLINES>^fail (?P=id) from <HOST>$\n", [{}],
                  ["start a1", "other", "fail a1 from 192.0.2.7", "start b", "fail c from 192.0.2.8", "fail b from 192.0.2.9", "start x", "1", "2", "3",
                   "fail x from 192.0.2.1", "start a1", "start a2", "fail a1 from 192.0.2.2", "fail a2 from 192.0.2.3"]),
    "lines-ignored": ({}, "[Definition]\nmaxlines = 2\nfailregex = ^a <HOST><SKIPLINES>b$\nignoreregex = ^a 192.0.2.7\n", [{}],
                      ["a 192.0.2.7", "b", "a 192.0.2.8", "b", "b", "a 192.0.2.9", "a 192.0.2.10", "b"]),
    "content": ({}, "[Definition]\nprefregex = ^app: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^fail <HOST>$\n  ^user <F-USER>.*</F-USER> from <HOST>$\n"
                "ignoreregex = fail 192.0.2.8\n", [{}],
                ["app: fail 192.0.2.7", "app: fail 192.0.2.8", "x app: fail 192.0.2.7", "app: user a b from 192.0.2.7", "app: user  from 192.0.2.7"]),
    "connections": ({}, "[Definition]\nprefregex = ^app\\[<F-MLFID>\\d+</F-MLFID>\\]: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^conn <HOST>$\n"
                    "  ^<F-NOFAIL>open</F-NOFAIL> <HOST>$\n  ^fail for <F-USER>\\w+</F-USER>$\n  ^<F-MLFFORGET>close</F-MLFFORGET>$\n"
                    "  ^<F-MLFGAINED>ok</F-MLFGAINED> <F-USER>\\w+</F-USER>$\n", [{}],
                    [f"app[{n}]: {text}" for n, text in (
                        (1, "open 192.0.2.7"), (1, "fail for anna"), (1, "fail for anna"), (1, "close"), (1, "fail for bob"), (2, "fail for eve"),
                        (2, "open 192.0.2.8"), (2, "fail for eve"), (2, "ok eve"), (2, "close"), (3, "open 192.0.2.9"), (3, "ok anna"), (3, "close"),
                        (4, "open 192.0.2.10"), (4, "fail for anna"), (4, "ok bob"), (4, "close"), (5, "conn 192.0.2.11"), (5, "fail for x"))]),
    "includes": ({"before.conf": "[DEFAULT]\n_d = none\n_pre = \\S+ %(_d)s(?:\\[\\d+\\])?:\n_post =\n", "after.conf": "[Definition]\n_post = (?: end)?\n"},
                 "[INCLUDES]\nbefore = before.conf\nafter = after.conf\n[Definition]\n_d = thing\nfailregex = ^%(_pre)s bad <HOST>%(_post)s$\n", [{}, {"_d": "other"}],
                 ["host thing: bad 192.0.2.7 end", "host thing[1]: bad 192.0.2.7", "thing: bad 192.0.2.7 end", "host other: bad 192.0.2.7"]),
    "local": ({"local.local": "[Definition]\nfailregex = %(known/failregex)s\n   ^two <HOST>$\n"}, "[Definition]\nfailregex = ^one <HOST>$\n", [{}],
              ["one 192.0.2.7", "two 192.0.2.7", "three 192.0.2.7"]),
    "modes": ({}, "[Definition]\nfailregex = <mode-<mode>>\nmode = normal\nmode-normal = ^n <HOST>$\nmode-hard = %(mode-normal)s\n    ^h <HOST>$\n", [{}, {"mode": "hard"}],
              ["n 192.0.2.7", "h 192.0.2.7"]),
    "ignored": ({}, "[Definition]\nfailregex = ^a <HOST>\n  ^b <HOST>\n  ^c <HOST>\n  ^d <HOST>\nignoreregex = ok$\n   ^b\n", [{}],
                ["a 192.0.2.7", "a 192.0.2.7 ok", "b 192.0.2.7", "zz ok", "d 192.0.2.7 ok ", "c 192.0.2.7 OK"]),
    "flags": ({}, "[Definition]\nfailregex = (?i)^bad <HOST>$\n  ^x(?i:abc) <HOST>$\n  ^y{,2} <HOST>\\Z\n  ^(?:(?:z)) <HOST>(?# comment)$\n", [{}],
              ["BAD 192.0.2.7", "xABC 192.0.2.7", "yy 192.0.2.7", "yyy 192.0.2.7", "z 192.0.2.7"]),
    "comments": ({}, "# c\n[Definition]\n; c2\nfailregex = ^a <HOST>$ ; not one\n   # comment in list\n   ^b <HOST>$\n\n   ^c <HOST>$\n# end\nignoreregex =\n", [{}],
                 ["a 192.0.2.7", "a 192.0.2.7 ; not one", "b 192.0.2.7", "c 192.0.2.7"]),
    "users": ({}, "[Definition]\nfailregex = ^login <F-USER>\\w.*?</F-USER>(?: as <F-ALT_USER>\\S+</F-ALT_USER>)? from <HOST>(?: port <F-PORT>\\d+</F-PORT>)?$\n", [{}],
              ["login anna from 192.0.2.7", "login anna as bob from 192.0.2.7 port 22", "login a from 1.1.1.1 from 192.0.2.7", "login ü from 192.0.2.7",
               "login ユーザー from 192.0.2.7", "login x y from host.example", "login \x00 from 192.0.2.7"]),
    "either": ({}, "[Definition]\nfailregex = ^(?:a <HOST>|b <F-USER>\\w+</F-USER> <ADDR>|c <IP4> <IP6>)$\n", [{}],
               ["a 192.0.2.7", "b x 192.0.2.8", "b x 2001:db8::1", "c 192.0.2.9 2001:db8::9", "a host.example"]),
}


class Judge:
    """fail2ban-regex with a filter, its clock standing still."""

    def __init__(self, program, clock, path, options):
        spec = path + ("[" + ",".join(f'{k}="{v}"' for k, v in options.items()) + "]" if options else "")
        given, _ = program.get_opt_parser().parse_args(["--raw", "-o", "row", "-c", os.path.dirname(os.path.dirname(path))])
        self.regex = program.Fail2banRegex(given)
        clock.setAlternateNow(corpus.NOW)
        clock.setTime(corpus.NOW)
        self.regex.output = lambda *_: None
        assert self.regex.readRegex(spec, "fail"), spec

    def date_span(self, line):
        m = self.regex._filter.dateDetector.matchTime(line)[0]
        return (m.start(1), m.end(1)) if m and m.end(1) > m.start(1) else (0, 0)

    def line(self, line):
        """None when it crashed."""
        self.regex._lineIgnored = False
        try:
            found = self.regex._filter.processLine(line.rstrip("\r\n"))
        except Exception:  # its own: a KeyError for a word that is no time zone
            return None
        first = next((m for m in found if not m[3].get("nofail")), None)
        if not first:
            return {"matched": False, "ignored": bool(self.regex._lineIgnored)}
        return {"matched": True, "ignored": False, "host": str(first[3].get("ip", first[1])), "time": first[2], "user": first[3].get("user"), "rule": first[0] + 1}


def same_host(text):
    """fail2ban writes addresses its own way; we leave them as the line has them."""
    try:
        net = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    if net.num_addresses > 1:
        return str(net)
    return str(getattr(net.network_address, "ipv4_mapped", None) or net.network_address)


def differs(want, got):
    if want["matched"] != got["matched"] or want["ignored"] != got["ignored"]:
        return f"matched {got['matched']}, ignored {got['ignored']}, not {want['matched']}, {want['ignored']}"
    if not want["matched"]:
        return None
    if same_host(want["host"]) != same_host(got["host"]):
        return f"host {got['host']!r}, not {want['host']!r}"
    if want["user"] != got["user"]:
        return f"user {got['user']!r}, not {want['user']!r}"
    if want["time"] is not None and abs(want["time"] - (got["time"] or 0)) > 0.0011:
        return f"time {got['time']}, not {want['time']}"
    return None if got["rule"].endswith(f":{want['rule']}") else f"rule {got['rule']}, not {want['rule']}"


class Comparison:
    def __init__(self, program, clock):
        self.program, self.clock = program, clock
        self.lines, self.wrong = 0, []

    def judge(self, path, options):
        return Judge(self.program, self.clock, path, options)

    def compare(self, what, path, options, lines):
        try:
            judge = self.judge(path, options)
        except Exception:  # what it cannot compile, we refuse as well
            with pytest.raises(AssertionError, match="exit 5"):
                corpus.run(path, options, lines)
            self.lines += len(lines)
            return
        want = [judge.line(line) for line in lines]
        got = corpus.run(path, options, lines)
        assert len(got) == len(lines), f"{what} {path}: {len(lines)} lines in, {len(got)} out"
        for line, w, g in zip(lines, want, got):
            why = w and differs(w, g)
            self.lines += 1
            if why and (what, os.path.basename(path)) not in DIFFER:
                self.wrong.append(f"{what} {os.path.basename(path)}{json.dumps(options)}: {why}\n    {line[:300]!r}")

    def end(self, capfd, title, least):
        with capfd.disabled():
            print(f"\nfigure: beside fail2ban-regex, {title}: {self.lines} lines, {len(self.wrong)} differ")
        assert self.lines >= least
        assert not self.wrong, f"{len(self.wrong)} differ:\n" + "\n".join(self.wrong[:40])


@pytest.fixture(scope="module")
def fail2ban():
    root, why = debs.unpacked("fail2ban")
    if not root:
        pytest.skip(why)
    sys.path.insert(0, os.path.join(root, "usr/lib/python3/dist-packages"))
    from fail2ban.client import fail2banregex  # noqa: E402
    from fail2ban.server.mytime import MyTime  # noqa: E402
    logging.getLogger("fail2ban").setLevel(logging.CRITICAL)
    yield root, fail2banregex, MyTime
    MyTime.setAlternateNow(None)
    MyTime.setTime(None)
    sys.path.pop(0)


@pytest.fixture
def beside(fail2ban):
    return Comparison(fail2ban[1], fail2ban[2])


@pytest.fixture(autouse=True)
def clock_and_zone(monkeypatch):
    """Those of the corpus; set_zone changes them."""
    monkeypatch.setenv("TZ", corpus.ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def set_zone(monkeypatch, now, zone):
    monkeypatch.setattr(corpus, "NOW", now)
    monkeypatch.setattr(corpus, "ZONE", zone)
    monkeypatch.setenv("TZ", zone)
    time.tzset()


def samples(fail2ban, beside, r, most):
    """(path, options, [(line, where its date is)]) of each filter that Debian has and its corpus knows."""
    root = fail2ban[0]
    logs = os.path.join(root, "usr/lib/python3/dist-packages/fail2ban/tests/files/logs")
    for name in sorted(os.listdir(logs)):
        path = os.path.join(root, "etc/fail2ban/filter.d", name + ".conf")
        if not os.path.exists(path):
            continue
        for cases in corpus.cases_of(name, logs).values():
            lines = [c.line for c in cases if c.line]
            lines = lines if len(lines) <= most else [lines[i] for i in sorted(r.sample(range(len(lines)), most))]
            judge = beside.judge(path, cases[0].options)
            yield path, cases[0].options, [(line, judge.date_span(line)) for line in lines]


def with_date(line, span, text):
    return line[:span[0]] + text + line[span[1]:] if span[1] else f"{text} {line}"


def with_host(line, span, host):
    return line[:span[1]] + ADDRESS.sub(lambda _: host, line[span[1]:])


def test_debians_filters_over_other_dates(fail2ban, beside, capfd):
    r = random.Random(1)
    dates = forms(corpus.NOW - 3 * 86400 - 4000)
    for path, options, lines in samples(fail2ban, beside, r, 6):
        for name in r.sample(sorted(dates), 3):
            beside.compare(f"date {name}", path, options, [with_date(line, span, dates[name]) for line, span in lines])
    beside.end(capfd, "other dates", 1500)


def test_debians_filters_over_other_hosts_and_bytes(fail2ban, beside, capfd):
    r = random.Random(2)
    for path, options, lines in samples(fail2ban, beside, r, 8):
        for host in r.sample(HOSTS, 2):
            beside.compare(f"host {host}", path, options, [with_host(line, span, host) for line, span in lines])
        for name in r.sample(sorted(BYTES), 2):
            beside.compare(f"bytes {name}", path, options, [BYTES[name](r, line) for line, _ in lines])
    beside.end(capfd, "other hosts and bytes", 2000)


@pytest.mark.parametrize("now, zone", ZONES)
def test_times_in_every_zone_at_the_turns_of_clock_and_year(fail2ban, beside, monkeypatch, capfd, now, zone):
    set_zone(monkeypatch, now, zone)
    path = os.path.join(fail2ban[0], "etc/fail2ban/filter.d/sshd.conf")
    line = "server sshd[12]: Failed password for invalid user x from 192.0.2.7 port 22 ssh2"
    backs = [forms(now - back) for back in (366 * 86400, 200 * 86400, 90000, 86400, 4000, 0)]
    for name in backs[0]:
        beside.compare(f"date {name}", path, {}, [f"{dates[name]} {line}" for dates in backs])
    beside.end(capfd, zone, 250)


def test_every_tag_over_every_form_of_host(beside, tmp_path, capfd):
    (tmp_path / "filter.d").mkdir()
    lines = [f"2005-08-13 11:00:00 bad {before}{h}{after}" for h in HOSTS for before, after in (("", ""), ("anna@", ""), ("Müller@bob@", " port 22"), ("x 198.51.100.1 ", ""))]
    for i, tag in enumerate(TAGS):
        for k, around in enumerate(AROUND):
            path = tmp_path / f"filter.d/t{i}-{k}.conf"
            path.write_text("[Definition]\nfailregex = " + around % tag + "\n")
            beside.compare(f"{around % tag}", str(path), {}, lines)
    beside.end(capfd, "tags", 7000)


def test_every_kind_of_date_pattern(beside, tmp_path, capfd):
    (tmp_path / "filter.d").mkdir()
    moment = corpus.NOW - 90000
    dates = [*forms(moment).values(), *odd_dates(moment)]
    for i, pattern in enumerate(PATTERNS):
        path = tmp_path / f"filter.d/d{i}.conf"
        path.write_text(f"[Definition]\nfailregex = bad <HOST>$\n  ^\\s*\\[?\\]?\\s*worse <HOST>$\ndatepattern = {pattern}\n")
        for date in dates[i % 9::9]:
            beside.compare(f"{pattern} {date}", str(path), {}, [f"{date} bad 192.0.2.7", f"{date} worse 192.0.2.8", f"host {date} bad 192.0.2.9", "bad 192.0.2.7"])
    beside.end(capfd, "date patterns", 900)


@pytest.mark.parametrize("name", FEATURES)
def test_what_a_filter_can_say(beside, tmp_path, capfd, name):
    files, text, options, lines = FEATURES[name]
    (tmp_path / "filter.d").mkdir()
    for file, content in {**files, name + ".conf": text}.items():
        (tmp_path / "filter.d" / file).write_text(content)
    for date in ("", "Aug 13 11:00:00 ", "2005-08-13T11:00:00 "):
        for given in options:
            beside.compare(name, str(tmp_path / f"filter.d/{name}.conf"), given, [date + line for line in lines])
    beside.end(capfd, name, 5)
