"""Tasks find polls: those this batch has put, and those that wait in the store.

Owns when a task list is asked for, and in which order tasks and polls meet. With one node the store is asked only
for what memory does not know, at the moment it is wanted. Among several nodes a question is a round trip, so a batch
asks once for each list, when all its commands have run, for as many tasks as there are polls. What a batch has put is
handed to polls that wait without being written at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workflowsvc.engine.poison import Quarantined, set_aside
from workflowsvc.engine.pollers import Waiter
from workflowsvc.engine.writes import Writes
from workflowsvc.store.interface import ListKey, TaskRow

if TYPE_CHECKING:
    from workflowsvc.engine.session import Session
    from workflowsvc.engine.state import EngineState

HELD_MS = 10  # what another node is at work on is looked at again after this
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
        self._matched: list[Waiter] = []
        self._added: list[Waiter] = []
        self._released: list[Waiter] = []

    def poll(self, session: Session, waiter: Waiter) -> None:
        """Hands the poll a task, or lets it wait. Among several nodes it waits at least for the end of the batch."""
        pollers = self._state.pollers
        nobody_waits = not pollers.waiting(waiter.key)
        if nobody_waits and self._state.shared and not self._state.draining:
            self._to_claim.add(waiter.key)
        elif nobody_waits:
            answer = self._take_for(session, waiter)
            if answer is not None:
                session.answers.append((waiter.reply, answer))
                return
            self._look_again_at(session, waiter.key)
        if self._state.draining:
            session.answers.append((waiter.reply, None))
            return
        pollers.add(waiter)
        self._added.append(waiter)

    def release(self, session: Session) -> None:
        """Every waiting poll gets the empty answer, and none waits from now on."""
        self._state.draining = True
        self._released = self._state.pollers.take_all()
        session.answers.extend((waiter.reply, None) for waiter in self._released)

    def look(self, session: Session, lists: list[ListKey]) -> None:
        """Gives the waiting polls of these lists what other nodes have put there."""
        if self._state.shared:
            self._to_claim.update(lists)
            return
        for key in lists:
            if self._state.pollers.waiting(key):
                self._serve(session, key)

    def readied(self, key: ListKey) -> None:
        """A task of this list that stands in the store may now be taken."""
        self._state.empty_lists.discard(key)
        self._to_claim.add(key)

    def stored(self, lists: set[ListKey]) -> None:
        """What was put on these is in the store now, and must be asked for there."""
        self._state.empty_lists -= lists
        self._to_claim |= lists

    def match_fresh(self, session: Session) -> None:
        """Tasks that have just become ready go to the polls that wait for them, the oldest poll first."""
        if self._state.shared:
            self._to_hand_out |= self.fresh
            self.fresh.clear()
        while self.fresh:
            self._serve(session, self.fresh.pop())

    def match_all(self, session: Session) -> None:
        """At the end of a batch among several nodes. A list on which polls have waited before it was empty then, and
        whoever has put something there since sends a hint: so what this batch has put goes to them at once.
        """
        while self._to_claim or self._to_hand_out:
            to_claim, to_hand_out = self._to_claim, self._to_hand_out
            self._to_claim, self._to_hand_out = set(), set()
            self._claim_for_all(session, to_claim)
            for key in to_hand_out:
                self._hand_out(session, key)
            session.flush()

    def roll_back(self) -> None:
        """Who waited waits again."""
        pollers = self._state.pollers
        for waiter in (*reversed(self._released), *reversed(self._matched)):
            pollers.put_back(waiter)
        for waiter in self._added:
            pollers.remove(waiter)

    # --- one node ---

    def _take_for(self, session: Session, waiter: Waiter) -> Any:
        while (row := self._take(session, waiter.key)) is not None:
            answer = self._start(session, waiter, row)
            if answer is not None:
                return answer
        return None

    def _start(self, session: Session, waiter: Waiter, row: TaskRow) -> Any:
        """The answer of the poll; None when the task is not to be handed out."""
        try:
            return waiter.start(session, row)
        except Quarantined:
            self._writes.put_task(set_aside(session.tx, row))
            return None

    def _take(self, session: Session, key: ListKey) -> TaskRow | None:
        """The next task of a list. One that this batch has put need not go through the store, if the store is
        known to hold no other.
        """
        if key in self._state.empty_lists:
            return self._writes.take_task(key)
        if self._writes.has_fresh(key):
            session.store()
        rows = session.tx.take_tasks(key.domain, key.kind, key.name, 1)
        if not rows:
            if not self._state.shared:
                self._state.empty_lists.add(key)
            return None
        return rows[0]

    def _serve(self, session: Session, key: ListKey) -> None:
        pollers = self._state.pollers
        while (waiter := pollers.first(key)) is not None:
            self._matched.append(waiter)  # first of all: whatever happens, it is not lost
            answer = self._take_for(session, waiter)
            if answer is None:
                pollers.put_back(self._matched.pop())
                self._look_again_at(session, key)
                break
            session.answers.append((waiter.reply, answer))

    def _look_again_at(self, session: Session, key: ListKey) -> None:
        """There is nothing for a poll; or only tasks whose executions are in other hands for a few milliseconds."""
        if session.tx.has_held(key):
            self._state.held_lists.add(key)
            self._state.held_at = session.now + HELD_MS

    # --- several nodes ---

    def _claim_for_all(self, session: Session, lists: Iterable[ListKey]) -> None:
        """What waits in the store goes to the polls that wait here, together with what this batch has put, in the order
        of the list.
        """
        waiting = self._state.pollers.waiting
        while wanted := {key: min(waiting(key), MOST_CLAIMED) for key in lists if waiting(key)}:
            found = self._claim(session, wanted)
            for key in wanted:
                self._hand_out(session, key)
                if found[key] < wanted[key] and waiting(key):
                    self._look_again_at(session, key)
            lists = [key for key in wanted if found[key] == wanted[key]]

    def _claim(self, session: Session, wanted: dict[ListKey, int]) -> Counter[ListKey]:
        """How many there were in the store."""
        self._writes.store_ready(session.tx)
        rows = session.tx.take_from_lists(wanted)
        for row in rows:
            self._writes.put_task(row)  # what is not handed out is written again
        session.expect_runs([row.run for row in rows])
        return Counter(ListKey(row.domain, row.kind, row.task_list) for row in rows)

    def _hand_out(self, session: Session, key: ListKey) -> None:
        """What this batch holds for a list, as long as there are polls."""
        pollers = self._state.pollers
        while pollers.waiting(key) and (row := self._writes.take_task(key)) is not None:
            waiter = pollers.first(key)
            if waiter is None:  # all have gone
                self._writes.put_task(row)
                return
            self._matched.append(waiter)
            answer = self._start(session, waiter, row)
            if answer is None:
                pollers.put_back(self._matched.pop())
            else:
                session.answers.append((waiter.reply, answer))
