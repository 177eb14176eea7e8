"""Figures, their goals, and their output: a table for people, JSON for comparisons and pictures."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.server import ROOT

SYNCS = 100

Point = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """One number, with its goal (docs/performance.md), if it has one."""

    what: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    ours: bool = True  # False: of another server or of the generator, for comparison

    @property
    def goal(self) -> str:
        if self.at_least is not None:
            return f"≥ {number(self.at_least)}"
        return f"≤ {number(self.at_most)}" if self.at_most is not None else ""

    @property
    def met(self) -> bool | None:
        """None when there is no goal."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.value <= self.at_most if self.at_most is not None else None

    @property
    def more_is_better(self) -> bool:
        return self.unit.endswith("/s") or self.unit == "times"


@dataclass
class Result:
    """The result of one scenario: figures for the table, series for pictures."""

    scenario: str
    load: str  # in words: how much, how long
    figures: list[Figure] = field(default_factory=list)
    series: dict[str, list[Point]] = field(default_factory=dict)

    def add(self, what: str, value: float, unit: str, **goal: Any) -> None:
        self.figures.append(Figure(what, value, unit, **goal))


def number(value: float) -> str:
    """The number with three significant digits and thousands separators."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def print_result(result: Result) -> None:
    """The table of one scenario."""
    width = max(len(figure.what) for figure in result.figures)
    print(f"\n{result.scenario}: {result.load}")
    for figure in result.figures:
        verdict = {None: "", True: "met", False: "NOT MET"}[figure.met]
        value = f"{number(figure.value):>10} {figure.unit:<5}"
        print(f"  {figure.what:<{width}}  {value}  {figure.goal:<8} {verdict}".rstrip())


def machine(folder: Path) -> dict[str, str]:
    """Facts about the machine, without which the figures mean nothing."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "disk": f"{_file_system(folder)}, a sync takes {number(_sync_ms(folder))} ms",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "revision": _git("describe", "--always", "--dirty", "--abbrev=12") or "unknown",
    }


def print_machine(facts: dict[str, str]) -> None:
    print(", ".join(f"{name} {value}" for name, value in facts.items()))


def save(file: Path, facts: dict[str, str], results: Iterable[Result]) -> None:
    """Writes all results as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": facts, "results": [asdict(result) for result in results]}
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load_results(file: Path) -> tuple[dict[str, str], list[Result]]:
    """Reads what `save` has written."""
    content = json.loads(file.read_text())
    results = [
        Result(
            scenario=one["scenario"],
            load=one["load"],
            figures=[Figure(**figure) for figure in one["figures"]],
            series={name: [(x, y) for x, y in points] for name, points in one["series"].items()},
        )
        for one in content["results"]
    ]
    return content["machine"], results


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    """The kind of file system: a commit on tmpfs costs nothing, so figures from there do not count."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def _sync_ms(folder: Path) -> float:
    """The median time of a sync in milliseconds: the least that a commit must wait for."""
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            os.write(file.fileno(), bytes(4096))
            began = perf_counter()
            os.fdatasync(file.fileno())
            taken.append(perf_counter() - began)
    return 1e3 * statistics.median(taken)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
