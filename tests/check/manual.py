#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds docs/manual.md to the program: its tables of commands, rules and settings are those of `sockwarden`.

`manual.py --draw` writes them.
"""
import json
import os
import re
import subprocess
import sys

DRAW = "--draw" in sys.argv
if DRAW:
    sys.argv.remove("--draw")
from common import ROOT, finish, read  # noqa: E402

DOC = "docs/manual.md"


def ask(*args):
    p = subprocess.run([os.path.join(ROOT, "build/sockwarden"), *args], capture_output=True, text=True, check=False,
                       env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"})
    return p.stdout


def cell(text):
    return text.replace("|", "\\|")


def commands():
    """A table of all commands, from the help."""
    rows = ["| command | does |", "|---|---|"]
    for line in ask("help").splitlines():
        m = re.match(r"  ([a-z][a-z ]*(?: \S+)*?)  +(\S.*)", line) or re.match(r"  ([a-z ]+(?: \[?[A-Z]\S+)+) (\S.*)", line)
        if m:
            rows.append(f"| `{cell(m[1].strip())}` | {cell(m[2])} |")
    return "\n".join(rows)


def rules():
    """Two tables of what is told of, from the rows beside the enum."""
    text = read("include/sockwarden/model/rule.h")
    rows = ["| rule | severity | |", "|---|---|---|"]
    for word, severity, sentence in re.findall(r'X\(\w+, "([a-z0-9-]+)", (\w+), "([^"]+)"\)', text):
        rows.append(f"| `{word}` | {severity.lower()} | {cell(sentence)} |")
    rows += ["", "| rule of behaviour | kind | severity | enabled | threshold | window | |", "|---|---|---|---|---|---|---|"]
    for word, kind, severity, on, threshold, most, window, unit, sentence in re.findall(
            r'X\(\w+, "([a-z0-9-]+)", "([a-z]+)", (\w+), (\w+), (\d+), (\d+), (\w+), "([^"]+)", "([^"]+)"\)', text):
        rows.append(f"| `{word}` | `{kind}` | {severity.lower()} | {on} | {threshold} {unit} (at most {most}) | {window} | {cell(sentence)} |")
    return "\n".join(rows)


def default_of(s):
    if "default" not in s:
        return ""
    text = json.dumps(s["default"], ensure_ascii=False)
    return "" if text in ('""', "[]", "null") else f"`{text.strip(chr(34))}`"


def walk(schema, prefix):
    for key, s in schema.get("properties", {}).items():
        if "properties" in s:
            yield from walk(s, f"{prefix}{key}.")
        else:
            yield prefix + key, s


def settings():
    """A table of all settings, from the schema."""
    rows = ["| setting | default | |", "|---|---|---|"]
    try:
        schema = json.loads(ask("config", "schema"))
    except ValueError:
        return "sockwarden config schema is not JSON"
    for key, s in walk(schema, ""):
        if key.startswith("detect.") and key.count(".") == 2:  # in the table of rules
            continue
        words = s.get("enum")
        rows.append(f"| `{key}` | {default_of(s)} | {cell(s.get('description', ''))}" +
                    (f" One of {', '.join(f'`{w}`' for w in words)}." if words else "") + " |")
        items = s.get("items", {})
        for alternative in [items, *items.get("anyOf", []), *items.get("oneOf", [])]:
            for sub, t in walk(alternative, f"{key}[]."):
                rows.append(f"| `{sub}` | {default_of(t)} | {cell(t.get('description', ''))} |")
    return "\n".join(rows)


def main():
    text, wrong = read(DOC), []
    for name, table in (("commands", commands()), ("rules", rules()), ("settings", settings())):
        begin, end = f"<!-- {name}: begin, drawn by tests/check/manual.py --draw -->", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            finish([f"{DOC}: has no place for the table of {name}"])
        before, rest = text.split(begin)
        drawn, after = rest.split(end)
        if drawn.strip() != table:
            wrong.append(f"{DOC}: the table of {name} is not that of the program: run tests/check/manual.py --draw")
        text = before + begin + "\n" + table + "\n" + end + after
    if DRAW:
        with open(os.path.join(ROOT, DOC), "w", encoding="utf-8") as f:
            f.write(text)
        wrong = []
    finish(wrong)


main()
