#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what build/bench.jsonl holds into docs/performance.md, between its markers, and docs/scaling.svg.

`tests/bench/run` calls it at the end of a whole run; by hand it draws the last run once more. The page's text
around the markers is written by people and stays.
"""
import json
import math
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE, PICTURE = os.path.join(ROOT, "docs/performance.md"), os.path.join(ROOT, "docs/scaling.svg")
BEGIN, END = "<!-- figures: begin, drawn by tests/bench/page.py -->", "<!-- figures: end -->"
HEAD = ("bench", "case", "value", "unit", "peer", "its value", "ratio", "goal", "met")
PANELS = (("memory", "memory, MiB"), ("from list to in force", "list to in force, s of CPU"),
          ("benign, Zipf, over parse and pass", "benign packet, ns over parsing"))
WIDTH, HEIGHT, LEFT, TOP, PLOT_W, PLOT_H = 960, 330, 60, 40, 240, 220
OURS, THEIRS = "#0b6e4f", "#b3541e"


def number(v):
    if v is None:
        return ""
    if isinstance(v, int) or abs(v) >= 1000:
        return f"{v:,.0f}"
    return f"{v:.4g}"


def cells(row):
    """A figure as texts, in the order of HEAD."""
    return (row["bench"], row["case"], number(row["value"]), row["unit"], row["peer"] or "", number(row["peer_value"]),
            number(row["ratio"]), number(row["goal"]), {True: "yes", False: "no"}.get(row["met"], ""))


def table(rows, measured):
    yield from (measured, "", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD))
    for row in rows:
        yield "| " + " | ".join(cells(row)) + " |"


def fill(text, lines):
    """text with the lines between its markers."""
    before, rest = text.split(BEGIN + "\n")
    return before + BEGIN + "\n" + "".join(line + "\n" for line in lines) + END + rest.split(END, 1)[1]


def measured_line(text):
    """What the page says that it was measured on."""
    return next((line for line in text.split(BEGIN)[1].splitlines() if line.startswith("Measured ")), "")


def series(rows, what):
    """[(trails, ours, the trie's)] of one panel."""
    out = []
    for row in rows:
        m = re.fullmatch(r"([\d,]+) trails, (.*)", row["case"])
        if row["bench"] == "scale" and m and m[2] == what:
            out.append((int(m[1].replace(",", "")), row["value"], row["peer_value"]))
    return sorted(out)


def decades(values):
    """The whole powers of ten around values: (lowest, highest) exponent."""
    values = [v for v in values if v > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def power(e):
    return f"{10 ** e:,}" if 0 <= e < 4 else f"10^{e}" if e >= 4 else f"{10.0 ** e:g}"


def panel(points, title, left):
    """The lines of one plot with both scales logarithmic."""
    x_low, x_high = decades([p[0] for p in points])
    y_low, y_high = decades([v for p in points for v in p[1:]])

    def x_of(v):
        return left + (math.log10(v) - x_low) / (x_high - x_low) * PLOT_W

    def y_of(v):
        return TOP + PLOT_H - (math.log10(max(v, 10.0 ** y_low)) - y_low) / (y_high - y_low) * PLOT_H

    yield f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{title}</text>'
    for e in range(y_low, y_high + 1):
        y = y_of(10.0 ** e)
        yield f'<path d="M{left} {y:.1f}h{PLOT_W}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{power(e)}</text>'
    for e in range(x_low, x_high + 1):
        x = x_of(10.0 ** e)
        yield f'<path d="M{x:.1f} {TOP}v{PLOT_H}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{TOP + PLOT_H + 18}" text-anchor="middle">{power(e)}</text>'
    for which, color in ((1, OURS), (2, THEIRS)):
        at = " ".join(f"{x_of(p[0]):.1f},{y_of(p[which]):.1f}" for p in points)
        yield f'<polyline points="{at}" fill="none" stroke="{color}" stroke-width="2"/>'
        for p in points:
            yield f'<circle cx="{x_of(p[0]):.1f}" cy="{y_of(p[which]):.1f}" r="3" fill="{color}"/>'


def picture(rows):
    """The SVG's lines, or none where nothing was scaled."""
    plots = [(series(rows, what), title) for what, title in PANELS]
    if not all(points for points, _ in plots):
        return
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
    yield f'<title>From a thousand trails to eight million</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    for i, (points, title) in enumerate(plots):
        yield from panel(points, title, LEFT + i * (PLOT_W + 70))
    y = TOP + PLOT_H + 48
    for x, color, name in ((LEFT, OURS, "packed"), (LEFT + 110, THEIRS, "LPM trie")):
        yield f'<path d="M{x} {y - 4}h24" stroke="{color}" stroke-width="3"/><text x="{x + 30}" y="{y}">{name}</text>'
    yield f'<text x="{LEFT + 250}" y="{y}">across: IPv4 trails in force</text></svg>'


def draw(rows, measured=None):
    """Writes both files. measured: the line of what it was measured on; None: as it stands."""
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(fill(text, table(rows, measured or measured_line(text))))
    svg = list(picture(rows))
    if svg:
        with open(PICTURE, "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in svg)


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/bench.jsonl"), encoding="utf-8") as f:
        draw([json.loads(line) for line in f])


if __name__ == "__main__":
    main()
