#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds each built program to the libraries it may link: the list is the privilege boundary."""
import os
import re
import subprocess

from common import ROOT, finish

C = {"libc", "ld-linux-x86-64", "ld-linux-aarch64"}
BPF = {"libbpf", "libelf", "libz"}
ALLOWED = {
    "sockwardend": C | BPF | {"libcap-ng", "libmnl", "libnftnl"},
    "sockwarden-engine": C | BPF | {"libsqlite3", "libjansson", "libseccomp", "libcap-ng", "libmnl", "libsodium", "libpcre2-8", "libsystemd",
                                "libnettle", "libidn2", "libmaxminddb"},
    "sockwarden-net": C | {"libz", "libcurl", "libjansson", "libseccomp", "libcap-ng", "libidn2"},
    "sockwarden-web": C | {"libmicrohttpd", "libjansson", "libseccomp", "libcap-ng", "libsodium"},
    "sockwarden-config": C | {"libyaml-0", "libseccomp", "libcap-ng", "libpcre2-8"},
    "sockwarden": C | BPF | {"libyaml-0", "libjansson", "libmnl", "libpcre2-8", "libsodium", "libsqlite3", "libnettle",
                      "libidn2"},
}
# What parses text from outside, by the names its functions carry. The guard resolves none of them.
FOREIGN = re.compile(r"(curl_|pcre2_|sqlite3_|MHD_|yaml_|json_(object|array|string|load|dump|integer|delete|true|false|null|real|pack|unpack))")


def readelf(program, *flags):
    p = subprocess.run(["readelf", *flags, program], capture_output=True, text=True, check=False)
    return p.stdout if p.returncode == 0 else None


def check(name, program):
    dynamic = readelf(program, "-dW")
    if dynamic is None:
        return [f"{name}: readelf cannot read it"]
    needed = {lib.split(".so")[0] for lib in re.findall(r"\(NEEDED\).*\[(.+?)\]", dynamic)}
    wrong = [f"{name}: links {lib}, which it may not" for lib in sorted(needed - ALLOWED[name])]
    if name == "sockwardend":
        for line in readelf(program, "--dyn-syms", "-W").splitlines():
            col = line.split()
            if len(col) >= 8 and col[6] == "UND" and FOREIGN.match(col[7]):
                wrong.append(f"{name}: resolves {col[7]}: the privileged program parses nothing from outside")
    return wrong


def main():
    wrong = []
    build = os.path.join(ROOT, "build")
    for source in sorted(os.listdir(os.path.join(ROOT, "user/main"))) if os.path.isdir(os.path.join(ROOT, "user/main")) else []:
        if not source.endswith(".c"):
            continue
        name = source[:-2]
        program = os.path.join(build, name)
        if name not in ALLOWED:
            wrong.append(f"user/main/{source}: say in tests/check/links.py what it may link")
        elif not os.path.exists(program):
            wrong.append(f"{name}: was not built")
        else:
            wrong += check(name, program)
    finish(wrong)


main()
