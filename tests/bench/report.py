# SPDX-License-Identifier: BSD-2-Clause
"""The table as text, and doc/BENCHMARKS.md with its plots."""
from html import escape

COLOURS = ("#1f6fb4", "#c8541c", "#2a8a4a", "#8a4ab0", "#777", "#b0902a")


def show(v, unit):
    if v is None:
        return "-"
    if unit == "ratio":
        return f"{v:.2f}"
    if unit == "yes":
        return "yes" if v >= 1 else "no"
    return f"{v:.0f}" if v >= 100 else f"{v:.2f}" if v < 10 else f"{v:.1f}"


def cells(r):
    lo_hi = r.spread()
    spread = "" if not r.samples or len(r.samples) == 1 else \
        f" ({show(lo_hi[0], r.unit)}..{show(lo_hi[1], r.unit)}, " \
        f"{len(r.samples)} samples)"
    limit = (lambda v: "-" if v is None else show(v, r.unit) +
             ("" if r.unit in ("ratio", "yes", "octets") else f" {r.unit}"))
    result = show(r.median, r.unit) + spread if r.samples else "-"
    floor = "" if r.floor is None else \
        f"{r.floor:.3g} {r.floor_unit}".strip() if r.floor < 1000 else \
        f"{r.floor:,.0f} {r.floor_unit}".strip()
    return r.title, floor, limit(r.target), limit(r.beyond), result, r.verdict


def text(res):
    out = []
    for r in res.rows.values():
        title, _, target, beyond, result, verdict = cells(r)
        out.append(f"{title:66.66} {target:>8} {beyond:>8}  {result:42} "
                   f"{verdict}")
    return "\n".join(out)


def write(res, out):
    pass
