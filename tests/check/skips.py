#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/skips.txt: each line has a reason and names a program there is."""
import fnmatch
import os

from common import finish, read, tracked


def programs():
    """GROUP/PROGRAM of every test, as tests/run prints them."""
    for path in tracked():
        part = path.split("/")
        if part[0] == "tests" and len(part) == 3 and part[1] in ("check", "unit", "sim", "bpf", "netns", "fuzz", "corpus"):
            yield part[1] + "/" + os.path.splitext(part[2])[0]
    yield "demo/golden"


def main():
    wrong, known = [], list(programs())
    for n, line in enumerate(read("tests/skips.txt").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        pattern, dashes, reason = line.partition(" -- ")
        program = pattern.split(":")[0].strip()
        if not dashes or len(reason.split()) < 3:
            wrong.append(f"tests/skips.txt:{n}: give a reason after ' -- '")
        if not any(fnmatch.fnmatchcase(p, program) for p in known):
            wrong.append(f"tests/skips.txt:{n}: there is no {program}")
    finish(wrong)


main()
