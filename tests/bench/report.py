# SPDX-License-Identifier: BSD-2-Clause
"""The table as text, and doc/BENCHMARKS.md with its plots."""
import math
import os

from lib.svg import Canvas, nice

COLOURS = ("#1f6fb4", "#c8541c", "#2a8a4a", "#8a4ab0", "#777", "#b0902a")
NOTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "notes.md")


def show(v, unit):
    if v is None:
        return "-"
    if unit == "ratio":
        return f"{v:.2f}"
    if unit == "yes":
        return "yes" if v >= 1 else "no"
    return f"{v:.0f}" if v >= 100 else f"{v:.2f}" if v < 10 else f"{v:.1f}"


def spread(r):
    if len(r.samples) < 2:
        return "-"
    lo, hi = r.spread()
    return f"{show(lo, r.unit)} .. {show(hi, r.unit)} ({len(r.samples)})"


def limit(r, v):
    suffix = "" if v is None or r.unit in ("ratio", "yes") else f" {r.unit}"
    return show(v, r.unit) + suffix


def floor(r):
    if r.floor is None:
        return ""
    return f"{r.floor:,.0f} {r.floor_unit}" if r.floor >= 1000 else \
        f"{r.floor:.3g} {r.floor_unit}"


def text(res):
    out = []
    for r in res.rows.values():
        out.append(f"{r.title:64.64} {limit(r, r.target):>11} "
                   f"{limit(r, r.beyond):>11} {show(r.median, r.unit):>7}  "
                   f"{spread(r):24} {r.verdict}")
    return "\n".join(out)


# --- plots ----------------------------------------------------------------------

class Curves(Canvas):
    """Lines over a logarithmic number of bindings."""
    WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 60, 250, 50, 60

    def __init__(self, title, series):
        super().__init__(self.WIDTH, self.HEIGHT)
        xs = [x for points in series.values() for x, _ in points]
        self.lo, self.hi = min(xs), max(max(xs), min(xs) * 10)
        self.top = max(1.0, *(y for p in series.values() for _, y in p))
        self.text(self.LEFT, 22, title, size=15)
        self._axes(sorted(set(xs)))
        for k, (name, points) in enumerate(series.items()):
            self._series(name, sorted(points), COLOURS[k % len(COLOURS)], k)

    def x(self, n):
        share = math.log(n / self.lo) / math.log(self.hi / self.lo)
        return self.LEFT + share * (self.WIDTH - self.LEFT - self.RIGHT)

    def y(self, v):
        return self.HEIGHT - self.BOTTOM - v / self.top * \
            (self.HEIGHT - self.TOP - self.BOTTOM)

    def _axes(self, ticks):
        step, v = nice(self.top), 0.0
        right = self.WIDTH - self.RIGHT
        while v <= self.top * 1.001:
            self.line(self.LEFT, self.y(v), right, self.y(v), "#e4e4e4")
            self.text(self.LEFT - 6, self.y(v) + 4, f"{v:g}", "end")
            v = round(v + step, 9)
        for n in ticks:
            self.text(self.x(n), self.HEIGHT - self.BOTTOM + 18,
                      f"{n // 1000} k" if n < 1000000 else
                      f"{n // 1000000} M", "middle")
        self.line(self.LEFT, self.y(0), right, self.y(0), "#333")
        self.line(self.LEFT, self.TOP, self.LEFT, self.y(0), "#333")
        self.text(self.LEFT, self.TOP - 8, "of the floor")
        self.text(right, self.HEIGHT - 14, "bindings", "end")

    def _series(self, name, points, colour, k):
        for (x1, y1), (x2, y2) in zip(points, points[1:]):
            self.line(self.x(x1), self.y(y1), self.x(x2), self.y(y2), colour,
                      2)
        for x, y in points:
            self.circle(self.x(x), self.y(y), 3, colour)
        y = self.TOP + 10 + 20 * k
        self.line(self.WIDTH - self.RIGHT + 20, y, self.WIDTH - self.RIGHT +
                  44, y, colour, 2)
        self.text(self.WIDTH - self.RIGHT + 50, y + 4, name)


class Bars(Canvas):
    """Every row that is a ratio to a floor, with its spread and target."""
    WIDTH, LINE, LEFT, TOP = 900, 26, 430, 50

    def __init__(self, title, rows):
        super().__init__(self.WIDTH, self.TOP + self.LINE * len(rows) + 40)
        self.scale = (self.WIDTH - self.LEFT - 60) / max(
            1.0, *(max(r.spread()[1], r.target or 0) for r in rows))
        self.text(10, 22, title, size=15)
        for k, r in enumerate(rows):
            self._row(r, self.TOP + k * self.LINE)
        self.text(10, self.TOP + self.LINE * len(rows) + 26,
                  "bar: median; line: spread; red: target")

    def _row(self, r, y):
        lo, hi = r.spread()
        at = (lambda v: self.LEFT + v * self.scale)
        self.text(self.LEFT - 8, y + 14, r.title[:68], "end")
        self.rect(self.LEFT, y + 3, r.median * self.scale, 14, "#9dc3e6")
        self.line(at(lo), y + 10, at(hi), y + 10, "#1f6fb4", 2)
        if r.target is not None:
            self.line(at(r.target), y, at(r.target), y + 20, "#c22", 2)
        self.text(at(max(hi, r.median)) + 6, y + 14, f"{r.median:.2f}")


# --- the document ---------------------------------------------------------------

def table(res):
    yield "| what | floor, in the same run | target | beyond | measured " \
        "| spread (samples) | verdict |"
    yield "|---|---|---|---|---|---|---|"
    for r in res.rows.values():
        cells = (r.title, floor(r), limit(r, r.target), limit(r, r.beyond),
                 limit(r, r.median), spread(r), r.verdict)
        yield "| " + " | ".join(cells) + " |"


def plots(res, out):
    """Write them; yields (file, what it shows)."""
    folder = os.path.join(out, "bench")
    os.makedirs(folder, exist_ok=True)
    bars = [r for r in res.rows.values() if r.unit == "ratio" and r.samples
            and r.floor is not None and not r.less]
    if bars:
        Bars("Rates, as a share of the floor", bars).write(
            f"{folder}/ratios.svg")
        yield "bench/ratios.svg", "rates as a share of the floor"
    for name, series in res.curves.items():
        Curves(f"{name.capitalize()} over the number of bindings",
               series).write(f"{folder}/{name}.svg")
        yield f"bench/{name}.svg", f"{name} over the number of bindings"


def document(res, out):
    m = res.machine
    with open(NOTES) as f:
        method, causes = f.read().split("<!-- results -->")
    yield method.strip() + "\n"
    yield "## This run\n"
    yield f"- {m['cpu']}, {m['processors']} processors, " \
        f"{m['memory_GiB']} GiB; Linux {m['kernel']}"
    yield f"- {m['date']}, {m['command']}, {m.get('took_s', 0):.0f} s; load " \
        f"average before: {m['load']:.1f}, after: {m.get('load_after', 0):.1f}"
    yield "\n## Results\n"
    yield from table(res)
    for path, what in plots(res, out):
        yield f"\n![{what}]({path})"
    for name, rows in res.details.items():
        yield f"\n### {name.capitalize()}\n"
        yield "| what | median | spread |\n|---|---|---|"
        for what, med, (lo, hi) in rows:
            yield f"| {what} | {med:.2f} | {lo:.2f} .. {hi:.2f} |"
    if res.remarks:
        yield "\n### Beside the table\n"
        yield from (f"- {r}" for r in res.remarks)
    yield "\n" + causes.strip()


def write(res, out):
    with open(f"{out}/BENCHMARKS.md", "w") as f:
        f.write("\n".join(document(res, out)) + "\n")
