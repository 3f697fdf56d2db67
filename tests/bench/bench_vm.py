#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instructions that watching sockets takes, of the whole machine: count_sockets in a virtual machine of one CPU whose
time-stamp counter counts instructions. Other work on this machine does not change a figure; a kernel with BPF
trampolines is what this one need not be. Exit status 3: the mirror has no such kernel now, or qemu is missing.
"""
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SW_BUILD", os.path.join(ROOT, "build"))
SERIES, LIMIT_SEC = "6.1", 520
NOT_HERE = 3


def main():
    if not shutil.which("qemu-system-x86_64"):
        print("vm: qemu is missing: deploy/deps --only vm")
        return NOT_HERE
    vm, kernel = os.path.join(ROOT, "tests/vm"), os.path.join(BUILD, "vm", SERIES)
    got = subprocess.run([os.path.join(vm, "get-kernel"), SERIES, kernel], stdout=sys.stderr, check=False)
    if got.returncode:
        print(f"vm: no kernel {SERIES}")
        return got.returncode
    return subprocess.run([os.path.join(vm, "run-in-kernel"), "-i", "-t", str(LIMIT_SEC), kernel,
                           os.path.join(BUILD, "tests/bench/count_sockets")], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
