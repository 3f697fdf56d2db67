#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the table of deploy/deps: every library and tool has its package, on every distribution it knows."""
import os
import re
import subprocess

from common import ROOT, finish, read

DISTROS = ("debian:12", "debian:13", "ubuntu:24.04", "ubuntu:25.04")
# Where Ubuntu's name is not Debian's, and why. A difference that is not here is a slip of the pen.
UBUNTU_DIFFERS = {
    "bpftool": "Ubuntu 24.04 has it inside the kernel's tools; 25.04 has the package",
    "libclang-rt-14-dev": "the version follows the distribution's clang: 18, then 20",
}
LIBRARY = {  # -lNAME -> package that brings it
    "bpf": "libbpf-dev", "elf": "libelf-dev", "z": "zlib1g-dev", "cap-ng": "libcap-ng-dev", "mnl": "libmnl-dev",
    "nftnl": "libnftnl-dev", "sqlite3": "libsqlite3-dev", "jansson": "libjansson-dev", "seccomp": "libseccomp-dev",
    "sodium": "libsodium-dev", "curl": "libcurl4-openssl-dev", "microhttpd": "libmicrohttpd-dev", "yaml": "libyaml-dev",
    "pcap": "libpcap-dev", "pcre2-8": "libpcre2-dev", "systemd": "libsystemd-dev", "cmocka": "libcmocka-dev", "pthread": "libc6-dev",
    "nettle": "nettle-dev", "idn2": "libidn2-dev", "maxminddb": "libmaxminddb-dev",
}
TOOL = {  # what scripts call -> package that brings it
    "nmap": "nmap", "masscan": "masscan", "hping3": "hping3", "curl": "curl", "nft": "nftables", "promtool": "prometheus",
    "debootstrap": "debootstrap", "openssl": "openssl", "pytest": "python3-pytest", "readelf": "binutils",
}
NAME = re.compile(r"[a-z0-9][a-z0-9.+-]+\??\Z")


def listed(distro):
    p = subprocess.run([os.path.join(ROOT, "deploy/deps"), "--list", "--distro", distro, "--only", "run", "--only",
                        "test", "--only", "bench"], capture_output=True, text=True, check=False)
    return [tuple(line.split()) for line in p.stdout.splitlines()] if p.returncode == 0 else None


def main():
    wrong, names = [], {}
    for distro in DISTROS:
        rows = listed(distro)
        if not rows:
            finish([f"deploy/deps --list --distro {distro} fails"])
        names[distro] = [n for _, n in rows]
        wrong += [f"{distro}: '{n}' is no package name" for n in names[distro] if not NAME.match(n)]
        wrong += [f"{distro}: {n} is there twice" for n in sorted(set(names[distro])) if names[distro].count(n) > 1]
    debian = set(names["debian:12"])
    for distro in DISTROS[2:]:
        wrong += [f"{distro}: lacks {n}, and tests/check/deps.py gives no reason" for n in sorted(debian - set(names[distro]))
                  if n not in UBUNTU_DIFFERS]
    wrong += [f"Makefile links -l{lib}, whose package is not in deploy/deps"
              for lib in sorted(set(re.findall(r"(?<=\s)-l([\w-]+)", read("Makefile")))) if LIBRARY.get(lib, "libc6-dev" if lib == "m" else "") not in debian]
    wrong += [f"{tool} is used, its package {package} is not in deploy/deps" for tool, package in TOOL.items() if package not in debian]
    for distro in ("fedora:40", "debian:11", "ubuntu:22.04"):
        p = subprocess.run([os.path.join(ROOT, "deploy/deps"), "--list", "--distro", distro], capture_output=True, text=True, check=False)
        if p.returncode != 2 or "libbpf-dev" not in p.stderr:
            wrong.append(f"deploy/deps on {distro}: expected exit 2 and the names, got {p.returncode}")
    finish(wrong)


main()
