"""Where a node begins to read a queue, so that dead rows at its head cost nothing.

A row that was taken stays in the index until no transaction can see it any more. A backup that runs for an hour keeps
every task of that hour there, and each search for the next task would walk over all of them. So a node remembers the
place up to which it has taken everything, its low watermark, and begins there. Twice a second it reads from the
beginning, because another node may have put something there, or given back what it had taken. And it never begins
later than COMMIT_MS ago: the position of a task is the time at which the transaction that put it began, and the task
is seen only when that transaction has ended.

Owns these watermarks; they are hints and may be lost at any time. It must not know SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from workflowsvc.core.key_layout import POSITIONS_PER_MS
from workflowsvc.store.rows import ListKey, TaskRow

FULL_LOOK_MS = 500  # half of the second within which a task must be found without a hint
COMMIT_MS = 250  # a transaction takes a few milliseconds, ten times that on a slow disk
MAX_TASK_LISTS = 10_000  # remembered; callers make task lists by naming them, so there must be a bound
MAX_PRIORITIES = 8  # remembered for a list; each costs a search of its own
HIGHEST, LOWEST = 2**31 - 1, -(2**31)


class LowWatermark:
    """Of a queue in order of one number, a time or an id. Entries have a key and a place."""

    def __init__(self) -> None:
        self._mark = 0
        self._full_look_at: int | None = None
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._beyond: int | None = None
        self._open: dict[int, int] = {}
        self._written: int | None = None

    def first(self, moment: int) -> int:
        """The place at which to begin: as far as this node knows, nothing stands before it."""
        if self._full_look_at is None or not 0 <= moment - self._full_look_at < FULL_LOOK_MS:
            self._full_look_at = moment
            return 0
        return self._mark if self._written is None else min(self._mark, self._written)

    def found(self, entries: Iterable[tuple[int, int]], beyond: int | None) -> None:
        """A search has found these (key, place); the next one may begin at `beyond` if all of them are removed."""
        self._open.update(entries)
        if beyond is not None:
            self._beyond = beyond

    def gone(self, key: int) -> None:
        """The entry was removed, or moved to a place that was passed to `wrote`."""
        self._open.pop(key, None)

    def wrote(self, place: int | None) -> None:
        if place is not None:
            self._written = place if self._written is None else min(place, self._written)

    def committed(self) -> None:
        if self._beyond is not None:
            self._mark = self._beyond
        self._mark = min([self._mark, *self._open.values()])
        if self._written is not None:
            self._mark = min(self._mark, self._written)
        self._forget_transaction()

    def rolled_back(self) -> None:
        self._full_look_at = None
        self._forget_transaction()


class Stretch(NamedTuple):
    """A part of a task list: priorities from highest to lowest; of the priority `marked`, positions from `first` on."""

    highest: int
    marked: int
    first: int
    lowest: int


ALL = [Stretch(HIGHEST, HIGHEST, 0, LOWEST)]


def beyond(priority: int, position: int) -> list[Stretch]:
    """What stands behind this place."""
    return [Stretch(priority, priority, position + 1, LOWEST)]


class _ListLowWatermarks:
    def __init__(self) -> None:
        self.full_look_at: int | None = None
        self.positions: dict[int, int] = {}  # by priority: where the next search begins


class TaskLowWatermarks:
    """For all task lists, in order of priority and position."""

    def __init__(self) -> None:
        self._lists: dict[ListKey, _ListLowWatermarks] = {}
        self._touched: set[ListKey] = set()
        self.others_record = False
        """Other nodes have lately written events of runs whose tasks this node took."""

    def stretches(self, task_list: ListKey, moment: int) -> list[Stretch]:
        """The parts of the list to be searched, one after the other."""
        watermarks = self._lists.get(task_list)
        if watermarks is None:
            if len(self._lists) >= MAX_TASK_LISTS:
                self._lists.clear()
            watermarks = self._lists[task_list] = _ListLowWatermarks()
        if watermarks.full_look_at is None or not 0 <= moment - watermarks.full_look_at < FULL_LOOK_MS:
            watermarks.full_look_at = moment
            return ALL
        latest = max(moment - COMMIT_MS, 0) * POSITIONS_PER_MS
        found: list[Stretch] = []
        highest = HIGHEST
        for priority in sorted(watermarks.positions, reverse=True):
            found.append(Stretch(highest, priority, min(watermarks.positions[priority], latest), priority))
            highest = priority - 1
        return [*found[:-1], found[-1]._replace(lowest=LOWEST)] if found else ALL

    def took(self, task_list: ListKey, rows: list[TaskRow]) -> None:
        self._touched.add(task_list)
        watermarks = self._lists.get(task_list)
        if watermarks is None:
            return
        for row in rows:
            watermarks.positions[row.priority] = row.position  # another node may have made the same position
        if len(watermarks.positions) > MAX_PRIORITIES:
            self._lists.pop(task_list)

    def wrote(self, task_list: ListKey, priority: int, position: int) -> None:
        """A task there may now be taken."""
        watermarks = self._lists.get(task_list)
        if watermarks is not None and watermarks.positions.get(priority, -1) > position:
            watermarks.positions[priority] = position

    def committed(self) -> None:
        self._touched.clear()

    def rolled_back(self) -> None:
        """What was taken is back in its list."""
        for task_list in self._touched:
            self._lists.pop(task_list, None)
        self._touched.clear()


class LowWatermarks(NamedTuple):
    """Of one node."""

    tasks: TaskLowWatermarks
    wakes: LowWatermark
    purges: LowWatermark
    messages: LowWatermark

    def committed(self) -> None:
        for watermarks in self:
            watermarks.committed()

    def rolled_back(self) -> None:
        for watermarks in self:
            watermarks.rolled_back()
