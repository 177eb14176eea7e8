"""Where a node begins to look into a queue, so that dead rows at its head cost nothing.

A row that was taken stays in the index until no transaction anywhere can see it any more. A backup that runs for an
hour keeps every task of that hour there, and each look for the next task would walk over all of them. So a node
remembers up to where it has taken everything, and begins there; twice a second it looks from the beginning, because
another node may have put something there, or given back what it had taken. And it never begins later than COMMIT_MS
ago: what another node has put there meanwhile stands where its transaction began, and is seen when it has ended.

Owns these memories; they hold no truth and may be lost at any time. It must not know SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from workflowsvc.core.key_layout import POSITIONS_PER_MS
from workflowsvc.store.rows import ListKey, TaskRow

FULL_LOOK_MS = 500  # half of the second within which a task must be found without any hint
COMMIT_MS = 250  # a transaction takes a few milliseconds, and ten times that when a disk is slow
TASK_LISTS = 10_000  # remembered; task lists are made by naming them, so there must be a bound
PRIORITIES = 8  # remembered for a list; each costs a look of its own
HIGHEST, LOWEST = 2**31 - 1, -(2**31)


class LowWatermark:
    """For a queue in order of one number: a time, or an id. Entries have a key and a place."""

    def __init__(self) -> None:
        self._mark = 0
        self._full_look_at: int | None = None
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._beyond: int | None = None
        self._open: dict[int, int] = {}
        self._written: int | None = None

    def first(self, moment: int) -> int:
        """Nothing stands before this place, as far as this node knows."""
        if self._full_look_at is None or not 0 <= moment - self._full_look_at < FULL_LOOK_MS:
            self._full_look_at = moment
            return 0
        return self._mark if self._written is None else min(self._mark, self._written)

    def found(self, entries: Iterable[tuple[int, int]], beyond: int | None) -> None:
        """A look gave these (key, place); `beyond` is where the next one may begin if all of them go."""
        self._open.update(entries)
        if beyond is not None:
            self._beyond = beyond

    def gone(self, key: int) -> None:
        """The entry was removed, or moved to a place that was told to `wrote`."""
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
    """A part of a task list: priorities from highest to lowest, and of the one that is `marked` positions from `first`
    on."""

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
        self.positions: dict[int, int] = {}  # by priority


class TaskLowWatermarks:
    """For all task lists, in order of priority and position."""

    def __init__(self) -> None:
        self._lists: dict[ListKey, _ListLowWatermarks] = {}
        self._touched: set[ListKey] = set()
        self.others_record = False  # lately other nodes have written events of runs whose tasks came here

    def stretches(self, task_list: ListKey, moment: int) -> list[Stretch]:
        """To be searched one after the other."""
        marks = self._lists.get(task_list)
        if marks is None:
            if len(self._lists) >= TASK_LISTS:
                self._lists.clear()
            marks = self._lists[task_list] = _ListLowWatermarks()
        if marks.full_look_at is None or not 0 <= moment - marks.full_look_at < FULL_LOOK_MS:
            marks.full_look_at = moment
            return ALL
        latest = max(moment - COMMIT_MS, 0) * POSITIONS_PER_MS
        found: list[Stretch] = []
        highest = HIGHEST
        for priority in sorted(marks.positions, reverse=True):
            found.append(Stretch(highest, priority, min(marks.positions[priority], latest), priority))
            highest = priority - 1
        return [*found[:-1], found[-1]._replace(lowest=LOWEST)] if found else ALL

    def took(self, task_list: ListKey, rows: list[TaskRow]) -> None:
        self._touched.add(task_list)
        marks = self._lists.get(task_list)
        if marks is None:
            return
        for row in rows:
            marks.positions[row.priority] = row.position  # another node may have given the same one
        if len(marks.positions) > PRIORITIES:
            self._lists.pop(task_list)

    def wrote(self, task_list: ListKey, priority: int, position: int) -> None:
        """A task there may now be taken."""
        marks = self._lists.get(task_list)
        if marks is not None and marks.positions.get(priority, -1) > position:
            marks.positions[priority] = position

    def committed(self) -> None:
        self._touched.clear()

    def rolled_back(self) -> None:
        """What was taken is there again."""
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
        for marks in self:
            marks.committed()

    def rolled_back(self) -> None:
        for marks in self:
            marks.rolled_back()
