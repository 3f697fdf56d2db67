#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel side compiles without a warning by each clang we promise and for each architecture we know."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

from common import ROOT

TOOLS = [("clang", "x86"), ("clang-19", "x86"), ("clang", "arm64")]


def compile_all(clang, arch):
    out = tempfile.mkdtemp(prefix="bpf.")
    try:
        objects = [os.path.join(out, "bpf", os.path.basename(s)[:-2] + ".o") for s in sorted(glob.glob(f"{ROOT}/bpf/*.bpf.c"))]
        p = subprocess.run(["make", "-C", ROOT, "-j2", "--no-print-directory", f"B={out}", f"CLANG={clang}", f"ARCH={arch}", *objects],
                           capture_output=True, text=True, check=False)
        return "" if p.returncode == 0 else (p.stdout + p.stderr).strip().replace("\n", " | ")[:2000]
    finally:
        shutil.rmtree(out)


def main():
    bad = False
    for clang, arch in TOOLS:
        name = f"{clang} for {arch}"
        if not shutil.which(clang):
            print(f"skip {name}: {clang} is not installed")
            continue
        wrong = compile_all(clang, arch)
        bad = bad or bool(wrong)
        print(f"not ok {name}: {wrong}" if wrong else f"ok {name}")
    sys.exit(1 if bad else 0)


main()
