"""Two revisions side by side: `python -m bench.compare REVISION` against the work tree, as ratios.

The load goes to the two servers in short slices by turns, so that other load of the machine affects both. The generator
is always that of the work tree; only the server's code differs. The old code is extracted from git into a temporary
folder (`git archive`: no branch or work tree can be left behind) and runs with the same interpreter and packages.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.__main__ import RESULTS
from bench.load import Outcome, Plan
from bench.report import Result, machine, number, print_machine
from bench.scenarios import Bench, latency, throughput
from bench.server import ROOT, Server
from bench.side_by_side import SLICE_SECONDS, SLICES, Estimate, Side, SideBySide, estimate, side_by_side

OLD, NEW = "old", "new"
SAME_WITHIN = 0.03  # what counts as no difference


def main() -> int:
    """Prints the table of ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("revision", help="what the work tree is compared with: a commit, tag or branch")
    parser.add_argument("--slices", type=int, default=SLICES, help="slices of each load on each server")
    parser.add_argument("--seconds", type=float, default=SLICE_SECONDS, help="seconds of each slice")
    parser.add_argument(
        "--rate",
        type=float,
        help="workflows/s of the latencies (default: half of the older revision's throughput)",
    )
    parser.add_argument(
        "--open", type=int, default=Plan().open_workflows, help="open workflows of the throughput"
    )
    options = parser.parse_args()
    plan = Plan(open_workflows=options.open)
    print_machine(machine(RESULTS))
    with tempfile.TemporaryDirectory(prefix="bench-compare-") as folder, ExitStack() as opened:
        extract(options.revision, Path(folder))
        servers = {
            OLD: Bench(plan=plan, folder=RESULTS, code=Path(folder)).open_server(opened),
            NEW: Bench(plan=plan, folder=RESULTS).open_server(opened),
        }
        uvloop.run(compare(servers, plan, options))
    return 0


async def compare(servers: dict[str, Server], plan: Plan, options: argparse.Namespace) -> None:
    """Prints the ratios of the closed loop and of the fixed rate."""

    async def measured(plan: Plan) -> SideBySide:
        sides = {name: Side(server, plan) for name, server in servers.items()}
        return await side_by_side(sides, slices=options.slices, seconds=options.seconds)

    closed = await measured(plan)
    print_ratios(options.revision, closed, throughput.reported, plan)
    plan = latency.paced(plan, options.rate or closed.median(OLD, throughput.workflows_per_second) / 2)
    print_ratios(options.revision, await measured(plan), latency.reported, plan)


def extract(revision: str, folder: Path) -> None:
    """The package as it was at that revision."""
    command = ["git", "archive", "--format=tar", revision, "workflowsvc"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def print_ratios(
    revision: str, sides: SideBySide, reported: Callable[[Outcome, Plan], Result], plan: Plan
) -> None:
    """Prints the medians of both, their ratio with its range, and a verdict where the range leaves no doubt."""
    slices = {
        name: [reported(outcome, plan).figures for outcome in found] for name, found in sides.outcomes.items()
    }
    shown = [
        (index, figure)
        for index, figure in enumerate(slices[OLD][0])
        if figure.ours and figure.unit != "%"  # a share of busy time is neither good nor bad
    ]
    width = max(len(figure.what) for _, figure in shown)
    print(f"\n{throughput.described(plan)}")
    print(f"{'':<{width}}  {revision[:12]:>12} {'work tree':>12}       ratio")
    for index, figure in shown:
        values = {name: [figures[index].value for figures in found] for name, found in slices.items()}
        old, new = (statistics.median(values[name]) for name in (OLD, NEW))
        found = estimate([ratio(one, other) for one, other in zip(values[OLD], values[NEW], strict=True)])
        line = f"{figure.what:<{width}}  {number(old):>12} {number(new):>12} {figure.unit:<5} {found.value:>5.2f}"
        said = verdict(found, more_is_better=figure.more_is_better)
        print(f"{line}  ({found.low:.2f} to {found.high:.2f})  {said}".rstrip())


def ratio(old: float, new: float) -> float:
    return new / old if old else 1.0


def verdict(ratio: Estimate, *, more_is_better: bool) -> str:
    """Better or worse only if the whole range is."""
    if ratio.low > 1 + SAME_WITHIN:
        return "better" if more_is_better else "WORSE"
    if ratio.high < 1 - SAME_WITHIN:
        return "WORSE" if more_is_better else "better"
    return ""


if __name__ == "__main__":
    sys.exit(main())
