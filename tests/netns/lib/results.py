# SPDX-License-Identifier: BSD-2-Clause
"""What tests/conformance/table reads: the outcome of each test of this tree's
last run on a kernel, BUILD/results/KERNEL.tsv.

Parts of a suite that run side by side (see ../run) leave KERNEL.N.part; called
as a program, with KERNEL, this adds them to KERNEL.tsv when they have ended."""
import glob
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
FOLDER = os.path.join(ROOT, os.environ.get("BUILD", "build"), "results")
RANK = ("skip", "pass", "fail")     # of several cases the worst counts
outcomes = {}


def _add(test, outcome):
    outcomes[test] = max(outcomes.get(test, "skip"), outcome, key=RANK.index)


def note(report):
    if report.when != "call" and report.outcome == "passed":
        return
    # what stands in brackets, a case's parameters, may hold anything
    path, *_, name = report.nodeid.split("[")[0].split("::")
    _add(f"netns/{os.path.basename(path)[:-3]}:{name}",
         {"passed": "pass", "skipped": "skip"}.get(report.outcome, "fail"))


def _lines(path):
    with open(path) as f:
        return [line.rstrip("\n").split("\t") for line in f]


def _save(path, results):
    os.makedirs(FOLDER, exist_ok=True)
    with open(path, "w") as f:
        f.writelines(f"{k}\t{v}\n" for k, v in sorted(results.items()))


def write(kernel, part=None):
    """A run of some tests leaves the others' lines as they are."""
    if part is not None:
        _save(os.path.join(FOLDER, f"{kernel}.{part}.part"), outcomes)
        return
    path = os.path.join(FOLDER, f"{kernel}.tsv")
    before = dict(_lines(path)) if os.path.exists(path) else {}
    _save(path, before | outcomes)


def merge(kernel):
    parts = glob.glob(os.path.join(FOLDER, f"{kernel}.*.part"))
    outcomes.clear()
    for path in parts:
        for test, outcome in _lines(path):
            _add(test, outcome)
        os.unlink(path)
    if parts:
        write(kernel)


if __name__ == "__main__":
    merge(sys.argv[1])
