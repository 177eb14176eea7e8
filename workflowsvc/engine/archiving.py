"""What an archive needs of the engine: that no run is deleted before it is there, and that one node writes at a time.

Owns the fact that an installation archives, the lease of the node that does, and the deletion of runs that are in the
archive. Must not know where an archive is, nor in which form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from workflowsvc.core.key_layout import PURGE_NOW, due_moment
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.retention import follow_rules, is_due, is_whole, now_in
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import ARCHIVE_LEASE

EVENTS_PER_COMMAND = 500  # deleted; bounds the delay of callers in the same batch, as of the duty `Purge`
LEASE_MS = 60_000  # after which another node takes over from one that has died


class ArchiveLease(msgspec.Struct):
    """Which node writes to the archive."""

    owner: str
    until: int  # ms


class Expired(NamedTuple):
    """A run whose retention has ended."""

    run: int
    is_archived: bool  # or need not be


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ArchiveLease).decode


def set_archives(work: UnitOfWork, yes: bool) -> None:
    """From now on no node deletes a run that is not archived; or every node deletes what is due."""
    if work.catalog.archives != yes:
        work.catalog.put_archives(yes)
    if not yes:
        work.state.agenda.purge_by(work.now)


def find_lease(reader: Reader) -> ArchiveLease | None:
    """One that cannot be read counts for none."""
    stored = reader.meta(ARCHIVE_LEASE)
    try:
        return _decode(stored) if stored else None
    except msgspec.MsgspecError:
        return None


def take_lease(work: UnitOfWork, owner: str) -> int | None:
    """Until when the node has the lease from now on; None when another one has it."""
    acquire_meta_lock(work.tx, "archive")
    lease = find_lease(work.tx)
    if lease is not None and lease.owner != owner and work.now < lease.until <= work.now + LEASE_MS:
        return None
    until = work.now + LEASE_MS
    work.tx.put_meta(ARCHIVE_LEASE, _encode(ArchiveLease(owner, until)))
    return until


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
