"""Domains, their rules of retention and types as a batch sees them: read once, changed through the store.

Owns how a change reaches both memory and store. Whether memory is up to date is the business of the coordination.
"""

from __future__ import annotations

from workflowsvc.core.retention import Rules, encode_rules, readable_rules
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.ids import RandomBytes
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.store.interface import Transaction
from workflowsvc.store.meta import (
    ARCHIVE,
    RETENTION_FIRST,
    RETENTION_LAST,
    deleted_type,
    domain_in,
    retention_key,
)
from workflowsvc.store.rows import DomainRow, TypeKind, TypeRow
from workflowsvc.tenant import Tenant

RULES_PAGE = 500  # rows of meta, one for each domain that has rules


class Catalog:
    """Of one batch."""

    def __init__(
        self,
        tx: Transaction,
        cache: CatalogCache,
        coordination: Coordination,
        random_bytes: RandomBytes,
    ) -> None:
        self._tx = tx
        self._cache = cache
        self._coordination = coordination
        self._random_bytes = random_bytes

    def domain(self, tenant: Tenant, name: str) -> DomainRow | None:
        key = (tenant, name)
        row = self._cache.domains.get(key)
        if row is None:
            row = self._tx.domain(tenant.key, name)
            if row is not None:
                self._cache.domains[key] = row
                self._cache.domains_by_id[row.id] = row
        return row

    def require_domain(self, tenant: Tenant, name: str) -> DomainRow:
        """UnknownResourceFault `Unknown domain: <name>`."""
        row = self.domain(tenant, name)
        if row is None:
            raise UnknownResourceFault(f"Unknown domain: {name}")
        return row

    def domain_by_id(self, id: int) -> DomainRow:
        row = self.find_domain_by_id(id)
        assert row is not None, f"domain {id} of a run"
        return row

    def find_domain_by_id(self, id: int) -> DomainRow | None:
        row = self._cache.domains_by_id.get(id)
        if row is None:
            row = self._tx.domains_by_id([id]).get(id)
            if row is not None:
                self._cache.domains_by_id[id] = row
        return row

    def put_domain(self, tenant: Tenant, row: DomainRow) -> None:
        self._begin_change()
        self._tx.put_domain(row)
        self._cache.domains[(tenant, row.name)] = row
        self._cache.domains_by_id[row.id] = row

    def move_domain(self, row: DomainRow) -> None:
        """The domain leaves its tenant and name for those of the row."""
        self._begin_change()
        self._tx.put_domain(row)
        for key in [key for key, known in self._cache.domains.items() if known.id == row.id]:
            del self._cache.domains[key]
        self._cache.domains_by_id[row.id] = row

    def delete_domain(self, domain: int) -> None:
        """Of a deleted domain, what is left: its row."""
        clocks = self._cache.clocks
        if clocks is not None and clocks.pop(domain, None) is not None:
            self._begin_change()  # its clock's number is free
        self._tx.delete_domain(domain)

    def rules(self) -> dict[int, Rules]:
        """The rules of retention by domain, of those that have any, or had: then there may be none."""
        known = self._cache.retention
        if known is None:
            known = self._cache.retention = {}
            first = RETENTION_FIRST
            while page := self._tx.metas(first, RETENTION_LAST, RULES_PAGE):
                known.update((domain_in(key), readable_rules(stored)) for key, stored in page)
                first = f"{page[-1][0]} "
        return known

    def put_rules(self, domain: int, rules: Rules) -> None:
        """All of a domain. None are stored as well: rows of its runs may still say what a rule had said."""
        self._begin_change()
        self._tx.put_meta(retention_key(domain), encode_rules(rules))
        self.rules()[domain] = rules

    @property
    def archives(self) -> bool:
        """Whether runs are archived before they are deleted."""
        known = self._cache.archives
        if known is None:
            known = self._cache.archives = self._tx.meta(ARCHIVE) is not None
        return known

    def put_archives(self, yes: bool) -> None:
        """Of the whole installation."""
        self._begin_change()
        if yes:
            self._tx.put_meta(ARCHIVE, b"{}")
        else:
            self._tx.delete_meta(ARCHIVE)
        self._cache.archives = yes

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        key = (domain, kind, name, version)
        row = self._cache.types.get(key)
        if row is None:
            row = self._tx.type(domain, kind, name, version)
            if row is not None:
                self._cache.types[key] = row
        return row

    def put_type(self, row: TypeRow) -> None:
        self._begin_change()
        self._tx.put_type(row)
        self._cache.types[(row.domain, row.kind, row.name, row.version)] = row

    def delete_type(self, row: TypeRow) -> None:
        self._begin_change()
        self._tx.delete_type(row.domain, row.kind, row.name, row.version)
        self._tx.put_meta(*deleted_type(row.domain, row.kind, row.name, row.version))
        self._cache.types.pop((row.domain, row.kind, row.name, row.version), None)

    def deprecate_types(self, domain: int, now: int) -> None:
        """At this moment, by the clock of the domain."""
        self._begin_change()
        self._tx.deprecate_types(domain, now)
        self._cache.types.clear()

    def _begin_change(self) -> None:
        """Conflict when another node was faster: the batch is then run again."""
        self._coordination.begin_catalog_change(self._cache, self._random_bytes)
