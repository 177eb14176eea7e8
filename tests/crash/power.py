"""Opens what a power cut may leave of a database: it holds every acknowledged transaction, and none of them by halves.

Owns the records, the moments at which the power is cut, and the judgement of each image. `power_disk.py` decides what a
power cut may leave.
"""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.fork_server import ForkServer
from tests.crash.power_disk import Disk, Operation, read
from tests.crash.power_recorder import Recording
from tests.crash.store_work import Reference, judge

IMAGES_PER_RECORD = 250
TRANSACTIONS = 150
LIVES = 5  # processes that commit, for each record


@dataclass
class Report:
    """What the run did and found."""

    records: int = 0
    images: int = 0
    operations: int = 0
    lost_syncs: int = 0
    restarts: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"{self.images:,} power cuts in {self.records} records of {self.operations:,} writes, syncs and "
            f"deletions, {self.seconds:.0f} s",
            f"{self.restarts} restarts after kill -9 and {self.lost_syncs} failed syncs among them; "
            f"{self.unacknowledged} images hold a transaction that was not yet acknowledged; "
            f"{len(self.wrong)} things are wrong",
        ]


def run(
    images: int, folder: Path, seed: int, *, failing_syncs: float = 0.0, deadline: float = float("inf")
) -> Report:
    """Judges `images` images, IMAGES_PER_RECORD of each record."""
    report, chance, reference = Report(), random.Random(seed), Reference()
    reference.learn(TRANSACTIONS)
    began = time.monotonic()
    with ForkServer(folder / "recorders.log") as fork_server:
        while report.images < images and not report.wrong and time.monotonic() < deadline:
            place = folder / f"record{report.records}"
            place.mkdir()
            operations = _recorded(fork_server, place, chance, failing_syncs, report)
            wanted = min(IMAGES_PER_RECORD, images - report.images)
            _cut(operations, wanted, place, chance, reference, report)
            shutil.rmtree(place)
    report.wrong += [line for line in (folder / "recorders.log").read_text().splitlines() if "Error" in line]
    report.seconds = time.monotonic() - began
    return report


def _recorded(
    fork_server: ForkServer, place: Path, chance: random.Random, failing_syncs: float, report: Report
) -> list[Operation]:
    """The operations of a store from its creation to TRANSACTIONS, in LIVES processes, all but the last killed."""
    record = place / "record"
    lives = [chance.randrange(50, 2_000) for _ in range(LIVES - 1)] + [1 << 60]
    for die_after in lives:
        order = Recording(
            str(place / "store.db"),
            str(record),
            TRANSACTIONS,
            seed=chance.randrange(2**32),
            die_after=die_after,
            failing_syncs=failing_syncs,
        )
        process = fork_server.start(order)
        assert process.is_dead(within_seconds=60.0), "the recorder does not come to an end"
        process.kill()
    operations = list(read(record))
    report.records += 1
    report.restarts += len(lives) - 1
    report.operations += len(operations)
    report.lost_syncs += sum(operation.kind == "failed sync" for operation in operations)
    return operations


def _cut(
    operations: list[Operation],
    images: int,
    place: Path,
    chance: random.Random,
    reference: Reference,
    report: Report,
) -> None:
    cuts = sorted(chance.randrange(len(operations) + 1) for _ in range(images))
    disk, done = Disk(), 0
    for cut in cuts:
        for operation in operations[done:cut]:
            disk.feed(operation)
        done = cut
        image = place / "image"
        image.mkdir()
        for name, data in disk.after_power_cut(chance).items():
            (image / name).write_bytes(data)
        where = (
            f"record {report.records}, cut after operation {cut} ({operations[cut - 1] if cut else 'none'})"
        )
        judged = judge(str(image / "store.db"), reference, disk.acknowledged, disk.begun)
        report.unacknowledged += judged.done > disk.acknowledged
        report.wrong += [f"{where[:300]}: {sentence}" for sentence in judged.wrong]
        report.images += 1
        shutil.rmtree(image)
