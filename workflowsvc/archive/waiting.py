"""The runs that wait to be archived: those whose retention has ended, oldest first.

Owns which runs are due, by the clock of their domain and the rules of retention, and which of them need no archive. It
reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from workflowsvc.core.domain_clock import DomainClock, decode_clock
from workflowsvc.core.key_layout import due_key, due_moment
from workflowsvc.core.retention import Rules, purge_moment, readable_rules
from workflowsvc.engine.archiving import Expired
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import retention_key
from workflowsvc.store.rows import DELETED_TENANT, IMPORTED_TAGS, DomainRow, ExecutionRow

PAGE = 200  # rows looked at together
MAX_LOOKED_AT = 5_000  # rows in one look, when many are left for later


class Waiting(NamedTuple):
    """A run that is to be archived."""

    row: ExecutionRow
    domain: DomainRow


class Look(NamedTuple):
    """What there is to do."""

    waiting: list[Waiting]
    expired: list[Expired]  # need no archive: in part deleted, imported, or kept longer by a rule
    oldest_due_at: int | None  # ms of real time, of the oldest run that is not archived
    is_whole: bool  # no run is due beyond these


class _Stretch(NamedTuple):
    """A part of the index of ends: what is due by one clock."""

    first: int
    last: int
    now: int


def look(
    reader: Reader, now: int, min_ms: int, limit: int, later: Container[int], is_busy: Callable[[], bool]
) -> Look:
    """At most `limit` runs that wait. `later`: runs that are left out for now; `is_busy`: the look ends early."""
    waiting: list[Waiting] = []
    expired: list[Expired] = []
    ages: list[int] = []
    judge = _Judge(reader, now, min_ms)
    looked_at = 0
    for stretch in _stretches(reader, now):
        for at, run in _keys(reader, stretch):
            looked_at += 1
            if looked_at > MAX_LOOKED_AT or len(waiting) + len(expired) >= limit or is_busy():
                return Look(waiting, expired, _oldest(now, ages), False)
            found = judge.judge(run)
            if isinstance(found, Expired):
                expired.append(found)
            elif found is not None:
                ages.append(stretch.now - due_moment(at))
                if run not in later:
                    waiting.append(found)
    return Look(waiting, expired, _oldest(now, ages), True)


def _oldest(now: int, ages: list[int]) -> int | None:
    return now - max(ages) if ages else None


def _stretches(reader: Reader, now: int) -> Iterator[_Stretch]:
    yield _Stretch(1, now, now)
    for domain in reader.clocked_domains():
        clock = decode_clock(domain.clock)
        if clock is not None:
            here = clock.now(now)
            yield _Stretch(due_key(clock.number, 1), due_key(clock.number, here), here)


def _keys(reader: Reader, stretch: _Stretch) -> Iterator[tuple[int, int]]:
    after = (stretch.first, -1)
    while page := reader.expired(stretch.first, stretch.last, after, PAGE):
        yield from page
        after = page[-1]
        if len(page) < PAGE:
            return


class _Domain(NamedTuple):
    """`has_rules`: or had, so that what a row says may be what one of them had said."""

    row: DomainRow | None
    clock: DomainClock | None
    rules: Rules
    has_rules: bool


class _Judge:
    """Of one look: domains and rules are read once."""

    def __init__(self, reader: Reader, now: int, min_ms: int) -> None:
        self._reader = reader
        self._now = now
        self._min_ms = min_ms
        self._domains: dict[int, _Domain] = {}

    def judge(self, run: int) -> Waiting | Expired | None:
        """None for a run that is left alone."""
        row = self._reader.executions([run]).get(run)
        if row is None or row.closed_at is None:
            return None
        domain, clock, rules, has_rules = self._domain(row.domain)
        if domain is None or domain.tenant == DELETED_TENANT:
            return None  # it is being deleted with its domain
        last = row.next_event_id - 1
        if not self._reader.events(run, last, last, 1):
            return Expired(run, is_archived=False)
        if domain.tags == IMPORTED_TAGS:
            return Expired(run, is_archived=True)
        moment = purge_moment(
            rules,
            domain.retention,
            self._min_ms,
            closed_at=row.closed_at,
            type_name=row.type_name,
            type_version=row.type_version,
            close_status=row.close_status,
        )
        here = self._now if clock is None else clock.now(self._now)
        if has_rules and (moment is None or moment > here):
            return Expired(run, is_archived=False)
        if row.purge_at is None or due_moment(row.purge_at) > here:
            return None  # by the clock that its domain has got since it closed
        return Waiting(row, domain)

    def _domain(self, domain: int) -> _Domain:
        known = self._domains.get(domain)
        if known is None:
            row = self._reader.domains_by_id([domain]).get(domain)
            clock = None if row is None else decode_clock(row.clock)
            stored = self._reader.meta(retention_key(domain))
            known = self._domains[domain] = _Domain(row, clock, readable_rules(stored), bool(stored))
        return known
