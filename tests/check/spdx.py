#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every source file says its licence at its head, and it is the right one for its folder."""
import os
import re

from common import finish, is_script, read, tracked

DUAL, GPL3 = "GPL-2.0-only OR BSD-2-Clause", "GPL-3.0-or-later"
DUAL_FOLDERS = ("bpf/", "vmlinux/", "include/sockwarden/abi/", "include/sockwarden/pkt/")
# Data, prose and what cannot hold a comment.
EXEMPT = (".md", ".txt", ".json", ".golden", ".svg", ".pem", ".png")
EXEMPT_FOLDERS = ("LICENSES/", "tests/fuzz/corpus/", "tests/data/")
EXEMPT_NAMES = {".gitignore", ".gitattributes", "sockwarden.yaml"}  # the last is made from a table, and then the user's
SOURCES = (".c", ".h", ".py", ".sh", ".js", ".ts", ".css", ".html", ".yaml", ".yml", ".service", ".socket", ".conf")


def main():
    wrong = []
    for path in tracked():
        name = os.path.basename(path)
        if path.startswith(EXEMPT_FOLDERS) or name in EXEMPT_NAMES or name.endswith(EXEMPT):
            continue
        if not (name.endswith(SOURCES) or name in ("Makefile", ".clang-format") or is_script(path)):
            continue
        head = "\n".join(read(path).split("\n")[:3])
        m = re.search(r"SPDX-License-Identifier: (.+?)\s*(\*/|-->)?\s*$", head, re.M)
        want = DUAL if path.startswith(DUAL_FOLDERS) else GPL3
        if not m:
            wrong.append(f"{path}: no SPDX line among its first three")
        elif m[1] != want:
            wrong.append(f"{path}: says {m[1]}, should say {want}")
    for licence in ("GPL-2.0-only", "BSD-2-Clause", "GPL-3.0-or-later"):
        if f"LICENSES/{licence}.txt" not in tracked():
            wrong.append(f"LICENSES/{licence}.txt is missing")
    finish(wrong)


main()
