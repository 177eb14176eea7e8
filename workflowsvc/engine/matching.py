"""Tasks find polls: those this batch has put, and those that wait in the store.

Owns when a task list is asked for, and in which order tasks and polls meet. With one node the store is asked only
for what memory does not know, at the moment it is wanted. Among several nodes a question is a round trip, so a batch
asks once for each list, when all its commands have run, for as many tasks as there are polls. What a batch has put is
handed to polls that wait without being written at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from workflowsvc.engine.pollers import PendingPoll
from workflowsvc.engine.quarantine import Quarantined, quarantine_task
from workflowsvc.engine.writes import Writes
from workflowsvc.store.interface import PeerTransaction
from workflowsvc.store.rows import ListKey, TaskRow

if TYPE_CHECKING:
    from workflowsvc.engine.state import EngineState
    from workflowsvc.engine.unit_of_work import UnitOfWork

RETRY_LOCKED_MS = 10  # what another node is at work on is looked at again after this
MOST_CLAIMED = 100  # tasks of a list at once; more polls than that ask again


class Matching:
    """Of one session, which hands itself in each time: kept here, it would be a circle for the collector."""

    def __init__(self, state: EngineState, writes: Writes) -> None:
        self._state = state
        self._writes = writes
        self.fresh: set[ListKey] = set()  # where the command at hand has put something
        # Among several nodes, for the end of the batch: lists that the store is asked for, and those it is not.
        self._to_claim: set[ListKey] = set()
        self._to_hand_out: set[ListKey] = set()
        self._matched: list[PendingPoll] = []
        self._added: list[PendingPoll] = []
        self._released: list[PendingPoll] = []

    def poll(self, work: UnitOfWork, pending: PendingPoll) -> None:
        """Hands the poll a task, or lets it wait. Among several nodes it waits at least for the end of the batch."""
        pollers = self._state.pollers
        no_poll_waits = not pollers.waiting(pending.key)
        if no_poll_waits and self._state.shared and not self._state.draining:
            self._to_claim.add(pending.key)
        elif no_poll_waits:
            answer = self._take_for(work, pending)
            if answer is not None:
                work.answers.append((pending.reply, answer))
                return
            self._look_again_at(work, pending.key)
        if self._state.draining:
            work.answers.append((pending.reply, None))
            return
        pollers.add(pending)
        self._added.append(pending)

    def release(self, work: UnitOfWork) -> None:
        """Every waiting poll gets the empty answer, and none waits from now on."""
        self._state.draining = True
        self._released = self._state.pollers.take_all()
        work.answers.extend((pending.reply, None) for pending in self._released)

    def look(self, work: UnitOfWork, lists: list[ListKey]) -> None:
        """Gives the waiting polls of these lists what other nodes have put there."""
        if self._state.shared:
            self._to_claim.update(lists)
            return
        for key in lists:
            if self._state.pollers.waiting(key):
                self._serve(work, key)

    def readied(self, key: ListKey) -> None:
        """A task of this list that stands in the store may now be taken."""
        self._state.empty_lists.discard(key)
        self._to_claim.add(key)

    def stored(self, lists: set[ListKey]) -> None:
        """What was put on these is in the store now, and must be asked for there."""
        self._state.empty_lists -= lists
        self._to_claim |= lists

    def match_fresh(self, work: UnitOfWork) -> None:
        """Tasks that have just become ready go to the polls that wait for them, the oldest poll first."""
        if self._state.shared:
            self._to_hand_out |= self.fresh
            self.fresh.clear()
        while self.fresh:
            self._serve(work, self.fresh.pop())

    def match_all(self, work: UnitOfWork) -> None:
        """At the end of a batch among several nodes. A list on which polls have waited before it was empty then, and
        whoever has put something there since sends a hint: so what this batch has put goes to them at once.
        """
        while self._to_claim or self._to_hand_out:
            to_claim, to_hand_out = self._to_claim, self._to_hand_out
            self._to_claim, self._to_hand_out = set(), set()
            self._claim_for_all(work, to_claim)
            for key in to_hand_out:
                self._hand_out(work, key)
            work.collect()

    def roll_back(self) -> None:
        """Who waited waits again."""
        pollers = self._state.pollers
        for pending in (*reversed(self._released), *reversed(self._matched)):
            pollers.put_back(pending)
        for pending in self._added:
            pollers.remove(pending)

    # --- one node ---

    def _take_for(self, work: UnitOfWork, pending: PendingPoll) -> Any:
        while (row := self._take(work, pending.key)) is not None:
            answer = self._start(work, pending, row)
            if answer is not None:
                return answer
        return None

    def _start(self, work: UnitOfWork, pending: PendingPoll, row: TaskRow) -> Any:
        """The answer of the poll; None when the task is not to be handed out."""
        try:
            return pending.start(work, row)
        except Quarantined:
            self._writes.put_task(quarantine_task(work.tx, row))
            return None

    def _take(self, work: UnitOfWork, key: ListKey) -> TaskRow | None:
        """The next task of a list. One that this batch has put need not go through the store, if the store is
        known to hold no other.
        """
        if key in self._state.empty_lists:
            return self._writes.take_task(key)
        if self._writes.has_fresh(key):
            work.flush()
        rows = work.tx.take_tasks(key.domain, key.kind, key.name, 1)
        if not rows:
            if not self._state.shared:
                self._state.empty_lists.add(key)
            return None
        return rows[0]

    def _serve(self, work: UnitOfWork, key: ListKey) -> None:
        pollers = self._state.pollers
        while (pending := pollers.first(key)) is not None:
            self._matched.append(pending)  # first of all: whatever happens, it is not lost
            answer = self._take_for(work, pending)
            if answer is None:
                pollers.put_back(self._matched.pop())
                self._look_again_at(work, key)
                break
            work.answers.append((pending.reply, answer))

    def _look_again_at(self, work: UnitOfWork, key: ListKey) -> None:
        """There is nothing for a poll; or only tasks whose executions are in other hands for a few milliseconds."""
        if self._state.shared and cast(PeerTransaction, work.tx).has_locked_by_peer(key):
            self._state.locked_lists.add(key)
            self._state.locked_lists_at = work.now + RETRY_LOCKED_MS

    # --- several nodes ---

    def _claim_for_all(self, work: UnitOfWork, lists: Iterable[ListKey]) -> None:
        """What waits in the store goes to the polls that wait here, together with what this batch has put, in the order
        of the list.
        """
        waiting = self._state.pollers.waiting
        while wanted := {key: min(waiting(key), MOST_CLAIMED) for key in lists if waiting(key)}:
            found = self._claim(work, wanted)
            for key in wanted:
                self._hand_out(work, key)
                if found[key] < wanted[key] and waiting(key):
                    self._look_again_at(work, key)
            lists = [key for key in wanted if found[key] == wanted[key]]

    def _claim(self, work: UnitOfWork, wanted: dict[ListKey, int]) -> Counter[ListKey]:
        """How many there were in the store."""
        self._writes.flush_ready(work.tx)
        rows = cast(PeerTransaction, work.tx).take_from_lists(wanted)
        for row in rows:
            self._writes.put_task(row)  # what is not handed out is written again
        work.prefetch_runs([row.run for row in rows])
        return Counter(ListKey(row.domain, row.kind, row.task_list) for row in rows)

    def _hand_out(self, work: UnitOfWork, key: ListKey) -> None:
        """What this batch holds for a list, as long as there are polls."""
        pollers = self._state.pollers
        while pollers.waiting(key) and (row := self._writes.take_task(key)) is not None:
            pending = pollers.first(key)
            if pending is None:  # all have gone
                self._writes.put_task(row)
                return
            self._matched.append(pending)
            answer = self._start(work, pending, row)
            if answer is None:
                pollers.put_back(self._matched.pop())
            else:
                work.answers.append((pending.reply, answer))
