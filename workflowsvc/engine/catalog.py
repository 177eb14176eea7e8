"""Domains and types as the lane sees them: read once, kept in memory, changed through the store.

Owns the caches of one node. They are emptied when a transaction does not commit. Among several nodes, one at a time
changes names, and only who has seen the latest change: what is checked before is then still true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import DomainRow, TypeKind, TypeRow
from workflowsvc.tenant import Tenant

if TYPE_CHECKING:
    from workflowsvc.engine.state import EngineState


VERSION = "names-version"
"""In `meta`: changes with every domain and type, so that nodes of one installation know when to read anew."""


class Catalog:
    """Of one batch."""

    def __init__(self, tx: Transaction, now: int, state: EngineState) -> None:
        self._tx = tx
        self._now = now
        self._state = state
        self._may_change = not state.shared
        if state.shared:
            if state.needs_catalog_lock:
                self._take_turn()
            version = tx.meta(VERSION)
            if version != state.catalog_version:
                state.forget_names()
                state.catalog_version = version

    def domain(self, tenant: Tenant, name: str) -> DomainRow | None:
        key = (tenant, name)
        row = self._state.domains.get(key)
        if row is None:
            row = self._tx.domain(tenant.key, name)
            if row is not None:
                self._state.domains[key] = row
                self._state.domains_by_id[row.id] = row
        return row

    def require_domain(self, tenant: Tenant, name: str) -> DomainRow:
        """UnknownResourceFault `Unknown domain: <name>`."""
        row = self.domain(tenant, name)
        if row is None:
            raise UnknownResourceFault(f"Unknown domain: {name}")
        return row

    def domain_by_id(self, id: int) -> DomainRow:
        row = self._state.domains_by_id.get(id)
        if row is None:
            row = self._state.domains_by_id[id] = self._tx.domains_by_id([id])[id]
        return row

    def put_domain(self, tenant: Tenant, row: DomainRow) -> None:
        self._change()
        self._tx.put_domain(row)
        self._state.domains[(tenant, row.name)] = row
        self._state.domains_by_id[row.id] = row

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        key = (domain, kind, name, version)
        row = self._state.types.get(key)
        if row is None:
            row = self._tx.type(domain, kind, name, version)
            if row is not None:
                self._state.types[key] = row
        return row

    def put_type(self, row: TypeRow) -> None:
        self._change()
        self._tx.put_type(row)
        self._state.types[(row.domain, row.kind, row.name, row.version)] = row

    def delete_type(self, row: TypeRow) -> None:
        self._change()
        self._tx.delete_type(row.domain, row.kind, row.name, row.version)
        self._state.types.pop((row.domain, row.kind, row.name, row.version), None)

    def deprecate_types(self, domain: int) -> None:
        self._change()
        self._tx.deprecate_types(domain, self._now)
        self._state.types.clear()

    def _change(self) -> None:
        """Conflict when another node was faster: the batch is then run again, first of all with the turn."""
        state = self._state
        if not self._may_change:
            self._take_turn()
            if self._tx.meta(VERSION) != state.catalog_version:
                state.needs_catalog_lock = True
                raise Conflict("another node has changed domains or types")
        if state.shared:
            self._tx.put_meta(VERSION, state.ids.random_bytes(8))

    def _take_turn(self) -> None:
        acquire_meta_lock(self._tx, "names")
        self._may_change = True
        self._state.needs_catalog_lock = False
