"""Matching on a single node: a task is handed out the moment it is wanted, and a poll answered the moment it comes.

Owns which lists the store is known to hold no task for: it is asked only for what memory does not know.
"""

from __future__ import annotations

from collections.abc import Iterable

from workflowsvc.engine.matching import Matching, MatchingWork
from workflowsvc.engine.pollers import PendingPoll, Pollers
from workflowsvc.engine.writes import Writes
from workflowsvc.store.rows import ListKey, TaskRow


class ImmediateMatching(Matching):
    """`empty_lists` outlives the unit of work: the store is known to hold no ready task for these."""

    def __init__(self, pollers: Pollers, writes: Writes, empty_lists: set[ListKey]) -> None:
        super().__init__(pollers, writes)
        self._empty_lists = empty_lists

    def poll(self, work: MatchingWork, pending: PendingPoll) -> None:
        if not self._pollers.waiting(pending.key):
            answer = self._take_for(work, pending)
            if answer is not None:
                work.answers.append((pending.reply, answer))
                return
        self._wait(work, pending)

    def match_stored(self, work: MatchingWork, lists: Iterable[ListKey]) -> None:
        for key in lists:
            if self._pollers.waiting(key):
                self._serve(work, key)

    def readied(self, key: ListKey) -> None:
        self._empty_lists.discard(key)

    def stored(self, lists: set[ListKey]) -> None:
        self._empty_lists -= lists

    def match_fresh(self, work: MatchingWork) -> None:
        while self.fresh:
            self._serve(work, self.fresh.pop())

    def _serve(self, work: MatchingWork, key: ListKey) -> None:
        """The oldest poll first. None is looked at for a task that is not there, which is how most lists are left."""
        while self._may_have_task(key) and (pending := self._first(work, key)) is not None:
            self._matched.append(pending)  # first of all: whatever happens, it is not lost
            answer = self._take_for(work, pending)
            if answer is None:
                self._pollers.put_back(self._matched.pop())
                break
            work.answers.append((pending.reply, answer))

    def _may_have_task(self, key: ListKey) -> bool:
        return key not in self._empty_lists or self._writes.has_put(key)

    def _take(self, work: MatchingWork, key: ListKey) -> TaskRow | None:
        """What this batch has put need not go through the store, if the store is known to hold no other task."""
        if key in self._empty_lists:
            return self._writes.take_task(key)
        row = super()._take(work, key)
        if row is None:
            self._empty_lists.add(key)
        return row
