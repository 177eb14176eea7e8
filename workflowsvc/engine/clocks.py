"""The clocks of domains as a batch sees them: read once, kept in memory, changed through the store.

Owns how a clock is found, changed and given to a domain that had none. Whether memory is up to date is the business of
the coordination, which also keeps two nodes from disagreeing: who works in a domain with a clock shares its row, and
who turns the clock has the row alone. What happens when time passes is in domain_clocks.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec

from workflowsvc.core.domain_clock import DomainClock, Mode, decode_clock, encode_clock
from workflowsvc.core.key_layout import MAX_CLOCK
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.ids import RandomBytes
from workflowsvc.faults import LimitExceededFault
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import DomainRow

log = logging.getLogger("workflowsvc.writer")


class Clocks:
    """Of one batch."""

    def __init__(
        self, tx: Transaction, cache: CatalogCache, coordination: Coordination, random_bytes: RandomBytes
    ) -> None:
        self._tx = tx
        self._cache = cache
        self._coordination = coordination
        self._random_bytes = random_bytes
        if cache.clocks is None:
            cache.clocks = dict(_read(tx.clocked_domains()))
        self.known: dict[int, DomainClock] = cache.clocks
        """By domain; all others live in real time. What another node has turned since is seen by `find`."""

    def find(self, domain: int, *, exclusive: bool = False) -> DomainClock | None:
        """The clock as it stands until the end of the batch; None when the domain lives in real time, or is gone.
        `exclusive`: and no other node works in the domain until then. Raises LockedByPeer; the batch may go on.
        """
        if domain not in self.known:
            return None
        if self._coordination.must_lock_domain(domain, exclusive=exclusive):
            self._see(domain, self._coordination.lock_domain(domain, exclusive=exclusive))
        return self.known.get(domain)

    def _see(self, domain: int, row: DomainRow | None) -> None:
        clock = None if row is None else decode_clock(row.clock)
        if clock is None:
            self.known.pop(domain, None)
        else:
            self.known[domain] = clock

    def put(self, domain: int, clock: DomainClock) -> None:
        """Of a domain that has one, which was found with `exclusive`."""
        assert domain in self.known
        self._put(domain, clock)

    def give(self, domain: int, mode: Mode, *, unsorted: bool) -> DomainClock:
        """To a domain that lives in real time: its clock shows real time until it is turned. No other node has begun
        anything that does not know of it. LimitExceededFault when all numbers of clocks are taken; Conflict when the
        batch must be run again.
        """
        self._coordination.begin_clock(self._cache)
        known = self.find(domain)
        if known is not None:
            return known
        taken = {clock.number for clock in self.known.values()}
        number = next((number for number in range(1, MAX_CLOCK + 1) if number not in taken), None)
        if number is None:
            raise LimitExceededFault(
                f"{MAX_CLOCK} domains have clocks of their own: delete those that are not used any more"
            )
        self._coordination.begin_catalog_change(self._cache, self._random_bytes)
        clock = DomainClock(number=number, mode=mode, unsorted="open" if unsorted else "")
        self._put(domain, clock)
        return clock

    def _put(self, domain: int, clock: DomainClock) -> None:
        self._tx.put_clock(domain, encode_clock(clock))
        self.known[domain] = clock


def _read(rows: list[DomainRow]) -> Iterator[tuple[int, DomainClock]]:
    """Of these domains; one whose clock is damaged is left alone, and all others go on."""
    for row in rows:
        try:
            clock = decode_clock(row.clock)
        except (msgspec.MsgspecError, ValueError) as error:
            log.error(
                "the clock of domain %s cannot be read: nothing becomes due there (%s)", row.name, error
            )
        else:
            if clock is not None:
                yield row.id, clock
