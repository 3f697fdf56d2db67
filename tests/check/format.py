#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the sources: tabs, line ends, widths, sizes of files and functions, no promises left in."""
import re

from common import finish, is_script, read, tracked

COLUMNS, FILE_LINES, FUNCTION_LINES = 120, 800, 80
# Tables whose rows are read across, prose that a tool wraps, and the file that is printed from the table of settings.
WIDE = ("tests/unit/test_feed_read.c", "user/feeds/table.c", "include/sockwarden/abi/reason.h", "vmlinux/vmlinux.h", "user/conf/schema.c", "deploy/sockwarden.yaml", "include/sockwarden/rpc/control.h")
LONG_STRING = re.compile(r'"[^"]{30,}"')  # strings are not split: they are searched for
PROMISE = re.compile(r"\b(" + "TO" + "DO|FIX" + r"ME)\b")


def functions(lines):
    """(line, length) of each function of a C file: from a brace in the first column to its end; rows of tables are free."""
    start = rows = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start, rows = n, 0
        elif line.startswith("}") and start:
            yield start, n - start - rows
            start = None
        elif start and line.startswith("\t\t{"):
            rows += 1


def check_text(path, text):
    lines = text.split("\n")
    is_c = path.endswith((".c", ".h"))
    for n, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{path}:{n}: white space at the end"
        if is_c and re.match(r" {8}", line):
            yield f"{path}:{n}: indented with spaces"
        if is_c and path not in WIDE and len(line.expandtabs(8)) > COLUMNS and not LONG_STRING.search(line):
            yield f"{path}:{n}: {len(line.expandtabs(8))} columns, {COLUMNS} is the limit"
        if PROMISE.search(line):
            yield f"{path}:{n}: a promise; do it or leave it out"
    if text and not text.endswith("\n"):
        yield f"{path}: no newline at its end"
    if len(lines) > FILE_LINES and path not in WIDE:
        yield f"{path}: {len(lines)} lines, {FILE_LINES} is the limit"
    if path.endswith(".c"):
        for start, length in functions(lines):
            if length > FUNCTION_LINES:
                yield f"{path}:{start}: a function of {length} lines, {FUNCTION_LINES} is the limit"


def main():
    wrong = []
    for path in tracked():
        if path.startswith(("LICENSES/", "tests/fuzz/corpus/", "tests/data/")):
            continue
        if path.endswith((".c", ".h", ".py", ".sh", ".yaml", ".service", ".conf")) or is_script(path) or path == "Makefile":
            wrong += check_text(path, read(path))
    finish(wrong)


main()
