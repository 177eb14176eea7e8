"""What an archive needs of the engine: that no run is deleted before it is there, and that one node writes at a time.

Owns the fact that an installation archives, the lease of the node that does, and the deletion of runs that are in the
archive. Must not know where an archive is, nor in which form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workflowsvc.core.key_layout import PURGE_NOW, due_moment
from workflowsvc.engine import leases
from workflowsvc.engine.retention import follow_rules, is_due, is_whole, now_in
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import ARCHIVE_LEASE

EVENTS_PER_COMMAND = 500  # deleted; bounds the delay of callers in the same batch, as of the duty `Purge`
LEASE_MS = 60_000  # after which another node takes over from one that has died


class Expired(NamedTuple):
    """A run whose retention has ended."""

    run: int
    is_archived: bool  # or need not be


def set_archives(work: UnitOfWork, yes: bool) -> None:
    """From now on no node deletes a run that is not archived; or every node deletes what is due."""
    if work.catalog.archives != yes:
        work.catalog.put_archives(yes)
    if not yes:
        work.state.agenda.purge_by(work.now)


def is_archived_by_another(reader: Reader, owner: str, now: int) -> bool:
    """Whether another node has the lease."""
    return leases.is_of_another(leases.find_lease(reader, ARCHIVE_LEASE), owner, now, LEASE_MS)


def take_lease(work: UnitOfWork, owner: str) -> int | None:
    """Until when the node has the lease from now on; None when another one has it."""
    return leases.take_lease(work, ARCHIVE_LEASE, owner, LEASE_MS)


def end_retention(work: UnitOfWork, expired: Sequence[Expired]) -> int:
    """Deletes these runs, or parts of them, as far as that is due and they are archived or in part deleted already.
    How many of them were seen to, in their order. Raises LockedByPeer; the batch may go on.
    """
    left = EVENTS_PER_COMMAND
    for number, (run, is_archived) in enumerate(expired):
        if left <= 0:
            return number
        if run in work.state.quarantine.runs:
            continue
        work.last_run = run
        row = work.tx.executions([run]).get(run)
        if row is None or row.closed_at is None or row.purge_at in (None, PURGE_NOW):
            continue
        assert row.purge_at is not None
        if is_whole(work, row):
            if not is_due(work, row):
                follow_rules(work, row)
                continue
            if not is_archived or due_moment(row.purge_at) > now_in(work, row.domain):
                continue
        work.tx.lock([run])
        work.delete_stored(run, left)
        left -= row.next_event_id
    return len(expired)
