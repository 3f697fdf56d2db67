#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds feeds/services.csv, the table of known services: its columns, words, ports, units, no row twice."""
import csv
import os
import re

from common import ROOT, finish

TABLE = "feeds/services.csv"
COLUMNS = ["name", "ports", "executables", "purpose", "not_needed", "risk", "units"]
ROWS_MIN = 150
SEED = ["portmap", "rpc.statd", "ssh", "xinetd", "sendmail", "cannaserver", "apache"]


def check_row(n, row):
    """What is wrong with one row."""
    if len(row) != len(COLUMNS):
        yield f"{TABLE}:{n}: {len(row)} columns, {len(COLUMNS)} are wanted"
        return
    r = dict(zip(COLUMNS, row))
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", r["name"]):
        yield f"{TABLE}:{n}: '{r['name']}' is not a name"
    if r["risk"] not in ("low", "medium", "high"):
        yield f"{TABLE}:{n}: risk '{r['risk']}' is not low, medium or high"
    for port in r["ports"].split():
        m = re.fullmatch(r"(\d+)/(tcp|udp|sctp)", port)
        if not m or not 0 < int(m[1]) < 65536:
            yield f"{TABLE}:{n}: '{port}' is not a port such as 22/tcp"
    for unit in r["units"].split():
        if not re.fullmatch(r"[\w@.:-]+\.(service|socket|target)", unit):
            yield f"{TABLE}:{n}: '{unit}' is not a unit"
    if not r["purpose"] or not r["not_needed"]:
        yield f"{TABLE}:{n}: what is it for, and when is it not needed?"
    for key, text in r.items():
        if text != text.strip() or not text.isascii() or len(text) > 160:
            yield f"{TABLE}:{n}: {key} is not plain text of at most 160 characters"


def main():
    wrong, names = [], set()
    try:
        with open(os.path.join(ROOT, TABLE), newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f, strict=True))
    except (OSError, csv.Error) as e:
        finish([f"{TABLE}: {e}"])
    if rows[:1] != [COLUMNS]:
        wrong.append(f"{TABLE}:1: the columns are not {','.join(COLUMNS)}")
    for n, row in enumerate(rows[1:], 2):
        wrong += check_row(n, row)
        if row and row[0] in names:
            wrong.append(f"{TABLE}:{n}: {row[0]} is there twice")
        names.update(row[:1])
    if len(rows) - 1 < ROWS_MIN:
        wrong.append(f"{TABLE}: {len(rows) - 1} rows, {ROWS_MIN} are wanted")
    wrong += [f"{TABLE}: has no {name}" for name in SEED if name not in names]
    finish(wrong)


main()
