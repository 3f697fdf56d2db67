# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's fail2ban corpus: a log for each filter, whose lines say before themselves what is to be made of them.

`# failJSON: {...}` tells of the next line whether it matches and whose failure it is; `filterOptions` begins lines
that go through the filter with these options, each set of them with a memory of its own; `addFILE` adds another log.
The package is read where apt puts it, and nothing of it is kept in this tree.
"""
import json
import os
import re
import subprocess
import time

import pytest

import debs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLI = os.path.join(ROOT, "build", "sockwarden")
BOTH_WAYS = os.path.join(ROOT, "build", "tests", "unit", "test_quick_rules")
NOW, ZONE = 1124013600, "CET-01CEST-02,M3.5.0,M10.5.0"
MARK = re.compile(r"^#+ ?(failJSON|(?:file|filter)Options|addFILE):(.+)$")
# (log, options, number of the line) -> why it is not as fail2ban has it. Under 1 % of all cases.
EXCEPTIONS = {}


class Case:
    def __init__(self, log, number, line, want, name, options):
        self.log, self.number, self.line, self.want, self.name, self.options = log, number, line, want, name, options

    def label(self):
        return f"{self.log}:{self.number} {self.name}{json.dumps(self.options) if self.options else ''}"


def holds(expression, name, options):
    """A condition of the corpus: Python over `name` and `opts`."""
    return bool(eval(expression, {"__builtins__": {}}, {"name": name, "opts": options}))  # the package's own words


def cases_of(name, logs):
    """{options as JSON: [Case]} of a filter."""
    out, files, common, done = {}, [name], {}, 0
    sets, is_left_out = [], False
    while done < len(files):
        log = files[done]
        done += 1
        sets, is_left_out, want = [] if done == 1 else sets, False, None
        with open(os.path.join(logs, log), encoding="utf-8", errors="surrogateescape", newline="\n") as f:
            lines = f.read().split("\n")
        for number, line in enumerate(lines, 1):
            mark = MARK.match(line)
            if mark and mark[1] == "failJSON":
                want = json.loads(mark[2])
            elif mark and mark[1] == "fileOptions":
                common = json.loads(mark[2])
            elif mark and mark[1] == "addFILE":
                files.append(json.loads(mark[2]))
            elif mark:
                sets, is_left_out = [], False
                said = json.loads(mark[2])
                for options in said if isinstance(said, list) else [said]:
                    options = {**common, **options}
                    if "test.condition" in options:
                        is_left_out = not holds(options["test.condition"], name, options)
                    if not is_left_out:
                        sets.append(options)
            elif want is None and (is_left_out or line.startswith("#") or not line.strip()):
                continue
            else:
                for options in [] if is_left_out else sets or [{}]:
                    if not (want or {}).get("constraint") or holds(want["constraint"], name, options):
                        prefix = options.get("test.prefix-line", "") if options.get("logtype") == "journal" else ""
                        given = {k: v for k, v in options.items() if not k.startswith("test.")}
                        out.setdefault(json.dumps(given), []).append(Case(log, number, prefix + line.rstrip("\r"), want, name, given))
                want = None
    return out


def run(path, options, lines):
    spec = path + ("[" + ",".join(f'{k}="{v}"' for k, v in options.items()) + "]" if options else "")
    p = subprocess.run([CLI, "rules", "test", "--filter", spec, "--time-zone", ZONE, "--now", str(NOW), "-o", "jsonl", "-"],
                       input="\n".join(lines).encode("utf-8", "surrogateescape") + b"\n", capture_output=True, timeout=60, check=False)
    assert p.returncode == 0, f"{spec}: exit {p.returncode}: {p.stderr.decode()}"
    return [json.loads(line) for line in p.stdout.decode().splitlines()]


def seconds(text):
    fields, _, rest = text.partition(".")
    return time.mktime(time.strptime(fields, "%Y-%m-%dT%H:%M:%S")) + (float("0." + rest) if rest else 0)


def wrong_with(case, got):
    """What is wrong: a sentence, or None."""
    want = case.want or {}
    if got["matched"] != want.get("match", False):
        return f"matched {got['matched']}, expected {want.get('match', False)}"
    expected = want.get("host", want.get("dns"))
    if got["matched"] and expected is not None and got["host"] != expected:
        return f"host {got['host']!r}, expected {expected!r}"
    return None


@pytest.fixture(scope="module")
def package():
    root, why = debs.unpacked("fail2ban")
    if not root:
        pytest.skip(why)
    return root


@pytest.fixture(scope="module")
def filters(package, tmp_path_factory):
    """name -> path of every filter that has a log. Those that fail2ban only tests with lie where their includes lead."""
    real = os.path.join(package, "etc/fail2ban/filter.d")
    tests = os.path.join(package, "usr/lib/python3/dist-packages/fail2ban/tests/config/filter.d")
    logs = os.path.join(package, "usr/lib/python3/dist-packages/fail2ban/tests/files/logs")
    top = tmp_path_factory.mktemp("filters")
    deep = top / "1/2/3/4/5/6/7"
    deep.mkdir(parents=True)
    (top / "config").mkdir()
    (top / "config/filter.d").symlink_to(real)
    out = {}
    for name in sorted(os.listdir(logs)):
        if os.path.exists(os.path.join(real, name + ".conf")):
            out[name] = os.path.join(real, name + ".conf")
        elif os.path.exists(os.path.join(tests, name + ".conf")):
            (deep / (name + ".conf")).symlink_to(os.path.join(tests, name + ".conf"))
            out[name] = str(deep / (name + ".conf"))
    return logs, out


@pytest.fixture(scope="module")
def zone():
    before = os.environ.get("TZ")
    os.environ["TZ"] = ZONE
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_every_case_of_the_corpus_matches_and_names_its_host(filters, zone, capfd):
    logs, paths = filters
    total = wrong_times = times = lines = 0
    wrong = []
    for name, path in paths.items():
        for cases in cases_of(name, logs).values():
            got = run(path, cases[0].options, [c.line for c in cases])
            assert len(got) == len(cases), f"{name}: {len(cases)} lines in, {len(got)} out"
            for case, result in zip(cases, got):
                lines += 1
                total += case.want is not None
                why = wrong_with(case, result)
                if why and (case.log, json.dumps(case.options), case.number) not in EXCEPTIONS:
                    wrong.append(f"{case.label()}: {why} (rule {result['rule']})\n    {case.line[:300]}")
                if not why and case.want and case.want.get("match") and case.want.get("time"):
                    times += 1
                    if result["time"] is None or abs(result["time"] - seconds(case.want["time"])) > 0.001:
                        wrong_times += 1
                        if os.environ.get("SW_CORPUS_TIMES"):
                            wrong.append(f"{case.label()}: time {result['time']}, expected {seconds(case.want['time'])}")
    with capfd.disabled():
        print(f"\nfigure: fail2ban corpus: {len(paths)} filters, {lines} lines, {total} cases, {len(wrong)} wrong, "
              f"{len(EXCEPTIONS)} excepted; of {times} times {wrong_times} wrong")
    assert total > 1000
    assert not wrong, "\n".join(wrong)
    assert len(EXCEPTIONS) < total / 100
    assert wrong_times == 0


def test_short_cuts_judge_every_line_as_the_plain_way_does(filters):
    """The corpus, each line also changed by chance in many ways, through both."""
    logs, paths = filters
    for name, path in paths.items():
        with open(os.path.join(logs, name), "rb") as log:
            p = subprocess.run([BOTH_WAYS, path], stdin=log, capture_output=True, timeout=120, check=False)
        assert p.returncode == 0 and b" compared, " in p.stdout, f"{name}: {(p.stdout + p.stderr).decode(errors='replace')}"
