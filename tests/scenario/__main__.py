"""`python -m tests.scenario [--rewrite] [FILE ...]`: plays scenario files in this process and shows the differences.

With `--rewrite` the answers of the service take the place of what the files expect: look at `git diff` before you
believe them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.scenario import runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scenario")
    parser.add_argument("--rewrite", action="store_true", help="write the answers into the files")
    parser.add_argument("files", nargs="*", type=Path, help="scenario files (all of tests/histories)")
    args = parser.parse_args()
    different = 0
    for path in args.files or runner.files():
        told = runner.rewrite(path) if args.rewrite else runner.compare(path)
        if told:
            different += 1
            print(told)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
