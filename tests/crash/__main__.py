"""`python -m tests.crash`: kills the server at random moments and at every named point, and prints the findings.

Without arguments it does both, in a few minutes; with `--kills N` or `--points` one of them. The exit status is 1 when
an acknowledged call was lost or a rule was broken; the output then names the folder with the files of that round.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.crash import kills, points
from tools.guard import Guard

DEFAULT_KILLS = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, metavar="N", help="SIGKILL under load, N times")
    parser.add_argument("--points", action="store_true", help="die once at every point of every action")
    parser.add_argument(
        "--each", type=int, metavar="N", help="only N points of each action, drawn by the seed"
    )
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="default: the time")
    args = parser.parse_args()
    Guard()  # what is started here ends with this process
    both = args.kills is None and not args.points
    folder = Path(tempfile.mkdtemp(prefix="workflowsvc-crash-"))
    print(f"seed {args.seed}, files in {folder}", flush=True)
    wrong: list[str] = []
    if args.kills or both:
        killed = asyncio.run(kills.run(args.kills or DEFAULT_KILLS, folder, args.seed))
        print("\n".join(["SIGKILL under load:", *(f"  {line}" for line in killed.lines())]), flush=True)
        wrong += killed.wrong
    if args.points or both:
        died = points.run(folder, per_situation=args.each, seed=args.seed)
        print("\n".join(["Deaths at named points:", *(f"  {line}" for line in died.lines())]), flush=True)
        wrong += died.wrong
    if wrong:
        print("\n".join(wrong))
        return 1
    shutil.rmtree(folder)
    print("nothing was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
