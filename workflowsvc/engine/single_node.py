"""Coordination of a node that has its store to itself: memory is never behind the store, so there is little to do.

Owns which task lists the store is known to hold no ready task for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workflowsvc.clock import Clock
from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.ids import RandomBytes
from workflowsvc.engine.immediate_matching import ImmediateMatching
from workflowsvc.engine.lingering import brief_linger_seconds
from workflowsvc.engine.matching import Matching
from workflowsvc.engine.pollers import Pollers
from workflowsvc.engine.writes import Writes
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import DomainRow, ListKey, LockedRow

MAX_EMPTY_LISTS = 100_000  # task lists are made by naming them, so the set needs a bound


class SingleNode:
    """A `Coordination`."""

    prefetches = False
    poll_store_ms: int | None = None

    def __init__(self, clock: Clock, linger_ms: float = 0) -> None:
        self.now_ms = clock.now_ms
        self._linger_ms = linger_ms
        self._tx: Transaction
        self.empty_lists: set[ListKey] = set()

    # --- between batches ---

    def read_clock(self, tx: Transaction) -> None:
        """The node's own clock is the one that counts."""

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        """There is no other node to hear of."""

    def linger_seconds(self, commands: int, calls: Callable[[], int], took: float) -> float | None:
        return brief_linger_seconds(calls, self._linger_ms)

    def pause_after_conflict(self, attempts: int, random_bytes: RandomBytes) -> None:
        """There is no other node to give way to."""

    def trim(self) -> None:
        if len(self.empty_lists) > MAX_EMPTY_LISTS:
            self.empty_lists.clear()

    # --- one batch ---

    def begin(
        self,
        tx: Transaction,
        now: int,
        *,
        runs: list[int],
        names: list[tuple[int, str]],
        catalog: CatalogCache,
        next_event_of: Callable[[int], int],
    ) -> int:
        self._tx = tx
        return now

    def not_before(self, now: int, at_ms: int | None) -> int:
        return now

    def database_time(self) -> int | None:
        return None

    def prefetch(self, runs: Iterable[int]) -> None:
        """The store is not far away."""

    def is_current(self, run: int) -> bool:
        return True

    def lock(self, run: int) -> LockedRow | None:
        return self._tx.lock([run]).get(run)

    def saw_peer_events(self, now: int) -> None:
        """No peer can have written them."""

    def made(self, run: int) -> None:
        """No other node can see it."""

    def begin_catalog_change(self, catalog: CatalogCache, random_bytes: RandomBytes) -> None:
        """The catalog in memory is the latest."""

    def must_lock_domain(self, domain: int, *, exclusive: bool) -> bool:
        return False

    def lock_domain(self, domain: int, *, exclusive: bool) -> DomainRow | None:
        raise AssertionError("there is no other node")

    def begin_clock(self, catalog: CatalogCache) -> None:
        """There is no other node."""

    def matching(self, pollers: Pollers, agenda: Agenda, writes: Writes) -> Matching:
        return ImmediateMatching(pollers, writes, self.empty_lists)

    def committed(self, filled: Iterable[ListKey], pollers: Pollers) -> None:
        """There is no other node to hint to."""

    def rolled_back(self) -> None:
        self.empty_lists.clear()
