"""A part of a long form: its name, its usual duration, and the function that runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.abuse.report import Report
from tests.support.server import ROOT


class Job(NamedTuple):
    """The folder, seed and deadline of a part."""

    folder: Path
    seed: int
    deadline: float  # of time.monotonic; a part that can do less does less


class Part(NamedTuple):
    name: str
    minutes: float  # usual duration on two cores
    about: str
    run: Callable[[Job], Report]


def of(lines: list[str], wrong: list[str]) -> Report:
    return Report([line for line in lines if line], wrong)


def simulation(seeds: int, *options: str) -> Report:
    done = command("tests.sim", "--seeds", f"1-{seeds}", *options)
    report = of(done.stdout.splitlines()[-12:], [])
    report.require(done.returncode == 0, f"make sim ended with {done.returncode}: {done.stderr[-500:]}")
    return report


def command(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a module as a process; its exit status is the judgement."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
