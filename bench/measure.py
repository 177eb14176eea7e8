"""Measuring: latencies with their percentiles, and CPU and memory of a tree of processes, from /proc (Linux)."""

from __future__ import annotations

import math
import os
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Summary:
    """A set of latencies in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class Latencies:
    """Latencies by name, in seconds: eight bytes each; nothing is computed while the load runs."""

    def __init__(self) -> None:
        self.recording = False
        self._by_name: dict[str, array[float]] = {}

    def record(self, name: str, seconds: float) -> None:
        if self.recording:
            found = self._by_name.get(name)
            if found is None:
                found = self._by_name[name] = array("d")
            found.append(seconds)

    def names(self) -> list[str]:
        return list(self._by_name)

    def summary(self, name: str) -> Summary:
        return summarize(self._by_name[name])


def summarize(seconds: array[float] | list[float]) -> Summary:
    ordered = sorted(seconds)
    return Summary(
        len(ordered), 1e3 * quantile(ordered, 0.5), 1e3 * quantile(ordered, 0.99), 1e3 * ordered[-1]
    )


def quantile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Usage(NamedTuple):
    """CPU time and memory of a process and all its descendants."""

    cpu_seconds: float  # user and system, ended children included
    resident_bytes: int


def usage(pid: int) -> Usage:
    """The usage of the process and all its descendants."""
    children: dict[int, list[int]] = {}
    of: dict[int, Usage] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                # The name in parentheses may hold parentheses and blanks: count from the last one.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            cpu = sum(map(int, fields[11:15])) / TICKS_PER_SECOND
            of[int(folder.name)] = Usage(cpu, int(fields[21]) * PAGE_BYTES)
    cpu_seconds, resident_bytes, waiting = 0.0, 0, [pid]
    while waiting:
        one = waiting.pop()
        waiting += children.get(one, [])
        if one in of:
            cpu_seconds += of[one].cpu_seconds
            resident_bytes += of[one].resident_bytes
    return Usage(cpu_seconds, resident_bytes)
