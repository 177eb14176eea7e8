"""A process that does nothing but commit is killed a thousand times; every acknowledged commit is there as a whole.

Owns the kills at the store level: no HTTP, no rules, about one commit a millisecond, and enough checkpoints that kills
hit them too.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.crash import soundness
from tests.crash.fork_server import ForkServer
from tests.crash.store_work import Reference, done, judge, transact
from workflowsvc.store.sqlite.store import SqliteStore

MIN_LIFE_SECONDS, MAX_LIFE_SECONDS = 0.005, 0.12  # seconds
NUMBER_BYTES = 8


class Work(NamedTuple):
    """An order to commit without end; each acknowledgement is a number appended to a file."""

    store: str
    acknowledge_in: str


def work(order: Work, announce: Callable[[int], None]) -> int:
    store = SqliteStore(order.store)
    number = done(store)
    out = os.open(order.acknowledge_in, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    announce(1)
    while True:
        number += 1
        transact(store, number)
        os.write(out, number.to_bytes(NUMBER_BYTES, "big"))


@dataclass
class Report:
    """What the run did and found."""

    kills: int = 0
    commits: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"{self.kills} kills, {self.commits:,} commits, {self.seconds:.0f} s",
            f"{self.unacknowledged} times a commit was there that was not yet acknowledged; "
            f"{len(self.wrong)} things are wrong",
        ]


def run(kills: int, folder: Path, seed: int, deadline: float = float("inf")) -> Report:
    report, chance, reference = Report(), random.Random(seed), Reference()
    file, acknowledged = folder / "store.db", folder / "acknowledged"
    acknowledged.touch()
    began, there = time.monotonic(), 0
    with ForkServer(folder / "workers.log") as fork_server:
        while report.kills < kills and not report.wrong and time.monotonic() < deadline:
            process = fork_server.start(Work(str(file), str(acknowledged)))
            time.sleep(chance.uniform(MIN_LIFE_SECONDS, MAX_LIFE_SECONDS))
            process.kill()
            report.kills += 1
            last = _last(acknowledged)
            # A life begins after the commits of the one before, and may end with one that was not acknowledged.
            least = max(last, there)
            copied = soundness.copy(file, folder / "copy")
            judged = judge(str(copied), reference, least, least + 1)
            report.wrong += [f"after kill {report.kills}: {sentence}" for sentence in judged.wrong]
            report.commits = there = judged.done
            report.unacknowledged += judged.done > last
    report.seconds = time.monotonic() - began
    return report


def _last(acknowledged: Path) -> int:
    """The last number that was written whole."""
    size = acknowledged.stat().st_size
    size -= size % NUMBER_BYTES
    if not size:
        return 0
    with acknowledged.open("rb") as file:
        file.seek(size - NUMBER_BYTES)
        return int.from_bytes(file.read(NUMBER_BYTES), "big")
