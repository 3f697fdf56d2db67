#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a C header with the files given: as they are, gzip'd, and with a tag of their content.

The output depends on the content alone (gzip without a time), so that a build can be repeated."""
import gzip
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def array(name, data):
    print(f"static const unsigned char {name}[] = {{")
    for i in range(0, len(data), 16):
        print("\t" + " ".join(f"0x{b:02x}," for b in data[i:i + 16]))
    print("};")


def main(paths):
    print("/* Made by user/web/embed.py. */")
    print("#pragma once\n")
    rows = []
    for n, path in enumerate(paths):
        with open(path, "rb") as f:
            data = f.read()
        name = os.path.basename(path)
        kind = TYPES[os.path.splitext(name)[1]]
        packed = gzip.compress(data, 9, mtime=0)
        array(f"asset_{n}", data)
        array(f"asset_{n}_gz", packed)
        tag = hashlib.sha256(data).hexdigest()[:16]
        rows.append(f'\t{{"/{name}", "{kind}", "\\"{tag}\\"", asset_{n}, sizeof(asset_{n}), '
                    f"asset_{n}_gz, sizeof(asset_{n}_gz)}},")
    print("\nstatic const struct sw_asset sw_web_assets[] = {")
    print("\n".join(rows))
    print("};")


main(sys.argv[1:])
