#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a C header with the rows of feeds/services.csv, so that the program knows them wherever it is."""
import csv
import sys


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main(path):
    print("/* Made by user/cli/embed_services.py. */")
    print("#pragma once\n")
    print("static const struct sw_service services[] = {")
    with open(path, newline="", encoding="utf-8") as f:
        for r in csv.DictReader(f):
            print(f"\t{{{', '.join(quoted(r[k]) for k in ('name', 'ports', 'executables', 'purpose', 'not_needed'))},")
            print(f"\t\tSW_RISK_{r['risk'].upper()}, {quoted(r['units'])}}},")
    print("};")


main(sys.argv[1])
