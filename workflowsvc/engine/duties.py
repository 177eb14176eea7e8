"""Background work: what a node does without being asked.

Owns the list of duties, and what each does but for those in files of their own (deleted_domains.py, domain_clocks.py,
feed_purge.py, outbox_relay.py, presence.py, retention.py, unpolled_lists.py). To add a kind of background work, write
a `Duty` in a file of its own and give it a line in `duties_of`. The writer loop runs what is due at the beginning of a
batch, in the order of the list, and must know no duty by name.
"""

from __future__ import annotations

from typing import Protocol

from workflowsvc.core.key_layout import PURGE_NOW
from workflowsvc.engine.agenda import RETRY_LOCKED_MS, RETRY_MS, Agenda
from workflowsvc.engine.deleted_domains import DeletedDomains
from workflowsvc.engine.domain_clocks import DomainClocks, sort_purge
from workflowsvc.engine.feed_purge import FeedPurge
from workflowsvc.engine.outbox_relay import OutboxRelay
from workflowsvc.engine.presence import Presence
from workflowsvc.engine.retention import RetentionWalk, leaves_to_archive, purge_due
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.unpolled_lists import UnpolledLists

DUE_RUNS_PER_BATCH = 200  # runs; bounds the delay of callers in the same batch
DUE_EVENTS_PER_BATCH = 1_000  # recorded for due runs; one run may have a thousand timers due, 50 ms of work
PURGED_EVENTS_PER_BATCH = 500


class Duty(Protocol):
    """One kind of background work."""

    def next_at(self) -> int | None:
        """When it is due, in milliseconds since the epoch; None: never."""
        ...

    def run(self, work: UnitOfWork) -> None:
        """Does a bounded part of what is due, and sets when the next part is."""
        ...

    def roll_back(self, *, ran: bool) -> None:
        """The batch was not committed; `ran` in it, or not."""
        ...


def duties_of(agenda: Agenda) -> list[Duty]:
    """All of a node, in the order in which they run within a batch."""
    return [
        PollStore(agenda),
        LockedLists(agenda),
        Deadlines(agenda),
        DomainClocks(agenda),
        OutboxRelay(agenda),
        RetentionWalk(agenda),
        Purge(agenda),
        DeletedDomains(agenda),
        FeedPurge(agenda),
        Presence(agenda),
        UnpolledLists(agenda),
    ]


class PollStore:
    """Finds what other nodes have left, were they to die now: tasks for polls that wait here, deadlines, messages,
    purges. Counts are taken anew, as others start and close runs too. Due as well after a commit whose outcome is
    unknown.
    """

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.poll_store_at

    def run(self, work: UnitOfWork) -> None:
        state, agenda = work.state, self._agenda
        pause_ms = state.coordination.poll_store_ms
        agenda.poll_store_at = None if pause_ms is None else work.now + pause_ms
        state.catalog.open_counts.clear()
        agenda.messages_waiting = True
        agenda.wake_by(work.now)
        agenda.purge_by(work.now)
        if work.clocks.known:
            agenda.scan_clocks, agenda.clocks_at = True, work.now
        work.match_stored(state.pollers.lists())
        work.collect()

    def roll_back(self, *, ran: bool) -> None:
        if ran:
            self._agenda.poll_store_at = 0


class LockedLists:
    """Looks again at the lists whose tasks belonged to executions that a peer had locked."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.locked_lists_at if self._agenda.locked_lists else None

    def run(self, work: UnitOfWork) -> None:
        lists, self._agenda.locked_lists = self._agenda.locked_lists, set()
        work.match_stored(list(lists))
        work.collect()

    def roll_back(self, *, ran: bool) -> None:
        """The store is polled for these lists as well."""


class Deadlines:
    """Lets time pass for runs with a timer or time-out that is due."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.wake_at

    def run(self, work: UnitOfWork) -> None:
        agenda, quarantine = self._agenda, work.state.quarantine
        limit = DUE_RUNS_PER_BATCH + len(quarantine.runs)
        runs = work.tx.due_runs(work.now, limit)
        work.prefetch_runs(runs)
        for run in runs:
            if run not in quarantine.runs:
                work.refresh(run)
                work.collect()
                if quarantine.isolate_failures:
                    work.flush()
                if work.events_recorded >= DUE_EVENTS_PER_BATCH:
                    break
        work.last_run = None  # what cannot be written down may be any of them
        work.flush()
        agenda.wake_at = work.tx.next_wake_at()
        if len(runs) < limit and work.events_recorded < DUE_EVENTS_PER_BATCH and agenda.wake_at is not None:
            if quarantine.runs:  # what remains due is theirs
                agenda.wake_at = max(agenda.wake_at, work.now + RETRY_MS)
            elif agenda.wake_at <= work.now:  # what remains due is locked by a peer
                agenda.wake_at = work.now + RETRY_LOCKED_MS

    def roll_back(self, *, ran: bool) -> None:
        """Deadlines have passed in memory alone."""
        self._agenda.wake_at = 0


class Purge:
    """Deletes runs whose retention has ended: one at a time, a bounded number of events at a time. Where runs are
    archived before, only the rest of those of which a part is deleted.
    """

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.purge_at

    def run(self, work: UnitOfWork) -> None:
        agenda, quarantine = self._agenda, work.state.quarantine
        archives = leaves_to_archive(work)
        due_by = PURGE_NOW if archives else work.now
        expired = work.tx.expired_runs(due_by, 1 + len(quarantine.runs))
        healthy = [run for run in expired if run not in quarantine.runs]
        for run in healthy[:1]:
            work.last_run = run
            if work.clocks.known and self._is_sorted(work, run):
                continue
            purge_due(work, run, PURGED_EVENTS_PER_BATCH)
        if not healthy:
            work.flush()  # runs that have closed in this transaction are to be purged, too
            agenda.purge_at = None if archives else work.tx.next_purge_at()
            if expired and agenda.purge_at is not None:
                agenda.purge_at = max(agenda.purge_at, work.now + RETRY_MS)

    def _is_sorted(self, work: UnitOfWork, run: int) -> bool:
        """Whether the retention of the run goes on, by the clock that its domain has got since it closed."""
        row = work.tx.executions([run]).get(run)
        clock = None if row is None or row.purge_at is None else work.clocks.known.get(row.domain)
        if row is None or row.purge_at is None or clock is None or row.purge_at <= clock.now(work.now):
            return False
        sort_purge(work, row, clock)
        return True

    def roll_back(self, *, ran: bool) -> None:
        """Runs may have closed in memory alone."""
        self._agenda.purge_at = 0
