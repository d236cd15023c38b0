# SPDX-License-Identifier: BSD-2-Clause
"""What was measured: one Row per line of the table, with every sample."""
import json
import statistics as st


class Row:
    """A line of the table.  `samples`: [{"value":, "floor":}], floor is None
    where there is none; what is judged is value/floor, or value."""

    def __init__(self, key, title, target, beyond, unit="ratio", less=False,
                 floor_unit="packets per CPU-second", note=""):
        self.key, self.title = key, title
        self.target, self.beyond = target, beyond
        self.unit, self.less, self.note = unit, less, note
        self.floor_unit = floor_unit
        self.samples, self.missing = [], "not asked for in this run"

    def add(self, value, floor=None, **more):
        self.samples.append({"value": value, "floor": floor, **more})

    def results(self):
        """What is judged, of each sample."""
        return [s["value"] if s["floor"] is None else s["value"] / s["floor"]
                for s in self.samples]

    @property
    def median(self):
        return st.median(self.results()) if self.samples else None

    @property
    def worst(self):
        return max(self.results()) if self.less else min(self.results())

    @property
    def floor(self):
        found = [s["floor"] for s in self.samples if s["floor"] is not None]
        return st.median(found) if found else None

    def meets(self, limit):
        if limit is None or not self.samples:
            return None
        return self.median <= limit if self.less else self.median >= limit

    @property
    def verdict(self):
        if not self.samples:
            return f"not measured: {self.missing}"
        if self.beyond is not None and self.meets(self.beyond):
            return "beyond"
        if self.target is None:
            return "no target"
        return "met" if self.meets(self.target) else "missed"

    def spread(self):
        r = self.results()
        return (min(r), max(r)) if r else None

    def as_json(self):
        return {"key": self.key, "title": self.title, "unit": self.unit,
                "target": self.target, "beyond": self.beyond,
                "less_is_better": self.less, "median": self.median,
                "spread": self.spread(), "floor": self.floor,
                "floor_unit": self.floor_unit, "verdict": self.verdict,
                "note": self.note, "samples": self.samples}


class Results:
    def __init__(self, rows, machine):
        self.rows = {r.key: r for r in rows}
        self.machine = machine
        self.curves = {}        # plots: name -> {series: [(x, y)]}
        self.details = {}       # more pairs: name -> [(what, median, spread)]
        self.remarks = []       # measured beside the table

    def __getitem__(self, key):
        return self.rows[key]

    def curve(self, plot, series, x, y):
        self.curves.setdefault(plot, {}).setdefault(series, []).append((x, y))

    def detail(self, name, what, pairs):
        """Ratios beside the table, from (value, floor)."""
        ratios = [v / f for v, f in pairs]
        self.details.setdefault(name, []).append(
            (what, st.median(ratios), (min(ratios), max(ratios))))

    def save(self, path):
        with open(path, "w") as f:
            json.dump({"machine": self.machine,
                       "rows": [r.as_json() for r in self.rows.values()],
                       "curves": self.curves, "details": self.details,
                       "remarks": self.remarks}, f,
                      indent=1)
            f.write("\n")
