# SPDX-License-Identifier: BSD-2-Clause
"""What tests/conformance/table reads: the outcome of each test of this tree's
last run on a kernel, BUILD/results/KERNEL.tsv."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
RANK = ("skip", "pass", "fail")     # of several cases the worst counts
outcomes = {}


def note(report):
    if report.when != "call" and report.outcome == "passed":
        return
    # what stands in brackets, a case's parameters, may hold anything
    path, *_, name = report.nodeid.split("[")[0].split("::")
    test = f"netns/{os.path.basename(path)[:-3]}:{name}"
    now = {"passed": "pass", "skipped": "skip"}.get(report.outcome, "fail")
    before = outcomes.get(test, "skip")
    outcomes[test] = max(before, now, key=RANK.index)


def write(kernel):
    """A run of some tests leaves the others' lines as they are."""
    folder = os.path.join(ROOT, os.environ.get("BUILD", "build"), "results")
    path = os.path.join(folder, f"{kernel}.tsv")
    os.makedirs(folder, exist_ok=True)
    merged = {}
    if os.path.exists(path):
        with open(path) as f:
            merged = dict(line.rstrip("\n").split("\t") for line in f)
    merged.update(outcomes)
    with open(path, "w") as f:
        f.writelines(f"{k}\t{v}\n" for k, v in sorted(merged.items()))
