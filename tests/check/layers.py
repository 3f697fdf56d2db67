#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds every #include to layers.json, and docs/architecture.md to the picture drawn from it.

`layers.py --draw` writes the picture into docs/architecture.md.
"""
import json
import os
import re
import sys

DRAW = "--draw" in sys.argv
if DRAW:
    sys.argv.remove("--draw")
from common import HERE, ROOT, finish, read, tracked  # noqa: E402

DOC = "docs/architecture.md"
BEGIN, END = "<!-- layers: begin, drawn by tests/check/layers.py --draw -->", "<!-- layers: end -->"
with open(os.path.join(HERE, "layers.json"), encoding="utf-8") as f:
    LAW = json.load(f)
RANK = {folder: i for i, row in enumerate(LAW["ranks"]) for folder in row["folders"]}


def folder_of(path):
    """The ranked folder a path lies in, or None."""
    return next((f for f in RANK if path.startswith(f + "/")), None)


def target(name, path):
    """The path below the root that #include "name" in path means."""
    if name.startswith("sockwarden/"):
        return "include/" + name
    if name.startswith(("user/", "bpf/", "tests/", "vmlinux/")) or name in LAW["generated"] or name.startswith("skel/"):
        return name
    return os.path.normpath(os.path.join(os.path.dirname(path), name))


def wrong_include(path, name):
    """Why path may not include name, or None."""
    to, mine = target(name, path), folder_of(path)
    for generated, users in LAW["generated"].items():
        if to.startswith(generated):
            return None if mine in users else f"only {', '.join(users)} may include {generated}"
    if path.startswith("bpf/"):
        fine = any(to.startswith(f + "/") for f in LAW["bpf"]) or name.startswith("lib/") or name == "vmlinux.h"
        return None if fine else "the kernel side includes only abi, pkt and bpf/"
    theirs = folder_of(to)
    if not mine:
        return f"{os.path.dirname(path)} has no rank in layers.json"
    if not theirs:
        return "it lies in no folder of layers.json"
    if theirs in LAW["also"].get(mine, ()):
        return None
    if theirs != mine and RANK[theirs] >= RANK[mine]:
        return f"rank {RANK[mine]} may not see {theirs} of rank {RANK[theirs]}"
    return None


def draw():
    """The picture, highest rank first."""
    width = 76
    out = ["```text"]
    for i in range(len(LAW["ranks"]) - 1, -1, -1):
        row = LAW["ranks"][i]
        short = [f.replace("include/sockwarden/", "").replace("user/", "") for f in row["folders"]]
        out.append("+" + "-" * width + "+")
        out.append("| " + f"{i}  {'  '.join(short)}"[:width - 2].ljust(width - 1) + "|")
        out.append("| " + f"     {row['does']}"[:width - 2].ljust(width - 1) + "|")
    out += ["+" + "-" * width + "+", "  Each layer sees only those below it. Folders side by side do not see each",
            "  other, but rpc sees model and pkt sees abi. bpf/ sees only abi and pkt.", "```"]
    return "\n".join(out)


def drawn_in(text):
    return text.split(BEGIN)[1].split(END)[0].strip() if BEGIN in text and END in text else None


def main():
    wrong = []
    for path in tracked(".c", ".h"):
        if not path.startswith(("user/", "include/", "bpf/")):
            continue
        for n, line in enumerate(read(path).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            why = m and wrong_include(path, m[1])
            if why:
                wrong.append(f"{path}:{n}: includes {m[1]}: {why}")
    if os.path.exists(os.path.join(ROOT, DOC)):
        text = read(DOC)
        if DRAW:
            before, rest = text.split(BEGIN)
            with open(os.path.join(ROOT, DOC), "w", encoding="utf-8") as f:
                f.write(before + BEGIN + "\n" + draw() + "\n" + END + rest.split(END)[1])
        elif drawn_in(text) != draw():
            wrong.append(f"{DOC}: the picture of the layers is not that of layers.json: run tests/check/layers.py --draw")
    else:
        wrong.append(f"{DOC} is missing")
    finish(wrong)


main()
