# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks share. A check is a program: `tests/check/NAME.py [ROOT]`, exit 0 when ROOT is clean.

ROOT is this tree by default; selftest.py gives each check a tree that it must refuse.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(HERE))


def tracked(*suffixes):
    """Paths below ROOT of the tracked files, or of all where there is no repository."""
    if os.path.exists(os.path.join(ROOT, ".git")):
        out = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, text=True, check=True).stdout
        paths = [p for p in out.split("\0") if p]
    else:
        paths = [os.path.relpath(os.path.join(d, f), ROOT)
                 for d, dirs, names in os.walk(ROOT) for f in names
                 if not os.path.relpath(d, ROOT).startswith("build")]
    paths = [p for p in sorted(paths) if os.path.isfile(os.path.join(ROOT, p))]
    return [p for p in paths if not suffixes or p.endswith(suffixes)]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def is_script(path):
    return os.path.splitext(path)[1] == "" and read(path).startswith("#!")


def finish(wrong):
    """Prints what is wrong, one a line, and exits."""
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)
