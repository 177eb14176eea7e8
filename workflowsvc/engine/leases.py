"""Leases: of several nodes, one does a kind of work, until its lease ends or it gives it back.

Owns the row of a lease and who may have it. Must not know the work.
"""

from __future__ import annotations

import msgspec

from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.interface import Reader


class Lease(msgspec.Struct):
    """Who has it."""

    owner: str
    until: int  # ms


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Lease).decode


def find_lease(reader: Reader, key: str) -> Lease | None:
    """One that cannot be read counts for none."""
    stored = reader.meta(key)
    try:
        return _decode(stored) if stored else None
    except msgspec.MsgspecError:
        return None


def is_of_another(lease: Lease | None, owner: str, now: int, lease_ms: int) -> bool:
    """Whether another node has it now. One that ends long after any may was written by a clock that was wrong; what
    nodes know of the time differs a little, so one that was taken just now may seem to end a moment too late.
    """
    return lease is not None and lease.owner != owner and now < lease.until <= now + 2 * lease_ms


def take_lease(work: UnitOfWork, key: str, owner: str, lease_ms: int) -> int | None:
    """Until when the node has the lease from now on; None when another one has it."""
    acquire_meta_lock(work.tx, key)
    if is_of_another(find_lease(work.tx, key), owner, work.now, lease_ms):
        return None
    until = work.now + lease_ms
    work.tx.put_meta(key, _encode(Lease(owner, until)))
    return until


def give_back(work: UnitOfWork, key: str, owner: str) -> None:
    """Another node may have it at once."""
    acquire_meta_lock(work.tx, key)
    lease = find_lease(work.tx, key)
    if lease is not None and lease.owner == owner:
        work.tx.delete_meta(key)
