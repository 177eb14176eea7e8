"""Coordination of a node that shares its store with others: memory may be behind, and questions are round trips.

Owns what this node has locked in the batch at hand, the version of the catalog that it knows, what time it is by the
database's clock, and when it has last seen that others are at work. docs/decisions/0013 describes
how nodes work together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from workflowsvc.clock import Clock
from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.batched_matching import BatchedMatching
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.ids import RandomBytes
from workflowsvc.engine.lingering import brief_linger_seconds
from workflowsvc.engine.matching import Matching
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.pollers import Pollers
from workflowsvc.engine.writes import Writes
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import PeerStore, PeerTransaction, Transaction
from workflowsvc.store.rows import DomainRow, ListKey, LockedRow

CATALOG_VERSION = "names-version"
"""In `meta`: changes with every domain and type, so that nodes of one installation know when to read anew."""

POLL_STORE_MS = 900  # a poll sees the task of another node within a second even when every hint is lost
# While other nodes are at work: after a batch of at least MIN_BATCH_TO_LINGER commands, linger for more commands up to
# min(LINGER_MS, duration of that batch), unless the queue is long already (docs/decisions/0011).
LINGER_MS = 20
MIN_BATCH_TO_LINGER = 8  # commands
PEERS_SEEN_MS = 1_000  # time for which a peer counts as at work after its events were last read
FIRST_PAUSE_MS = 5  # between the second attempt of a batch and the third; it doubles
MAX_READ_AHEAD_MS = 30_000  # a moment that is further ahead was written while a clock was wrong


class MultiNode:
    """A `Coordination`."""

    prefetches = True
    poll_store_ms: int | None = POLL_STORE_MS

    def __init__(
        self, store: PeerStore, clock: Clock, *, database_clock: bool = False, linger_ms: float = 0
    ) -> None:
        """`database_clock`: the time is the database's, so that nodes whose own clocks differ agree."""
        self._store = store
        self._clock = clock
        self._database_clock = database_clock
        self._linger_ms = linger_ms
        self._ahead_ms = (
            0  # of the database's clock before what the node measures, which no setting of a clock moves
        )
        self.peers_seen_at = 0  # when events of another node were last read
        self._catalog_version: bytes | None = None
        self._needs_catalog_lock = False  # after a lost race: the next batch locks the catalog first
        self._needs_exclusion = False  # the next batch excludes other nodes first
        # of the batch at hand
        self._tx: PeerTransaction
        self._locked: set[int] = set()  # runs that no other node can change
        self._domains: dict[int, bool] = {}  # domains that no other node turns; True: nor works in
        self._has_catalog_lock = False
        self._excludes_peers = False  # no other node is in a batch
        self._next_event_of: Callable[[int], int]

    # --- between batches ---

    def now_ms(self) -> int:
        return self._measured_ms() + self._ahead_ms if self._database_clock else self._clock.now_ms()

    def _measured_ms(self) -> int:
        return round(self._clock.monotonic() * 1000)

    def read_clock(self, tx: Transaction) -> None:
        if self._database_clock:
            self._ahead_ms = cast(PeerTransaction, tx).database_time() - self._measured_ms()

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        self._store.listen(heard)

    def linger_seconds(self, commands: int, calls: Callable[[], int], took: float) -> float | None:
        if commands >= MIN_BATCH_TO_LINGER and abs(self.now_ms() - self.peers_seen_at) < PEERS_SEEN_MS:
            return min(took, LINGER_MS / 1000)
        return brief_linger_seconds(calls, self._linger_ms)

    def pause_after_conflict(self, attempts: int, random_bytes: RandomBytes) -> None:
        """A random part of a pause that doubles, so that two nodes do not meet again."""
        if attempts > 1:
            most_ms = FIRST_PAUSE_MS << (attempts - 2)
            self._clock.sleep(most_ms / 1000 * int.from_bytes(random_bytes(1), "big") / 255)

    def trim(self) -> None:
        """Nothing of it grows."""

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
        self._tx = cast(PeerTransaction, tx)  # as of every transaction of a PeerStore
        self._locked = set()
        self._domains = {}
        self._has_catalog_lock = self._excludes_peers = False
        self._next_event_of = next_event_of
        self._tx.prefetch(runs, names, CATALOG_VERSION, next_event_of)
        if self._needs_exclusion:
            self._exclude_peers()
        if self._needs_catalog_lock:
            self._lock_catalog()
        version = self._tx.meta(CATALOG_VERSION)
        if version != self._catalog_version:
            catalog.forget()
            self._catalog_version = version
        if not self._database_clock:
            return now
        moment = self._tx.database_time()  # came with the first answer
        self._ahead_ms = moment - self._measured_ms()
        return moment

    def not_before(self, now: int, at_ms: int | None) -> int:
        """What was read is not of the future: another node has committed it since this batch began."""
        if self._database_clock and at_ms is not None and now < at_ms <= now + MAX_READ_AHEAD_MS:
            return at_ms
        return now

    def database_time(self) -> int | None:
        return self._tx.database_time() if self._database_clock else None

    def prefetch(self, runs: Iterable[int]) -> None:
        missing = [run for run in runs if run not in self._locked]
        if missing:
            self._tx.prefetch(missing, [], None, self._next_event_of)

    def is_current(self, run: int) -> bool:
        return run in self._locked

    def lock(self, run: int) -> LockedRow | None:
        row = self._tx.lock([run]).get(run)
        self._locked.add(run)
        return row

    def saw_peer_events(self, now: int) -> None:
        self.peers_seen_at = now

    def made(self, run: int) -> None:
        self._locked.add(run)

    def begin_catalog_change(self, catalog: CatalogCache, random_bytes: RandomBytes) -> None:
        """One node at a time changes the catalog, and only one that has seen the latest change: what was checked
        before is then still true. After a Conflict the batch is run again, with the lock taken first.
        """
        if not self._has_catalog_lock:
            self._lock_catalog()
            if self._tx.meta(CATALOG_VERSION) != self._catalog_version:
                self._needs_catalog_lock = True
                raise Conflict("another node has changed domains or types")
        self._tx.put_meta(CATALOG_VERSION, random_bytes(8))

    def _lock_catalog(self) -> None:
        acquire_meta_lock(self._tx, "names")
        self._has_catalog_lock = True
        self._needs_catalog_lock = False

    def must_lock_domain(self, domain: int, *, exclusive: bool) -> bool:
        if self._excludes_peers or domain not in self._domains:
            return domain not in self._domains
        return exclusive and not self._domains[domain]

    def lock_domain(self, domain: int, *, exclusive: bool) -> DomainRow | None:
        row = self._tx.lock_domain(domain, exclusive=exclusive)
        self._domains[domain] = exclusive
        return row

    def begin_clock(self, catalog: CatalogCache) -> None:
        """A node that waits for others holds nothing yet for which they might wait: so it does so at the beginning of a
        batch. `begin` then sees what was changed by those that it has waited for.
        """
        if not self._excludes_peers:
            self._needs_exclusion = True
            raise Conflict("other nodes are to know of a clock before they go on")

    def _exclude_peers(self) -> None:
        self._needs_exclusion = False
        self._tx.meta(CATALOG_VERSION)  # as it was before; what is read from here on is later
        if not self._tx.exclude_peers():
            self._needs_exclusion = True
            raise Conflict("another node gives a clock to a domain")
        self._excludes_peers = True

    def matching(self, pollers: Pollers, agenda: Agenda, writes: Writes) -> Matching:
        return BatchedMatching(self._tx, pollers, agenda, writes)

    def committed(self, filled: Iterable[ListKey], pollers: Pollers) -> None:
        """Hints at what other nodes may find. Lists on which polls wait here have been emptied by this batch."""
        hints = [key for key in filled if not pollers.waiting(key)]
        if hints:
            self._store.hint(hints)

    def rolled_back(self) -> None:
        """What was locked is locked no more; the next batch begins anew."""
