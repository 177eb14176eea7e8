"""`python -m tests.mutations`: breaks one rule at a time in a copy of the package and sees which tests notice.

Owns the copies, the families of tests and the table. Exit codes: 0 each was noticed by all that had to, 1 some was not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutations.broken import MUTATIONS, Mutation
from tools.guard import Guard

ROOT = Path(__file__).resolve().parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
FAMILIES: dict[str, list[str]] = {
    "scenarios": [*PYTEST, "tests/histories", "-k", "not dies and not undone and not several and not boto3"],
    "restarts": [*PYTEST, "tests/histories", "-k", "dies or undone"],
    "model": ["env", "MODEL_SEEDS=40", *PYTEST, "tests/model/test_random.py"],
    "simulation": [sys.executable, "-m", "tests.sim", "--seeds", "0-399", "--no-shrink"],
    "core": [*PYTEST, "tests/core"],
    "engine": [*PYTEST, "tests/engine"],
    "nodes": [*PYTEST, "tests/postgres", "-k", "not scenarios and not plans"],
    "contract tests": [*PYTEST, "tests/store", "-k", "not postgres and not measure"],
}
TIMEOUT_SECONDS = 600
NEEDED = ("workflowsvc", "tests", "pyproject.toml")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these [all]")
    parser.add_argument("--all", action="store_true", help="ask every family about every mutation")
    parser.add_argument("--list", action="store_true", help="say which there are")
    args = parser.parse_args()
    Guard()  # what is started here ends with this process
    chosen = [mutation for mutation in MUTATIONS if not args.names or mutation.name in args.names]
    if args.list:
        print("\n".join(f"{mutation.name}: {mutation.what}" for mutation in chosen))
        return 0
    families = list(FAMILIES) if args.all else sorted({name for m in chosen for name in m.caught_by})
    print(f"| | what is broken | where | {' | '.join(families)} |")
    print("|---|---|---|" + "---|" * len(families))
    missed = 0
    for mutation in chosen:
        cells: list[str] = []
        for family in families:
            if not args.all and family not in mutation.caught_by:
                cells.append("")
                continue
            caught = is_caught(mutation, family)
            missed += not caught and family in mutation.caught_by
            cells.append("caught" if caught else "**missed**" if family in mutation.caught_by else "-")
        print(f"| {mutation.name} | {mutation.what} | `{mutation.path}` | {' | '.join(cells)} |", flush=True)
    return 1 if missed else 0


def is_caught(mutation: Mutation, family: str, *options: str) -> bool:
    """The tests of the family, with these further options, fail in a copy in which the rule is broken."""
    with tempfile.TemporaryDirectory() as folder:
        copy = make_copy(Path(folder))
        path = copy / "workflowsvc" / mutation.path
        path.write_text(broken(mutation, path.read_text("utf-8")), "utf-8")
        try:
            done = subprocess.run(
                [*FAMILIES[family], *options],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True  # a service that goes on for ever is noticed, too
        return done.returncode != 0


def make_copy(folder: Path) -> Path:
    """What the tests need of the repository."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def broken(mutation: Mutation, source: str) -> str:
    assert source.count(mutation.old) == 1, f"{mutation.name}: its place in {mutation.path} is not there once"
    return source.replace(mutation.old, mutation.new)


if __name__ == "__main__":
    sys.exit(main())
