"""Background work of domains with clocks of their own: what is due by them happens, and those that skip jump.

Owns when time passes in such a domain: by itself, by a jump, and on the way to a moment to which a caller turns the
clock. Whatever is due happens at its own moment. The rows of a domain whose clock was just made are sorted under it,
piece by piece. What a clock is, is known to core/domain_clock.py, and where it is kept to clocks.py.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from workflowsvc.core.domain_clock import DomainClock
from workflowsvc.core.key_layout import END_OF_REAL_TIME, PURGE_NOW, clock_of, due_key, due_moment
from workflowsvc.engine.agenda import RETRY_LOCKED_MS, RETRY_MS, Agenda
from workflowsvc.engine.retention import leaves_to_archive, purge_due
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.errors import Conflict, LockedByPeer
from workflowsvc.store.rows import ExecutionQuery, ExecutionRow, closed_with

DUE_RUNS_PER_LOOK = 100  # of one domain; bounds the delay of callers in the same batch
EVENTS_PER_BATCH = 500  # recorded for all domains; a look that comes behind them waits for the next batch
PURGED_EVENTS_PER_LOOK = 500
SORTED_BATCH_SIZE = 50
SCAN_PURGES_MS = 60_000  # how often what other nodes have closed is looked for


class DomainClocks:
    """A `Duty`."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._scan_purges_at = 0

    def next_at(self) -> int | None:
        return self._agenda.clocks_at

    def run(self, work: UnitOfWork) -> None:
        agenda, moments = self._agenda, self._agenda.clock_moments
        if agenda.scan_clocks:
            agenda.scan_clocks = False
            self._scan(work)
        for domain in [domain for domain, at in moments.items() if at <= work.now]:
            if work.events_recorded >= EVENTS_PER_BATCH:
                break
            del moments[domain]
            work.last_run = None
            try:
                agenda.look_at_clock(domain, _look(work, domain))
            except LockedByPeer as locked:
                if not work.is_clean:
                    raise Conflict(str(locked)) from locked
                agenda.look_at_clock(domain, work.now + RETRY_LOCKED_MS)
        work.last_run = None
        agenda.clocks_at = min(moments.values(), default=None)

    def roll_back(self, *, ran: bool) -> None:
        """Time has passed in memory alone."""
        if ran:
            self._agenda.scan_clocks = True
            self._agenda.clocks_at = self._scan_purges_at = 0

    def _scan(self, work: UnitOfWork) -> None:
        """Looks at every domain in whose rows something is due by its clock, at any time."""
        if not work.clocks.known:
            return
        domains = {clock.number: domain for domain, clock in work.clocks.known.items()}
        purges = work.now >= self._scan_purges_at
        if purges:
            self._scan_purges_at = work.now + SCAN_PURGES_MS
        for next_from in (
            (work.tx.next_wake_from, work.tx.next_purge_from) if purges else (work.tx.next_wake_from,)
        ):
            first = END_OF_REAL_TIME
            while (value := next_from(first)) is not None:
                number = clock_of(value)
                if number in domains:
                    self._agenda.look_at_clock(domains[number], work.now)
                first = due_key(number + 1, 0)
        for domain, clock in work.clocks.known.items():
            if clock.unsorted:
                self._agenda.look_at_clock(domain, work.now)


def _look(work: UnitOfWork, domain: int) -> int | None:
    """Does a bounded part of what is due in the domain; returns when to look again, in real time."""
    clock = work.turn_clock(domain)
    if clock is None:
        return None
    if clock.unsorted:
        clock = _sort_some(work, domain, clock)
    while True:
        now = clock.now(work.now)
        if not _expire_due(work, clock, now):
            return work.now
        if clock.mode != "SKIPPING" or clock.unsorted == "open" or work.settings.domain_clocks == "off":
            break
        due_at = _next_wake(work, clock, busy=False)
        if due_at is None or due_at <= now or _is_in_flight(work, domain, clock):
            break
        jumped = clock.skipped(work.now, due_at)
        if jumped == clock:
            break
        clock = jumped
        work.clocks.put(domain, clock)
    purged_all = _purge(work, clock, clock.now(work.now))
    return work.now if clock.unsorted or not purged_all else _look_again_at(work, domain, clock)


def _look_again_at(work: UnitOfWork, domain: int, clock: DomainClock) -> int | None:
    moments = [
        _next_wake(work, clock, busy=True),
        _next_wake(work, clock, busy=False),
        _next_purge(work, clock),
    ]
    real = [clock.real_time_of(moment) for moment in moments if moment is not None]
    at = min((moment for moment in real if moment is not None), default=None)
    if at is not None and at <= work.now:  # what is due is locked by a peer, or left alone because of a bug
        at = work.now + (RETRY_MS if work.state.quarantine.runs else RETRY_LOCKED_MS)
    could_jump = clock.mode == "SKIPPING" and moments[0] is None and moments[1] is not None
    if could_jump and work.tx.has_messages(domain):
        # Their receivers may be gone: then nothing else says when they have arrived.
        soon = work.now + RETRY_LOCKED_MS
        return soon if at is None else min(at, soon)
    return at


def _is_in_flight(work: UnitOfWork, domain: int, clock: DomainClock) -> bool:
    """Something is asked of a decider, a worker, a function or another run."""
    return _next_wake(work, clock, busy=True) is not None or work.tx.has_messages(domain)


def _next_wake(work: UnitOfWork, clock: DomainClock, *, busy: bool) -> int | None:
    """The earliest deadline of the domain's runs in which something is in flight, or nothing; by its clock."""
    first = due_key(clock.number, 0, busy=busy)
    value = work.tx.next_wake_from(first)
    return None if value is None or value >= first + END_OF_REAL_TIME else due_moment(value)


def _next_purge(work: UnitOfWork, clock: DomainClock) -> int | None:
    if leaves_to_archive(work):
        return None
    first = due_key(clock.number, 0)
    value = work.tx.next_purge_from(first)
    return None if value is None or value >= first + END_OF_REAL_TIME else due_moment(value)


def _expire_due(work: UnitOfWork, clock: DomainClock, now: int) -> bool:
    """Lets time pass for the domain's runs that are due. False when there may be more of them."""
    quarantine = work.state.quarantine
    limit = DUE_RUNS_PER_LOOK + len(quarantine.runs)
    found: list[int] = []
    for busy in (True, False):
        first = due_key(clock.number, 0, busy=busy)
        found += work.tx.due_between(first, first + now, limit)
    runs = [run for run in found if run not in quarantine.runs]
    work.prefetch_runs(runs)
    for run in runs:
        work.expire(run)
        work.collect()
        if quarantine.isolate_failures:
            work.flush()
    work.last_run = None  # what cannot be written down may be any of them
    work.flush()
    return len(found) < limit and work.events_recorded < EVENTS_PER_BATCH


def _purge(work: UnitOfWork, clock: DomainClock, now: int) -> bool:
    """Deletes a run whose retention has ended, or part of it. False when there may be more of them."""
    if leaves_to_archive(work):
        return True
    quarantine = work.state.quarantine
    first = due_key(clock.number, 0)
    expired = work.tx.expired_between(first, first + now, 1 + len(quarantine.runs))
    for run in [run for run in expired if run not in quarantine.runs][:1]:
        work.last_run = run
        purge_due(work, run, PURGED_EVENTS_PER_LOOK)
        return False
    return True


# --- turning a clock to a moment ---


Progress = Literal["arrived", "moved", "waits"]


def travel(work: UnitOfWork, domain: int, to: int, *, wait: bool) -> Progress:
    """Turns the clock of the domain towards a moment, past one moment at which something is due. Tasks are handed out
    on the way, and messages delivered, but no worker is waited for. `wait`: for messages that are under way.
    """
    clock = work.turn_clock(domain)
    assert clock is not None, f"the clock of domain {domain}"
    if clock.unsorted == "open":
        _sort_some(work, domain, clock)
        return "moved"
    recorded = work.events_recorded
    work.flush()
    while True:
        now = clock.now(work.now)
        if not _expire_due(work, clock, now) or work.events_recorded > recorded:
            return "moved"
        if wait and not work.state.quarantine.messages and work.tx.has_messages(domain):
            return "waits"
        if now >= to:
            work.state.agenda.look_at_clock(domain, work.now)
            return "arrived"
        due = [_next_wake(work, clock, busy=busy) for busy in (True, False)]
        clock = clock.advanced(work.now, max(now, min([to, *(at for at in due if at is not None)])))
        work.clocks.put(domain, clock)


# --- a clock that was just made ---


def _sort_some(work: UnitOfWork, domain: int, clock: DomainClock) -> DomainClock:
    """The rows of some runs say by the new clock when they are due; the clock with what is left."""
    is_open = clock.unsorted == "open"
    rows = work.tx.list_executions(
        ExecutionQuery(
            domain,
            "OPEN" if is_open else "CLOSED",
            "started_at",
            0,
            None,
            ascending=True,
            after=clock.sorted_to,
            limit=SORTED_BATCH_SIZE,
        )
    )
    for row in rows:
        if is_open:
            if (
                row.wake_at is not None
                and row.wake_at < END_OF_REAL_TIME
                and row.run not in work.state.quarantine.runs
            ):
                work.refresh(row.run)
                work.collect()
        elif row.purge_at is not None and PURGE_NOW < row.purge_at < END_OF_REAL_TIME:
            sort_purge(work, row, clock)
    work.flush()
    if len(rows) == SORTED_BATCH_SIZE:
        clock = replace(clock, sorted_to=(rows[-1].started_at, rows[-1].run))
    else:
        clock = replace(clock, unsorted="closed" if is_open else "", sorted_to=None)
    work.clocks.put(domain, clock)
    return clock


def sort_purge(work: UnitOfWork, row: ExecutionRow, clock: DomainClock) -> None:
    """The retention of a closed run ends by the clock of its domain from now on."""
    assert row.purge_at is not None
    work.tx.lock([row.run])
    work.tx.update_executions([closed_with(row, due_key(clock.number, row.purge_at))])
