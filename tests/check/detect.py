#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of behaviour has a test that shows it firing and one that shows it silent, each with its settings.

A rule that captures show is a key of RULES in tests/netns/test_detect_rules.py; another, say some-rule, has the tests
some_rule_fires_... and some_rule_is_silent_... in tests/sim/test_behaviour.c.
"""
import ast
import re

from common import finish, read, tracked

HEADER, TABLE, SIM = "include/sockwarden/model/rule.h", "tests/netns/test_detect_rules.py", "tests/sim/test_behaviour.c"


def rules():
    """Words of the rows of SW_HABIT_RULES."""
    table = re.search(r"#define SW_HABIT_RULES\(X\)(.*?)\n\n", read(HEADER), re.S)[1]
    return re.findall(r'X\(\w+, "([a-z0-9-]+)"', table)


def keys():
    for node in ast.parse(read(TABLE)).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RULES":
            return {k.value for k in node.value.keys}
    return set()


def main():
    wrong, known, in_table = [], rules(), keys()
    run = re.findall(r"TEST\((\w+)\)", read(SIM)) if SIM in tracked() else []
    for rule in known:
        word = rule.replace("-", "_")
        if rule in in_table:
            continue
        for what in ("fires", "is_silent"):
            if not any(t.startswith(f"{word}_{what}") for t in run):
                wrong.append(f"{HEADER}: {rule}: nothing shows that it {what.replace('_', ' ')}: it is not in RULES of {TABLE}, "
                             f"and {SIM} has no {word}_{what}_...")
    wrong += [f"{TABLE}: there is no rule {rule}" for rule in sorted(in_table - set(known))]
    finish(wrong if known else [f"{HEADER}: no rule was found"])


main()
