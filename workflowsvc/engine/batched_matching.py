"""Matching where several nodes are at work: once, when all commands of a batch have run.

Owns which lists are asked for then. A question is a round trip, so a batch asks once for all its lists, for as many
tasks as there are polls. What the batch itself has put is handed to waiting polls without being written at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.matching import Matching, MatchingWork
from workflowsvc.engine.pollers import PendingPoll, Pollers
from workflowsvc.engine.writes import Writes
from workflowsvc.store.interface import PeerTransaction
from workflowsvc.store.rows import ListKey

MAX_CLAIMED = 100  # tasks of a list in one question; more polls than that ask again


class BatchedMatching(Matching):
    """Polls wait at least for the end of their batch."""

    def __init__(self, tx: PeerTransaction, pollers: Pollers, agenda: Agenda, writes: Writes) -> None:
        super().__init__(pollers, writes)
        self._tx = tx
        self._agenda = agenda
        self._to_claim: set[ListKey] = set()  # lists that the store is asked for
        self._to_hand_out: set[ListKey] = set()  # lists with tasks of this batch only

    def poll(self, work: MatchingWork, pending: PendingPoll) -> None:
        # Where a poll waits already there is no task: the store was asked, and hints announce new ones.
        if not self._pollers.waiting(pending.key):
            if self._pollers.draining:  # no poll is held any more, so this one is answered now
                answer = self._take_for(work, pending)
                if answer is not None:
                    work.answers.append((pending.reply, answer))
                    return
            self._to_claim.add(pending.key)
        self._wait(work, pending)

    def match_stored(self, work: MatchingWork, lists: Iterable[ListKey]) -> None:
        self._to_claim.update(lists)

    def readied(self, key: ListKey) -> None:
        self._to_claim.add(key)

    def stored(self, lists: set[ListKey]) -> None:
        self._to_claim |= lists

    def match_fresh(self, work: MatchingWork) -> None:
        self._to_hand_out |= self.fresh
        self.fresh.clear()

    def match_all(self, work: MatchingWork) -> None:
        """A list on which polls waited before this batch was empty then, and a node that has put a task there since
        sends a hint: so what this batch has put goes to them at once.
        """
        while self._to_claim or self._to_hand_out:
            to_claim, to_hand_out = self._to_claim, self._to_hand_out
            self._to_claim, self._to_hand_out = set(), set()
            self._claim_for_all(work, to_claim)
            for key in to_hand_out:
                self._hand_out(work, key)
            work.collect()

    def _claim_for_all(self, work: MatchingWork, lists: Iterable[ListKey]) -> None:
        """What waits in the store goes to the polls that wait here, together with what this batch has put, in the order
        of the list.
        """
        waiting = self._pollers.waiting
        while wanted := {key: min(waiting(key), MAX_CLAIMED) for key in lists if waiting(key)}:
            found = self._claim(work, wanted)
            for key in wanted:
                self._hand_out(work, key)
                if found[key] < wanted[key] and waiting(key) and self._tx.has_locked_by_peer(key):
                    self._agenda.retry_locked_list(key, work.now)
            lists = [key for key in wanted if found[key] == wanted[key]]

    def _claim(self, work: MatchingWork, wanted: dict[ListKey, int]) -> Counter[ListKey]:
        """How many there were in the store."""
        self._writes.flush_ready(self._tx)
        rows = self._tx.take_from_lists(wanted)
        for row in rows:
            self._writes.put_task(row)  # what is not handed out is written again
        work.prefetch_runs([row.run for row in rows])
        return Counter(ListKey(row.domain, row.kind, row.task_list) for row in rows)

    def _hand_out(self, work: MatchingWork, key: ListKey) -> None:
        """What this batch holds for a list, while there are polls."""
        pollers = self._pollers
        while pollers.waiting(key) and (row := self._writes.take_task(key)) is not None:
            pending = self._first(work, key)
            if pending is None:  # every poll has disconnected, or may not have it
                self._writes.put_task(row)
                return
            self._matched.append(pending)  # first of all: whatever happens, it is not lost
            answer = self._start(work, pending, row)
            if answer is None:
                pollers.put_back(self._matched.pop())
            else:
                work.answers.append((pending.reply, answer))
