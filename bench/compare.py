"""Two revisions side by side: `python -m bench.compare REVISION` against the work tree, in turn, as ratios.

Each turn measures the revision and then the work tree, so that other load of the machine affects both. The generator is
always that of the work tree; only the server's code differs. The old code is extracted from git into a temporary folder
(`git archive`: no branch or work tree can be left behind) and runs with the same interpreter and packages.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import uvloop

from bench.__main__ import RESULTS
from bench.load import Plan
from bench.report import Figure, machine, number, print_machine
from bench.scenarios import Bench, latency, throughput
from bench.server import ROOT

TURNS = 3
SECONDS = 8.0
SAME_WITHIN = 0.05  # two runs of the same code differ by about this share


def main() -> int:
    """Prints the table of ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("revision", help="what the work tree is compared with: a commit, tag or branch")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds of each measurement")
    parser.add_argument(
        "--rate", type=float, default=latency.RATE_IF_UNKNOWN, help="workflows/s of the latencies"
    )
    parser.add_argument(
        "--open", type=int, default=Plan().open_workflows, help="open workflows of the throughput"
    )
    options = parser.parse_args()
    plan = Plan(open_workflows=options.open, seconds=options.seconds)
    print_machine(machine(RESULTS))
    with tempfile.TemporaryDirectory(prefix="bench-compare-") as folder:
        extract(options.revision, Path(folder))
        old = Bench(plan=plan, folder=RESULTS, code=Path(folder))
        new = Bench(plan=plan, folder=RESULTS)
        rate = options.rate or uvloop.run(throughput.run(old)).figures[0].value / 2
        turns = [(figures(old, rate), figures(new, rate)) for _ in range(options.turns)]
    print_ratios(options.revision, turns)
    return 0


def extract(revision: str, folder: Path) -> None:
    """The package as it was at that revision."""
    command = ["git", "archive", "--format=tar", revision, "workflowsvc"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def figures(bench: Bench, rate: float) -> list[Figure]:
    """The compared figures, measured once."""
    results = [uvloop.run(throughput.run(bench))]
    results.append(uvloop.run(latency.run(replace(bench, plan=replace(bench.plan, rate=rate)))))
    return [
        replace(figure, what=f"{result.scenario}: {figure.what}")
        for result in results
        for figure in result.figures
        if figure.ours and figure.unit != "%"  # a share of busy time is neither good nor bad
    ]


def print_ratios(revision: str, turns: list[tuple[list[Figure], list[Figure]]]) -> None:
    """Prints the median of all turns of each, their ratio, and a verdict where all turns agree."""
    names = [figure.what for figure in turns[0][0]]
    width = max(map(len, names))
    print(f"\n{'':<{width}}  {revision[:12]:>12} {'work tree':>12}       ratio")
    for index, name in enumerate(names):
        old, new = (statistics.median(turn[side][index].value for turn in turns) for side in (0, 1))
        figure = turns[0][0][index]
        ratios = [ratio(turn[0][index].value, turn[1][index].value) for turn in turns]
        line = (
            f"{name:<{width}}  {number(old):>12} {number(new):>12} {figure.unit:<5} {ratio(old, new):>5.2f}"
        )
        print(f"{line}  {verdict(ratios, more_is_better=figure.more_is_better)}".rstrip())


def ratio(old: float, new: float) -> float:
    return new / old if old else 1.0


def verdict(ratios: list[float], *, more_is_better: bool) -> str:
    """Better or worse only if every turn shows it."""
    if all(one > 1 + SAME_WITHIN for one in ratios):
        return "better" if more_is_better else "WORSE"
    if all(one < 1 - SAME_WITHIN for one in ratios):
        return "WORSE" if more_is_better else "better"
    return ""


if __name__ == "__main__":
    sys.exit(main())
