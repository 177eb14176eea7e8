"""SQLite as if other nodes could write to it: what only several nodes ask for is answered, and there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workflowsvc.clock import ManualClock
from workflowsvc.store.rows import DomainRow, ListKey, TaskRow
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.store.sqlite.writes import SqliteRepairTransaction


class PeerSqliteTransaction(SqliteRepairTransaction):
    """A `PeerTransaction`."""

    def database_time(self) -> int:
        return ManualClock.DEFAULT_START_MS

    def prefetch(
        self,
        runs: list[int],
        names: list[tuple[int, str]],
        meta: str | None,
        next_event_of: Callable[[int], int],
    ) -> None: ...

    def take_from_lists(self, wanted: dict[ListKey, int]) -> list[TaskRow]:
        return [row for key, most in wanted.items() for row in self.take_tasks(*key, most)]

    def lock_domain(self, domain: int, *, exclusive: bool) -> DomainRow | None:
        return self.domains_by_id([domain]).get(domain)

    def exclude_peers(self) -> bool:
        return True

    def has_locked_by_peer(self, task_list: ListKey) -> bool:
        return False


class PeerSqliteStore(SqliteStore):
    """A `PeerStore`, in memory."""

    @contextmanager
    def transaction(self) -> Iterator[PeerSqliteTransaction]:
        with super().transaction() as tx:
            tx.__class__ = PeerSqliteTransaction
            yield tx

    def hint(self, lists: list[ListKey]) -> None: ...

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None: ...
