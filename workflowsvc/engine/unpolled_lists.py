"""Logs each task list on which a task has waited for a minute while no client polls it.

Owns when lists are looked at. It rests while nothing new is put on a list: what was logged is not looked at again.
"""

from __future__ import annotations

from workflowsvc.core.findings import spoken
from workflowsvc.core.findings.pollers import POLLER_GONE_MS, is_polled
from workflowsvc.core.key_layout import moment_of
from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.alarms import Alarm
from workflowsvc.engine.list_knowledge import known_of
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.rows import ListKey, TaskRow

WAITS_MS = 60_000  # a task that has waited longer is looked at
LISTS_PER_RUN = 20  # each is a question to the store
NEXT_PART_MS = 1_000
BEFORE_ALL = ListKey(-1, "activity", "")


class UnpolledLists:
    """A `Duty`. Of several nodes, each looks after it has put a task on a list, and when it starts."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._after = BEFORE_ALL
        self._next: int | None = None  # when a list that was looked at is to be looked at again

    def next_at(self) -> int | None:
        return self._agenda.unpolled_at

    def run(self, work: UnitOfWork) -> None:
        now, agenda = work.now, self._agenda
        agenda.unpolled_at = None
        work.flush()  # what this batch has put is looked at, too
        found: list[Alarm] = []
        for _ in range(LISTS_PER_RUN):
            row = work.tx.first_task_behind(self._after)
            if row is None:
                self._after, agenda.unpolled_at, self._next = BEFORE_ALL, self._next, None
                break
            self._after = ListKey(row.domain, row.kind, row.task_list)
            found += self._look(work, row)
        else:
            agenda.unpolled_at = now + NEXT_PART_MS
        if found:
            work.after_commit.append(lambda: work.state.alarms.say(found, now))

    def _look(self, work: UnitOfWork, row: TaskRow) -> list[Alarm]:
        """The alarm, or nothing yet."""
        now, since = work.now, moment_of(row.position)
        key = ListKey(row.domain, row.kind, row.task_list)
        known = known_of(work.state, key, now, now)
        looked_since = max(since, known.known_since)  # pollers take a moment to come back after a restart
        if now - looked_since < WAITS_MS:
            self._again(looked_since + WAITS_MS)
        elif is_polled(known, now):
            self._again((known.last_poll_at or now) + POLLER_GONE_MS)
        else:
            domain = work.catalog.domain_by_id(row.domain).name
            text = (
                f"tasks wait on the {row.kind} task list {row.task_list} of domain {domain}, the first for "
                f"{spoken(now - since)}, and no client polls it"
            )
            return [Alarm(("unpolled", *key), text)]
        return []

    def _again(self, at_ms: int) -> None:
        self._next = at_ms if self._next is None else min(self._next, at_ms)

    def roll_back(self, *, ran: bool) -> None:
        if ran:
            self._after, self._next = BEFORE_ALL, None
            self._agenda.unpolled_at = 0
