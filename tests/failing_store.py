"""A store that refuses to commit as often as it is told: everything else it does is what SQLite does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import Transaction
from workflowsvc.store.sqlite.store import SqliteStore


class FailingStore(SqliteStore):
    """In memory."""

    def __init__(self) -> None:
        super().__init__(None)
        self.refusals = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with super().transaction() as tx:
            yield tx
            if self.refusals:
                self.refusals -= 1
                raise StoreError("the disk is full")
