#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks each check's law once, in a small tree of its own, and expects the check to see it."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
GPL = "/* SPDX-License-Identifier: " + "GPL-3.0-or-later */\n"
DUAL = "/* SPDX-License-Identifier: " + "GPL-2.0-only OR BSD-2-Clause */\n"
TRUE_DEPS = os.path.join(TREE, "deploy/deps")

GOOD = {
    "user/base/a.c": GPL + '#include "sockwarden/abi/x.h"\n#include "user/base/a.h"\n\nint f(void)\n{\n\treturn 0;\n}\n',
    "user/base/a.h": GPL + "#pragma once\n",
    "include/sockwarden/abi/x.h": DUAL + "#pragma once\n",
    "include/sockwarden/rpc/r.h": GPL + '#include "sockwarden/model/m.h"\n',
    "include/sockwarden/model/m.h": GPL + "#pragma once\n",
    "include/sockwarden/model/rule.h": GPL + '#define SW_HABIT_RULES(X) \\\n\tX(A, "rule-a", 1) \\\n\tX(B, "rule-b", 1)\n\nint a;\n',
    "tests/netns/test_detect_rules.py": "# " + GPL[3:-4] + '\nRULES = {"rule-a": 1}\n',
    "tests/sim/test_behaviour.c": GPL + "TEST(rule_b_fires_now),\nTEST(rule_b_is_silent_now),\n",
    "bpf/g.bpf.c": DUAL + '#include "vmlinux.h"\n#include "lib/l.h"\n#include "sockwarden/abi/x.h"\n',
    "LICENSES/GPL-2.0-only.txt": "x\n", "LICENSES/BSD-2-Clause.txt": "x\n", "LICENSES/GPL-3.0-or-later.txt": "x\n",
    "tests/skips.txt": "unit/test_a: a test -- this kernel lacks it\n",
    "tests/unit/test_a.c": GPL,
}

# name of the case, check, files that differ from GOOD, what its output must hold
BAD = [
    ("a higher layer is included", "layers", {"user/base/a.c": GPL + '#include "user/io/loop.h"\n'}, "user/base/a.c:2"),
    ("a folder beside is included", "layers", {"user/trail/t.c": GPL + '#include "user/store/s.h"\n'}, "user/trail/t.c:2"),
    ("a relative path hides a higher layer", "layers", {"user/base/a.c": GPL + '#include "../main/m.h"\n'}, "user/base/a.c:2"),
    ("a folder has no rank", "layers", {"user/new/n.c": GPL + '#include "user/base/a.h"\n'}, "no rank"),
    ("the kernel side includes user space", "layers", {"bpf/g.bpf.c": DUAL + '#include "user/base/a.h"\n'}, "bpf/g.bpf.c:2"),
    ("a skeleton is opened outside user/kern", "layers", {"user/engine/e.c": GPL + '#include "skel/g.skel.h"\n'}, "skel/"),
    ("the picture is not the data's", "layers", {"docs/architecture.md": "no picture\n"}, "--draw"),
    ("a file has no licence", "spdx", {"user/base/a.c": "int a;\n"}, "user/base/a.c: no SPDX"),
    ("the kernel side has the wrong licence", "spdx", {"bpf/g.bpf.c": GPL}, "bpf/g.bpf.c: says"),
    ("user space has the wrong licence", "spdx", {"user/base/a.c": DUAL}, "user/base/a.c: says"),
    ("a script has no licence", "spdx", {"deploy/x": "#!/bin/sh\n:\n"}, "deploy/x: no SPDX"),
    ("a licence text is missing", "spdx", {"LICENSES/BSD-2-Clause.txt": None}, "BSD-2-Clause.txt is missing"),
    ("white space at a line's end", "format", {"user/base/a.c": GPL + "int a; \n"}, "a.c:2: white space"),
    ("spaces instead of tabs", "format", {"user/base/a.c": GPL + "int f(void)\n{\n        return 0;\n}\n"}, "a.c:4: indented"),
    ("a line too wide", "format", {"user/base/a.c": GPL + "/* " + "x" * 150 + " */\n"}, "a.c:2: 156 columns"),
    ("a function too long", "format", {"user/base/a.c": GPL + "int f(void)\n{\n" + "\tf();\n" * 90 + "}\n"}, "a function of 91 lines"),
    ("a file too long", "format", {"user/base/a.c": GPL + "int a;\n" * 801}, "lines, 800 is the limit"),
    ("a promise", "format", {"user/base/a.c": GPL + "/* TO" + "DO: do it */\n"}, "a promise"),
    ("a skip without a reason", "skips", {"tests/skips.txt": "unit/test_a: a test\n"}, "give a reason"),
    ("a skip of no test", "skips", {"tests/skips.txt": "unit/test_b: a test -- this kernel lacks it\n"}, "there is no"),
    ("a path of one machine", "places", {"user/base/a.c": GPL + '#define D "/ho' + 'me/me/x"\n'}, "a.c:2: names a place"),
    ("a built file is tracked", "places", {"user/base/a.o": "x\n"}, "a built file"),
    ("a library without a package", "deps", {"Makefile": "LIBS_x := -lcurl -lunheard\n"}, "-lunheard"),
    ("an Ubuntu name forgotten", "deps", {"deploy/deps": ("libmnl-dev\t", "-\t")}, "lacks libmnl-dev"),
    ("the guard links SQLite", "links", {"user/main/sockwardend.c": "-lsqlite3"}, "links libsqlite3"),
    ("the guard resolves jansson", "links", {"user/main/sockwardend.c": "-ljansson"}, "resolves json_"),
    ("a service is there twice", "services", {"feeds/services.csv": lambda text: text + text.split("\n")[1] + "\n"}, "is there twice"),
    ("a service lacks a column", "services", {"feeds/services.csv": lambda text: text + "x,1/tcp\n"}, "columns"),
    ("a service's port is none", "services", {"feeds/services.csv": lambda text: text.replace("22/tcp", "22")}, "'22' is not a port"),
    ("the table of services is short", "services", {"feeds/services.csv": lambda text: "\n".join(text.split("\n")[:9]) + "\n"}, "rows, 150"),
    ("a rule's firing is not shown", "detect", {"tests/sim/test_behaviour.c": GPL + "TEST(rule_b_is_silent_now),\n"}, "that it fires"),
    ("a rule's silence is not shown", "detect", {"tests/sim/test_behaviour.c": GPL + "TEST(rule_b_fires_now),\n"}, "it is silent"),
    ("a test is of no rule", "detect", {"tests/netns/test_detect_rules.py": 'RULES = {"rule-a": 1, "rule-x": 1}\n'}, "there is no rule rule-x"),
    ("a program was not built", "links", {"user/main/sockwarden.c": ""}, "was not built"),
    ("a program has no list", "links", {"user/main/other.c": ""}, "say in tests/check/links.py"),
]


def write(root, path, text):
    full = os.path.join(root, path)
    if text is None:
        os.unlink(full)
        return
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as f:
        f.write(text)
    if text.startswith("#!"):
        os.chmod(full, 0o755)


def picture():
    code = "import sys; sys.argv = ['x', sys.argv[1], '--draw']; exec(open('layers.py').read().replace('\\nmain()', '\\nprint(draw())'))"
    p = subprocess.run([sys.executable, "-c", code, TREE], cwd=HERE, capture_output=True, text=True, check=True)
    return p.stdout.strip()


def guard_linked_with(root, flag):
    """A program named as the guard that really needs a library it may not."""
    use = {"-lsqlite3": "int sqlite3_libversion_number(void); int main(void) { return sqlite3_libversion_number(); }",
           "-ljansson": "void *json_object(void); int main(void) { return !json_object(); }"}[flag]
    source = os.path.join(root, "x.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write(use)
    os.makedirs(os.path.join(root, "build"))
    subprocess.run(["gcc", "-fno-builtin", source, flag, "-o", os.path.join(root, "build/sockwardend")], check=True)
    os.unlink(source)


def tree_with(root, changes):
    with open(TRUE_DEPS, encoding="utf-8") as f:
        deps = f.read()
    with open(os.path.join(TREE, "feeds/services.csv"), encoding="utf-8") as f:
        services = f.read()
    begin, end = "<!-- layers: begin, drawn by tests/check/layers.py --draw -->", "<!-- layers: end -->"
    files = {**GOOD, "deploy/deps": deps, "feeds/services.csv": services, "Makefile": "# SPDX-License-Identifier: " + "GPL-3.0-or-later\nLIBS_x := -lcurl\n",
             "docs/architecture.md": f"{begin}\n{picture()}\n{end}\n"}
    for path, text in files.items():
        write(root, path, text)
    for path, text in changes.items():
        if path.startswith("user/main/"):
            write(root, path, GPL)
            if text:
                guard_linked_with(root, text)
        elif callable(text):
            write(root, path, text(services))
        elif isinstance(text, tuple):  # one cell of one column of the table
            lines = deps.split("\n")
            i = next(n for n, line in enumerate(lines) if "libmnl-dev" in line)
            cells = lines[i].split()
            lines[i] = "\t" + " ".join(cells[:3] + ["-"] + cells[4:])
            write(root, path, "\n".join(lines))
        else:
            write(root, path, text)


def verdict(check, changes):
    root = tempfile.mkdtemp(prefix="tree.")
    try:
        tree_with(root, changes)
        p = subprocess.run([sys.executable, os.path.join(HERE, check + ".py"), root], capture_output=True, text=True, check=False)
        return p.returncode, p.stdout + p.stderr
    finally:
        shutil.rmtree(root)


def main():
    bad = 0
    for check in sorted({c for _, c, _, _ in BAD}):
        code, text = verdict(check, {})
        ok = code == 0
        bad += not ok
        print(f"ok {check} passes a good tree" if ok else f"not ok {check} passes a good tree: exit {code}, {text!r}")
    for name, check, changes, expected in BAD:
        code, text = verdict(check, changes)
        ok = code == 1 and expected in text
        bad += not ok
        print(f"ok {check} sees it when {name}" if ok
              else f"not ok {check} sees it when {name}: expected exit 1 and {expected!r}, got {code} and {text[-500:]!r}")
    sys.exit(1 if bad else 0)


main()
