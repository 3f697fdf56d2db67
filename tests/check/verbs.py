#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the prose says to type is there: verbs in `sockwarden help`, make targets in the Makefile, files in the tree."""
import os
import re
import subprocess

from common import ROOT, finish, read, tracked

DOCS = ("README.md", "CHANGELOG.md", "docs/architecture.md", "docs/manual.md")
NOT_VERBS = {"is", "to", "in", "and", "on", "the", "judges", "tells", "drops", "observes", "started", "runs"}


def helped():
    p = subprocess.run([os.path.join(ROOT, "build/sockwarden"), "help"], capture_output=True, text=True, check=False)
    return p.stdout + p.stderr


def code_of(text):
    """Code in a Markdown text: fenced blocks and spans."""
    return "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.S) + re.findall(r"`([^`\n]+)`", text))


def main():
    wrong, known = [], set(re.findall(r"^\s+(?:sockwarden )?([a-z]+)\b", helped(), re.M))
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    for doc in DOCS:
        if doc not in tracked():
            wrong.append(f"{doc} is missing")
            continue
        code = code_of(read(doc))
        for verb in sorted(set(re.findall(r"(?<![\w/.-])sockwarden ([a-z]+)\b", code)) - known - NOT_VERBS):
            wrong.append(f"{doc}: `sockwarden {verb}` is not in sockwarden help")
        for target in sorted(set(re.findall(r"\bmake ([a-z-]+)\b", code)) - targets):
            wrong.append(f"{doc}: `make {target}` is not in the Makefile")
        for path in sorted(set(re.findall(r"\]\((?!https?:|#)([^)#]+)\)", read(doc)))):
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(doc), path)):
                wrong.append(f"{doc}: links to {path}, which is not there")
    finish(wrong)


main()
