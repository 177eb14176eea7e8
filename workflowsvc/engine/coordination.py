"""What a node does because other nodes may be at work on the same store.

Owns the protocol. It has two implementations: single_node.py for a store that admits one node, multi_node.py for one
that several nodes share. The engine picks one when it opens its store; nothing else asks whether there are other nodes.
Must not know commands, nor the rules of SWF.

Only the writer's thread uses it, but for `now_ms` and `listen`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.ids import RandomBytes
from workflowsvc.engine.matching import Matching
from workflowsvc.engine.pollers import Pollers
from workflowsvc.engine.writes import Writes
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import DomainRow, ListKey, LockedRow


class Coordination(Protocol):
    """Of one node."""

    prefetches: bool
    """Commands should name the execution that they will ask for."""

    poll_store_ms: int | None
    """How often the store is polled for what others have left there; None: never."""

    # --- between batches ---

    def now_ms(self) -> int:
        """The time, by the clock that counts. From any thread."""
        ...

    def read_clock(self, tx: Transaction) -> None:
        """Compares the node's clock with the database's, if that is the one that counts."""
        ...

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        """Calls back, from any thread, when another node hints that lists have got ready tasks."""
        ...

    def linger_seconds(self, commands: int, calls: Callable[[], int], took: float) -> float | None:
        """Seconds to wait for more commands behind a batch that took `took` seconds; None: not at all. `calls` counts
        those of its `commands` that are not polls.
        """
        ...

    def pause_after_conflict(self, attempts: int, random_bytes: RandomBytes) -> None:
        """Before a batch that has met `attempts` conflicts is run again."""
        ...

    def trim(self) -> None:
        """Keeps what it remembers within bounds."""
        ...

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
        """Begins a batch, whose commands will ask for these runs and for the open runs of these (domain, workflowId);
        brings the catalog up to date. Returns the time of the batch, where `now` is the node's own.
        """
        ...

    def not_before(self, now: int, at_ms: int | None) -> int:
        """The time of a batch that has read what was written at `at_ms`."""
        ...

    def database_time(self) -> int | None:
        """The time by the database's clock, where that is the one that counts."""
        ...

    def prefetch(self, runs: Iterable[int]) -> None:
        """These runs will be asked for."""
        ...

    def is_current(self, run: int) -> bool:
        """No other node can have changed this run since it was put into memory."""
        ...

    def lock(self, run: int) -> LockedRow | None:
        """The run as it stands, which no other node changes until the end of the batch; None when there is none.
        Raises LockedByPeer when another node has locked it; the batch may go on.
        """
        ...

    def saw_peer_events(self, now: int) -> None:
        """A run had events that this node had not seen."""
        ...

    def made(self, run: int) -> None:
        """This batch has made the run."""
        ...

    def begin_catalog_change(self, catalog: CatalogCache, random_bytes: RandomBytes) -> None:
        """Before a domain or type is changed. Conflict when another node was faster."""
        ...

    def must_lock_domain(self, domain: int, *, exclusive: bool) -> bool:
        """Whether another node may turn the clock of the domain before its end; `exclusive`: or work in it."""
        ...

    def lock_domain(self, domain: int, *, exclusive: bool) -> DomainRow | None:
        """Prevents that, and answers the domain as it stands; None when it is gone. Raises LockedByPeer; the batch may
        go on.
        """
        ...

    def begin_clock(self, catalog: CatalogCache) -> None:
        """Before a domain gets a clock: from now on no other node is in a batch that does not know of it. Conflict when
        the batch must be run again for that.
        """
        ...

    def matching(self, pollers: Pollers, agenda: Agenda, writes: Writes) -> Matching:
        """How the tasks of this batch find polls."""
        ...

    def committed(self, filled: Iterable[ListKey], pollers: Pollers) -> None:
        """The batch is committed, and has put tasks on these lists that may be taken."""
        ...

    def rolled_back(self) -> None:
        """The batch was not committed."""
        ...
