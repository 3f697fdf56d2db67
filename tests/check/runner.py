#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds tests/run to its word, with programs that pass, fail, skip, crash, hang or are missing."""
import os
import shutil
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
XML = "<testsuites><testsuite name='t'>{}</testsuite></testsuites>"
OK, BAD = "<testcase name='works'/>", "<testcase name='breaks'><failure>no</failure></testcase>"
SKIPPED = "<testcase name='wants_more'><skipped/></testcase>"


def cmocka(cases, end="exit 0"):
    """A program that answers as cmocka does."""
    return f"#!/bin/sh\ncat > \"${{CMOCKA_XML_FILE%%%g*}}t.xml\" <<'E'\n{XML.format(cases)}\nE\n{end}\n"


# name, files of the tree, last line expected, exit status, what the output must hold
CASES = [
    ("passes are counted", {"unit/test_a": cmocka(OK + OK)}, "3 passed, 0 failed, 0 skipped", 0, "unit/test_a"),
    ("a failure is counted and shown", {"unit/test_a": cmocka(OK + BAD, "exit 1")}, "2 passed, 1 failed, 0 skipped", 1, "breaks"),
    ("a crash after its tests is a failure", {"unit/test_a": cmocka(OK, "kill -SEGV $$")}, "2 passed, 1 failed, 0 skipped", 1, "SIGSEGV"),
    ("a program that says nothing is a failure", {"unit/test_a": "#!/bin/sh\nexit 0\n"}, "1 passed, 1 failed, 0 skipped", 1, "status 0"),
    ("a program that was not built is a failure", {"unit/test_a": None}, "1 passed, 1 failed, 0 skipped", 1, "was not built"),
    ("an undeclared skip is a failure", {"unit/test_a": cmocka(OK + SKIPPED)}, "2 passed, 1 failed, 0 skipped", 1, "does not declare"),
    ("a declared skip is a skip", {"unit/test_a": cmocka(OK + SKIPPED), "skips.txt": "unit/test_a: wants_more -- it is not here\n"},
     "2 passed, 0 failed, 1 skipped", 0, "skipped unit/test_a: wants_more"),
    ("what is left behind is a failure", {"unit/test_a": cmocka(OK, "touch $TMPDIR/mine")}, "1 passed, 1 failed, 0 skipped", 1, "mine"),
    ("nothing to run is a failure", {}, "0 passed, 0 failed, 0 skipped", 1, ""),
]


def make_tree(root, files):
    for d in ("tests/lib", "tests/unit", "build/tests/unit"):
        os.makedirs(os.path.join(root, d))
    shutil.copy(os.path.join(TREE, "tests/run"), os.path.join(root, "tests/run"))
    shutil.copy(os.path.join(TREE, "tests/lib/leaks.py"), os.path.join(root, "tests/lib"))
    for path, text in {"skips.txt": "", **files}.items():
        if path == "skips.txt":
            where = os.path.join(root, "tests", path)
        else:
            where = os.path.join(root, "build/tests", path)
            with open(os.path.join(root, "tests", path + ".c"), "w", encoding="utf-8"):
                pass
        if text is not None:
            with open(where, "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(where, 0o755)


def main():
    bad = 0
    for name, files, last, status, holds in CASES:
        root = tempfile.mkdtemp(prefix="runner.")
        try:
            make_tree(root, files)
            env = {k: v for k, v in os.environ.items() if k not in ("SW_TEST_RUN", "TMPDIR")}
            p = subprocess.run([sys.executable, os.path.join(root, "tests/run"), "--only", "unit", "--only", "leaks"] if files else
                               [sys.executable, os.path.join(root, "tests/run"), "--only", "unit"],
                               capture_output=True, text=True, env={**env, "PYTHONDONTWRITEBYTECODE": "1", "SW_LEAK_WAIT_SEC": "0.2"}, check=False)
        finally:
            shutil.rmtree(root)
        got = (p.stdout.rstrip("\n").split("\n")[-1], p.returncode)
        ok = got == (last, status) and holds in p.stdout
        bad += not ok
        print(f"ok {name}" if ok else f"not ok {name}: expected {(last, status)} and {holds!r}, got {got}: {p.stdout[-800:]!r} {p.stderr[-500:]!r}")
    sys.exit(1 if bad else 0)


main()
