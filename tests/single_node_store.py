"""A store as its only node sees it: without what only several nodes need, whatever database is behind it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from workflowsvc.store.interface import AuditReader, PeerStore, RepairTransaction


class SingleNodeStore:
    """A `RepairStore` that is no `PeerStore`, so that an engine works on it as a single node."""

    def __init__(self, inner: PeerStore) -> None:
        self.inner = inner

    def transaction(self) -> AbstractContextManager[RepairTransaction]:
        return self.inner.transaction()  # type: ignore[return-value]

    def reader(self) -> AbstractContextManager[AuditReader]:
        return self.inner.reader()  # type: ignore[return-value]

    def describe(self) -> str:
        return self.inner.describe()

    def close(self) -> None:
        self.inner.close()
