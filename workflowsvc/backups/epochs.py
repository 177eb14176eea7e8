"""What a backup says of itself, and the epochs of an installation: each restore begins one.

Owns two rows of `meta`. A backup has the mark BACKUP, by which servers refuse it. A new epoch has a new key of all
tokens: a task token or page token that a client got before is refused, also one that the service gave out after the
backup and would otherwise give out again with another meaning (QUALITY §6.1). A runId needs no epoch: 24 of its bytes
are random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import Reader, RepairStore
from workflowsvc.store.meta import (
    BACKUP,
    FEED_GENERATION,
    RESTORE_EPOCH,
    TOKEN_KEY,
    TOKEN_KEY_BYTES,
    UNFINISHED_COPY,
    next_generation,
)


class Backup(msgspec.Struct, frozen=True, rename="camel"):
    """`taken_at_ms`: all that was acknowledged before this moment is in the backup."""

    taken_at_ms: int
    release: str


class Epoch(msgspec.Struct, frozen=True, rename="camel"):
    """`number` counts from 1, the first restore. `backup`: what was restored; None when that is not known."""

    number: int
    begun_at_ms: int
    backup: Backup | None = None


Form = TypeVar("Form", Backup, Epoch)
encode_backup = msgspec.json.Encoder().encode
_encode_epoch = msgspec.json.Encoder().encode


def find_backup(reader: Reader) -> Backup | None:
    """What the store says of itself as a backup; None when it is not one. StoreUnusable when it cannot be read."""
    value = reader.meta(BACKUP)
    return None if value is None else _decoded(value, Backup)


def find_epoch(reader: Reader) -> Epoch | None:
    """The epoch; None when the installation was never restored. StoreUnusable when it cannot be read."""
    value = reader.meta(RESTORE_EPOCH)
    return None if value is None else _decoded(value, Epoch)


def begin_epoch(store: RepairStore, at_ms: int, random_bytes: Callable[[int], bytes]) -> Epoch:
    """Begins a new epoch in a store that no server uses, which is no backup any more; all in one transaction."""
    with store.transaction() as tx:
        if tx.meta(UNFINISHED_COPY) is not None:
            raise StoreUnusable(f"{store.describe()} holds a copy that is not finished.")
        if tx.meta(TOKEN_KEY) is None:
            raise StoreUnusable(f"{store.describe()} holds nothing: no server has ever used it.")
        before = find_epoch(tx)
        epoch = Epoch(1 if before is None else before.number + 1, at_ms, find_backup(tx))
        tx.put_meta(TOKEN_KEY, random_bytes(TOKEN_KEY_BYTES))
        tx.put_meta(RESTORE_EPOCH, _encode_epoch(epoch))
        # A reader of a feed may have seen places that will be given out once more.
        tx.put_meta(FEED_GENERATION, next_generation(tx.meta(FEED_GENERATION)))
        tx.delete_meta(BACKUP)
    return epoch


def _decoded(value: bytes, form: type[Form]) -> Form:
    try:
        return msgspec.json.decode(value, type=form)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreUnusable(
            f"what the store says of backups and restores cannot be read: {error}."
        ) from error
