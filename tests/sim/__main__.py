"""`python -m tests.sim --seed N`: simulates seeds, says what they did, and how to see a failure again.

Owns the options and what is printed. Exit codes: 0 all held, 1 a rule was broken, 2 it was asked wrongly.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sim.shrink import read, shrink, spelt
from tests.sim.simulation import STEPS, Failure, OpenStore, Plan, Result, simulate
from workflowsvc.model.shapes import EVENTS, OPERATIONS
from workflowsvc.store.sqlite.store import SqliteStore


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed; its hash is printed")
    parser.add_argument("--seeds", metavar="A-B", help="all of these seeds")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each seed [%(default)s]")
    parser.add_argument("--only", help="only these steps: 3,5,9-12")
    parser.add_argument("--minutes", type=float, help="as many seeds as fit into this time, beginning with A")
    parser.add_argument(
        "--store",
        choices=["memory", "file", "postgres"],
        default="memory",
        help="where data is kept; a file is opened anew by each restart [%(default)s]",
    )
    parser.add_argument("--no-shrink", action="store_true", help="show a failure as it is")
    args = parser.parse_args()
    if args.seed is not None:
        seeds = [args.seed]
    else:
        first, _, last = (args.seeds or "0-99").partition("-")
        seeds = range(int(first), int(last or first) + 1)
    only = None if args.only is None else read(args.only)
    return run(seeds, args, only)


def run(seeds: range | list[int], args: argparse.Namespace, only: tuple[int, ...] | None) -> int:
    began = time.monotonic()
    results: list[Result] = []
    seed = seeds[0]
    while seed in seeds if args.minutes is None else time.monotonic() - began < args.minutes * 60:
        with _database(args.store) as open_store:
            plan = Plan(seed, args.steps, only, open_store, reopens=args.store == "file")
            try:
                results.append(simulate(plan))
            except Failure as failure:
                _tell(failure, plan, args)
                return 1
        if args.seed is not None:
            print(f"seed {seed}: {results[-1].hash}")
        seed += 1
    _summarize(results, time.monotonic() - began)
    return 0


@contextmanager
def _database(store: str) -> Iterator[OpenStore | None]:
    """How to open the database of one seed."""
    if store == "memory":
        yield None
    elif store == "postgres":
        from tests.postgres.places import open_empty_store

        yield open_empty_store
    else:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            yield lambda: SqliteStore(f"{folder}/sim.db")


def _tell(failure: Failure, plan: Plan, args: argparse.Namespace) -> None:
    print(f"seed {failure.seed}, step {failure.step}: {failure.report}\n")
    if not args.no_shrink and args.store == "memory":
        plan, failure = shrink(failure, plan)
        print(f"shrunk: {failure.report}\n")
    print("\n".join(failure.story[-60:]))
    command = f"python -m tests.sim --seed {plan.seed} --steps {plan.steps}"
    command += "" if plan.only is None else f" --only {spelt(plan.only)}"
    print(f"\nagain: {command} --store {args.store} --no-shrink")


def _summarize(results: list[Result], seconds: float) -> None:
    struck: Counter[str] = Counter()
    for result in results:
        struck.update(result.struck)
    events = set[str]().union(*(result.event_types for result in results))
    operations = set[str]().union(*(result.operations for result in results))
    print(
        f"{len(results)} seeds from {results[0].seed} in {seconds:.1f} s: "
        f"{sum(r.steps for r in results)} steps, {sum(r.calls for r in results)} calls "
        f"({sum(r.acknowledged for r in results)} acknowledged), {sum(r.runs for r in results)} executions, "
        f"{sum(r.events for r in results)} events, {sum(r.commits for r in results)} commits, "
        f"{sum(r.archived for r in results)} executions archived, "
        f"{sum(r.rules for r in results)} changes of rules of retention"
    )
    print("faults: " + ", ".join(f"{kind} {number}" for kind, number in sorted(struck.items())))
    if missing := sorted(EVENTS.keys() - events):
        print("events that never came: " + ", ".join(missing))
    if missing := sorted(OPERATIONS.keys() - operations):
        print("operations never called: " + ", ".join(missing))


if __name__ == "__main__":
    sys.exit(main())
