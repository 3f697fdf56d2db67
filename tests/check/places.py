#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""No tracked file names a place that is only on its author's machine, and no built file is tracked."""
import re

from common import finish, read, tracked

HOME = re.compile(r"(?<![\w.])/(" + "wo" + r"rk|ho" + r"me/\w+|Us" + r"ers/\w+)/")
BUILT = (".o", ".a", ".so", ".pyc", ".skel.h", ".bpf.o")


def main():
    wrong = []
    for path in tracked():
        if path.endswith(BUILT) or path.startswith("build/"):
            wrong.append(f"{path}: a built file")
            continue
        text = read(path)
        for n, line in enumerate(text.splitlines(), 1):
            if HOME.search(line):
                wrong.append(f"{path}:{n}: names a place of one machine: {line.strip()[:80]}")
    finish(wrong)


main()
