"""The archive of a simulated service: a place in memory that fails by chance, and the judge of what is deleted.

Owns the rule that no run leaves the store before all of its events are in the archive. It reads objects by their form
as documented (docs/retention.md), not by the code that writes them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO

from workflowsvc.archive.archiver import Archiver
from workflowsvc.archive.place import Found, NoObject, PlaceFailed
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.store.errors import StoreError
from workflowsvc.testing import World
from workflowsvc.testing.world import PendingAnswer

MAX_ROUNDS = 50  # in a row
ALL = 1 << 62


class Memory:
    """A `Place`. It outlives the processes of the service."""

    workers = 1  # one after the other: what happens is a function of the seed

    def __init__(self) -> None:
        self.room = ALL
        """How many more objects it takes before it is full."""
        self.syncs = True
        self._objects: dict[str, bytes] = {}
        self._synced: set[str] = set()

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        if self.room <= 0:
            raise PlaceFailed("it is full")
        self.room -= 1
        target = BytesIO()
        write(target)
        self._objects[name] = target.getvalue()
        return len(self._objects[name])

    def sync(self, names: list[str]) -> None:
        if not self.syncs:
            raise PlaceFailed("it cannot sync")
        self._synced.update(names)

    def lose_power(self) -> None:
        """What was not synced is gone."""
        self._objects = {name: data for name, data in self._objects.items() if name in self._synced}

    def open(self, name: str) -> BinaryIO:
        if name not in self._objects:
            raise NoObject(name)
        return BytesIO(self._objects[name])

    def list(self, prefix: str) -> Iterator[Found]:
        return (Found(name, len(data)) for name, data in self._objects.items() if name.startswith(prefix))

    def folders(self, prefix: str) -> list[str]:
        return []

    def describe(self) -> str:
        return "memory"

    def runs(self) -> dict[str, list[bytes]]:
        """The events of the runs that survive a power cut, by runId."""
        found: dict[str, list[bytes]] = {}
        for name in self._synced:
            first, *events = gzip.decompress(self._objects[name]).splitlines()
            head = json.loads(first)
            assert head["events"] == len(events), f"{name} has {len(events)} events, not {head['events']}"
            found[head["execution"]["runId"]] = events
        return found


class Archive:
    """Of one simulation."""

    def __init__(self) -> None:
        self.place = Memory()
        self._archiver: Archiver | None = None
        self._judged: set[int] = set()

    @property
    def runs(self) -> int:
        return len(self.place.runs())

    def begin(self, world: World) -> None:
        """The process that has just begun archives."""
        world.state.archives_here = True

        def call(run: Callable[[UnitOfWork], object]) -> object:
            answer = PendingAnswer()
            world.writer.submit(Command(run, answer))
            world.run()
            return answer.output()

        self._archiver = Archiver(world.engine, self.place, call)

    def work(self) -> None:
        """Rounds, until there is nothing left to do for now, or the store fails."""
        assert self._archiver is not None
        try:
            for _ in range(MAX_ROUNDS):
                if self._archiver.round():
                    return
        except (StoreError, ServiceUnavailable):
            return  # the archiver's thread goes on later

    def require(self, run: int, run_id: str, events: list[bytes]) -> None:
        """The run, which is in the store no more, is in the archive as a whole."""
        if run not in self._judged:
            assert self.place.runs().get(run_id) == events, (
                f"run {run} was deleted, and is not in the archive"
            )
            self._judged.add(run)
