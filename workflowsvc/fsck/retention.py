"""When the retention of a closed run ends, as far as the database says: by its domain and the rules of that domain.

Owns what may differ: while a change of rules is being applied, or where rules cannot be read, whatever a row says is
right. Must not know any run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from workflowsvc.core.durations import DAY_MS, retention_days
from workflowsvc.core.execution import Execution
from workflowsvc.core.key_layout import due_moment
from workflowsvc.core.retention import Rules, decode_rules, find_rule, purge_moment
from workflowsvc.fsck.net import require_connection
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import (
    RETENTION_FIRST,
    RETENTION_LAST,
    RETENTION_WALK_FIRST,
    RETENTION_WALK_LAST,
    domain_in,
)
from workflowsvc.store.rows import DomainRow

PAGE = 1_000


class Kept(NamedTuple):
    """How long domains keep closed runs."""

    rules: Mapping[int, Rules] = {}
    unknown: frozenset[int] = frozenset()  # domains of which it cannot be said
    is_readable: bool = True

    def purge_moment(self, execution: Execution, domain: DomainRow, stored: int | None) -> int | None:
        """By the clock of the domain; None: never, or the run is open. `stored`: the purge_at of its row. Where a
        domain keeps nothing, a setting of the service that closed the run has decided: it is not known here, so any
        moment that it can have chosen is right.
        """
        closed_at = execution.closed_at
        if closed_at is None:
            return None
        said = None if stored is None else due_moment(stored)
        if not self.is_readable or domain.id in self.unknown:
            return said
        rules, named = self.rules.get(domain.id, ()), execution.started.workflow_type
        rule = find_rule(rules, named.name, named.version, execution.close_status)
        days = retention_days(domain.retention) if rule is None else rule.days
        if days == 0 and said is not None and closed_at <= said <= closed_at + DAY_MS:
            return said
        return purge_moment(
            rules,
            domain.retention,
            Settings().min_retention_ms,
            closed_at=closed_at,
            type_name=named.name,
            type_version=named.version,
            close_status=execution.close_status,
        )


def read_kept(reader: Reader, missing: frozenset[str] = frozenset()) -> Kept:
    """`missing`: tables that there are not."""
    rules: dict[int, Rules] = {}
    unknown: set[int] = set()
    try:
        if "meta" in missing:
            return Kept(is_readable=False)
        for key, _ in _pages(reader, RETENTION_WALK_FIRST, RETENTION_WALK_LAST):
            unknown.add(domain_in(key))
        for key, stored in _pages(reader, RETENTION_FIRST, RETENTION_LAST):
            try:
                rules[domain_in(key)] = decode_rules(stored)
            except ValueError:
                unknown.add(domain_in(key))
    except Exception as error:  # reported with the rows of meta
        require_connection(error)
        return Kept(is_readable=False)
    return Kept(rules, frozenset(unknown))


def _pages(reader: Reader, first: str, last: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    while page := reader.metas(first, last, PAGE):
        found += page
        first = f"{page[-1][0]} "
    return found
