"""`python -m tests.soak`: the long forms of all tests that try to break the service, and their findings.

Runs all parts, one after the other, or those that are named. With `--postgres` the parts are those of several nodes on
PostgreSQL, for which a server is started. `--minutes` is a budget: parts that can do less do less, and those that have
not begun when it is used up are reported as not run. The exit status is 1 if anything was wrong; the output then names
the folder with the files of that part.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.soak import parts, postgres_parts
from tests.soak.part import Job, Part
from tests.support.server import ROOT
from tools import postgres
from tools.guard import Guard
from workflowsvc.cli import context_of_process
from workflowsvc.commands.progress import progress


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="see --list [all]")
    parser.add_argument(
        "--postgres", action="store_true", help="three nodes on PostgreSQL, not one on SQLite"
    )
    parser.add_argument("--list", action="store_true", help="say what the parts are")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="the budget [none]")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="[the time]")
    args = parser.parse_args()
    Guard()  # what is started here ends with this process
    all_parts = postgres_parts.PARTS if args.postgres else parts.PARTS
    names = [part.name for part in all_parts]
    if unknown := sorted(set(args.parts) - set(names)):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [part for part in all_parts if not args.parts or part.name in args.parts]
    if args.list:
        print("\n".join(f"{part.name:16} {part.minutes:5.1f} min  {part.about}" for part in chosen))
        return 0
    if args.postgres:
        try:
            postgres.find_programs()
        except postgres.NoPostgres as reason:
            parser.error(str(reason))
    _say_where(args.seed)
    end = time.monotonic() + args.minutes * 60
    wrong = [part.name for part in chosen if not run(part, args.seed, end)]
    print(f"\nwrong: {', '.join(wrong)}" if wrong else "\nnothing was wrong")
    return 1 if wrong else 0


def _say_where(seed: int) -> None:
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    print(
        f"seed {seed}, revision {revision or 'unknown'}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC"
    )


def run(part: Part, seed: int, end: float) -> bool:
    """One part; False when something was wrong."""
    print(f"\n{part.name}: {part.about}", flush=True)
    if time.monotonic() >= end:
        print("  not run: the budget is used up", flush=True)
        return True
    folder = Path(tempfile.mkdtemp(prefix=f"workflowsvc-soak-{part.name}-"))
    began = time.monotonic()
    try:
        with ticking(part.name, min(part.minutes * 60, end - began)):
            report = part.run(Job(folder, seed, end))
        lines, wrong = report.facts, report.wrong
    except Exception:
        lines, wrong = [], [traceback.format_exc()]
    for line in lines:
        print(f"  {line}")
    for sentence in wrong[:20]:
        print(f"  WRONG: {sentence[:2_000]}")
    print(f"  took {time.monotonic() - began:.0f} s", flush=True)
    if wrong:
        print(f"  files in {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return not wrong


@contextmanager
def ticking(name: str, usual_seconds: float, tick_seconds: float = 1.0) -> Generator[None]:
    """While a part runs: a bar of the seconds that it usually takes; in a log, a line from time to time."""
    began = time.monotonic()
    over = threading.Event()
    with progress(context_of_process(), f"{name}, seconds", max(round(usual_seconds), 1)) as show:

        def tick() -> None:
            while not over.wait(tick_seconds):
                show(round(time.monotonic() - began))

        ticker = threading.Thread(target=tick, name="progress", daemon=True)
        ticker.start()
        try:
            yield
        finally:
            over.set()
            ticker.join()


if __name__ == "__main__":
    sys.exit(main())
