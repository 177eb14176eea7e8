"""Deletes what is left of deleted domains, in bounded pieces.

Owns what a deleted domain is: a domain row under a tenant that no account has, so that its name is free at once, and a
fact in `meta`, so that the work goes on after a crash and on any node. The row goes last.
"""

from __future__ import annotations

from workflowsvc.engine.agenda import RETRY_MS, Agenda
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.errors import LockedByPeer
from workflowsvc.store.rows import DELETED_TENANT, DomainRow, ExecutionQuery, TypeKind

EVENTS_PER_RUN = 500  # deleted in one run of the duty
RUNS_PER_RUN = 20
TYPES_PER_RUN = 100
ENTRIES_PER_RUN = 500  # of its feed
_FIRST, _LAST = "deleted domain ", "deleted domain!"  # keys in `meta`
# Facts about a domain in `meta` (service/own/batch_record.py and imports.py, store/meta.py); its number stands behind
# each.
_FACTS = (
    "running-batch",
    "batch-result",
    "batch",
    "imported",
    "retention",
    "retention-walk",
    "feed",
    "feed-deleted",
    "webhook",
    "webhook-at",
    "webhook-dead",
)
_KINDS: tuple[TypeKind, ...] = ("workflow", "activity")


def delete_domain_row(work: UnitOfWork, row: DomainRow) -> None:
    """From now on no call can name the domain, and its name may be registered again. It has no open runs."""
    work.catalog.move_domain(row._replace(tenant=DELETED_TENANT, name=str(row.id), tags=b"{}"))
    work.tx.put_meta(f"{_FIRST}{row.id:020}", b"")
    work.state.agenda.deletion_at = work.now


class DeletedDomains:
    """A `Duty`."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.deletion_at

    def run(self, work: UnitOfWork) -> None:
        waiting = work.tx.metas(_FIRST, _LAST, 1)
        if not waiting:
            self._agenda.deletion_at = None
            return
        key = waiting[0][0]
        self._agenda.deletion_at = work.now
        try:
            if self._delete_part(work, int(key.removeprefix(_FIRST))):
                work.tx.delete_meta(key)
        except LockedByPeer:
            self._agenda.deletion_at = work.now + RETRY_MS

    def roll_back(self, *, ran: bool) -> None:
        self._agenda.deletion_at = 0

    def _delete_part(self, work: UnitOfWork, domain: int) -> bool:
        """True when nothing is left."""
        query = ExecutionQuery(domain, "CLOSED", "started_at", 0, None, ascending=True, limit=RUNS_PER_RUN)
        rows = work.tx.list_executions(query)
        left = EVENTS_PER_RUN
        for row in rows:
            work.tx.lock([row.run])
            work.state.cache.forget(row.run)
            if not work.tx.purge(row.run, left):
                return False
            left -= row.next_event_id
            if left <= 0:
                return False
        if rows:
            return False
        for kind in _KINDS:
            types = work.tx.types(domain, kind, "DEPRECATED", None, None, TYPES_PER_RUN, False)
            for found in types:
                work.tx.delete_type(domain, kind, found.name, found.version)
            if types:
                return False
        for prefix in _FACTS:
            keys = [
                key for key, _ in work.tx.metas(f"{prefix} {domain:020} ", f"{prefix} {domain:020}!", 500)
            ]
            for key in keys:
                work.tx.delete_meta(key)
            if keys:
                return False
        entries = work.tx.oldest_of_feed(domain, ENTRIES_PER_RUN)
        if entries:
            work.tx.delete_feed(domain, entries[-1][0])
            return False
        work.feeds.forget(domain)
        work.catalog.delete_domain(domain)
        return True
