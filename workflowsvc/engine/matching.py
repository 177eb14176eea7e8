"""Tasks find polls: those this batch has put, and those that wait in the store.

Owns what both ways of matching have in common: that a poll is handed the oldest task of highest priority, the oldest
poll first, and that a poll whose task is rolled back waits again. When the store is asked is the business of
immediate_matching.py (a single node) and batched_matching.py (several nodes); docs/decisions/0013 says why there are
two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from workflowsvc.engine.pollers import PendingPoll, Pollers
from workflowsvc.engine.quarantine import Quarantined, quarantine_task
from workflowsvc.engine.writes import Writes
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import ListKey, TaskRow


class MatchingWork(Protocol):
    """What matching asks of the unit of work that it belongs to."""

    tx: Transaction
    now: int
    answers: list[tuple[Callable[[Any], None], Any]]

    def collect(self) -> None: ...
    def flush(self) -> None: ...
    def prefetch_runs(self, runs: list[int]) -> None: ...


class Matching:
    """Of one unit of work, which is handed in each time: kept here, it would be a reference cycle for the garbage
    collector.
    """

    def __init__(self, pollers: Pollers, writes: Writes) -> None:
        self._pollers = pollers
        self._writes = writes
        self.fresh: set[ListKey] = set()  # lists on which the command at hand has put ready tasks
        self._matched: list[PendingPoll] = []
        self._added: list[PendingPoll] = []
        self._released: list[PendingPoll] = []

    # --- when the store is asked ---

    def poll(self, work: MatchingWork, pending: PendingPoll) -> None:
        """Hands the poll a task, or lets it wait."""
        raise NotImplementedError

    def match_stored(self, work: MatchingWork, lists: Iterable[ListKey]) -> None:
        """Gives the waiting polls of these lists what others have put there."""
        raise NotImplementedError

    def readied(self, key: ListKey) -> None:
        """A task of this list that stands in the store may now be taken."""
        raise NotImplementedError

    def stored(self, lists: set[ListKey]) -> None:
        """What was put on these is in the store now, and must be asked for there."""
        raise NotImplementedError

    def match_fresh(self, work: MatchingWork) -> None:
        """Tasks that have just become ready go to the polls that wait for them."""
        raise NotImplementedError

    def match_all(self, work: MatchingWork) -> None:
        """When all commands of the batch have run: what was left until then."""

    # --- in common ---

    def release(self, work: MatchingWork) -> None:
        """Every waiting poll gets the empty answer, and none waits from now on."""
        self._pollers.draining = True
        released = self._pollers.take_all()
        self._released += released
        work.answers.extend((pending.reply, None) for pending in released)

    def roll_back(self) -> None:
        """Polls that waited before the batch wait again; those that it added do not."""
        for pending in (*reversed(self._released), *reversed(self._matched)):
            self._pollers.put_back(pending)
        for pending in self._added:
            self._pollers.remove(pending)

    def _wait(self, work: MatchingWork, pending: PendingPoll) -> None:
        if self._pollers.draining:
            work.answers.append((pending.reply, None))
            return
        self._pollers.add(pending)
        self._added.append(pending)

    def _first(self, work: MatchingWork, key: ListKey) -> PendingPoll | None:
        """The oldest waiting poll that may have a task; those before it that may not any more are answered so."""
        while (pending := self._pollers.first(key)) is not None:
            if pending.refusal is None:
                return pending
            self._matched.append(pending)  # first of all: whatever happens, it is not lost
            fault = pending.refusal(work)
            self._matched.pop()
            if fault is None:
                return pending
            self._released.append(pending)
            work.answers.append((pending.reply, fault))
        return None

    def _take_for(self, work: MatchingWork, pending: PendingPoll) -> Any:
        """The answer of the poll; None when there is no task for it."""
        while (row := self._take(work, pending.key)) is not None:
            answer = self._start(work, pending, row)
            if answer is not None:
                return answer
        return None

    def _take(self, work: MatchingWork, key: ListKey) -> TaskRow | None:
        """The next task of a list, taken from the store together with what this batch has put."""
        if self._writes.has_fresh(key):
            work.flush()
        rows = work.tx.take_tasks(key.domain, key.kind, key.name, 1)
        return rows[0] if rows else None

    def _start(self, work: MatchingWork, pending: PendingPoll, row: TaskRow) -> Any:
        """The answer of the poll; None when the task is not to be handed out."""
        try:
            return pending.start(work, row)
        except Quarantined:
            self._writes.put_task(quarantine_task(work.tx, row))
            return None
