"""Domains, clocks, rules, feeds and types that a node keeps in memory between batches, and numbers of open runs.

Owns the rows and counts. All are derived from the store and may be forgotten at any time. Only the writer's thread
uses them.
"""

from __future__ import annotations

from workflowsvc.core.domain_clock import DomainClock
from workflowsvc.core.retention import Rules
from workflowsvc.engine.feed_book import FeedBook
from workflowsvc.store.rows import DomainRow, TypeKind, TypeRow
from workflowsvc.tenant import Tenant


class CatalogCache:
    """Of one node."""

    def __init__(self) -> None:
        self.domains: dict[tuple[Tenant, str], DomainRow] = {}
        self.domains_by_id: dict[int, DomainRow] = {}
        self.types: dict[tuple[int, TypeKind, str, str], TypeRow] = {}
        self.clocks: dict[int, DomainClock] | None = None  # of domains that have one; None: not read
        self.retention: dict[int, Rules] | None = None  # of domains that have rules; None: not read
        self.archives: bool | None = None  # whether runs are archived before they are deleted; None: not read
        self.feeds: FeedBook | None = None  # None: not read
        self.open_counts: dict[int, int] = {}  # open runs by domain

    def forget(self) -> None:
        """All of it is read anew: it was changed by a peer, or by a transaction that was not committed."""
        self.domains.clear()
        self.domains_by_id.clear()
        self.types.clear()
        self.clocks = None
        self.retention = None
        self.archives = None
        self.feeds = None
        self.open_counts.clear()
