"""Replaces the master key: encrypts all secrets anew with another one.

Owns the order, which makes it safe to be interrupted: new secrets get the new key first, then the stored ones do, in
pieces. Until the end both keys are needed, so nodes that go on meanwhile must have been given both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from workflowsvc.access.secrets import MasterKey, MasterKeyError, RandomBytes
from workflowsvc.engine import webhook_book
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.webhook_book import NamedWebhook
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change, lock
from workflowsvc.service.access.master_key import (
    no_master_key,
    put_master,
    refuse_wrong_master_key,
    require_key,
)
from workflowsvc.service.access.records import KeyRecord, TemporaryKeyRecord
from workflowsvc.store.interface import Store

log = logging.getLogger("workflowsvc.access")

SECRETS_PER_TRANSACTION = 200

Write = Callable[[Callable[[UnitOfWork], Any]], Any]
"""Carries a function out in a transaction of its own."""
Record = TypeVar("Record", KeyRecord, TemporaryKeyRecord)


class Rotated(NamedTuple):
    """How many secrets were encrypted anew, and how many access keys were deleted because theirs cannot be read."""

    anew: int
    deleted: int


def rotate(store: Store, keys: Sequence[MasterKey], write: Write, *, discard_lost: bool = False) -> Rotated:
    """Encrypts all secrets with the first of the keys. MasterKeyError when a stored secret needs a key that is not
    among them, and nothing is changed then; with `discard_lost`, what has such a secret is deleted: access keys and
    webhooks."""
    with store.reader() as reader:
        if not keys:
            raise MasterKeyError(no_master_key(records.master_of(reader)))
        if not discard_lost:
            refuse_wrong_master_key(reader, keys)
        sealed_by = {
            key: _read(key, value).sealed.master
            for prefix in (records.KEY, records.TEMPORARY)
            for page in records.pages(reader, *records.below(prefix))
            for key, value in page
        }
    given = {key.id for key in keys}
    lost = [key for key, master in sealed_by.items() if master not in given]
    if lost and not discard_lost:
        require_key(keys, sealed_by[lost[0]])
    old = [key for key, master in sealed_by.items() if master in given and master != keys[0].id]
    webhooks = _webhooks_to_change(store, keys, discard_lost=discard_lost)
    write(partial(_begin, new=keys[0]))
    for first in range(0, len(lost), SECRETS_PER_TRANSACTION):
        write(partial(_delete, rows=lost[first : first + SECRETS_PER_TRANSACTION]))
    for first in range(0, len(old), SECRETS_PER_TRANSACTION):
        write(partial(_seal_anew, keys=keys, rows=old[first : first + SECRETS_PER_TRANSACTION]))
    lost_webhooks = [each for each in webhooks if each.record.sealed.master not in given]
    write(partial(_change_webhooks, keys=keys, webhooks=webhooks))
    for each in lost_webhooks:
        log.warning("webhook %s of domain %d was deleted: its secret is lost", each.name, each.domain)
    anew = len(old) + len(webhooks) - len(lost_webhooks)
    log.info("%d secrets were encrypted anew with the master key %s", anew, keys[0].id)
    return Rotated(anew, len(lost))


def _webhooks_to_change(store: Store, keys: Sequence[MasterKey], *, discard_lost: bool) -> list[NamedWebhook]:
    """Those whose secret is not encrypted with the first key. MasterKeyError as `rotate`."""
    with store.reader() as reader:
        found = [
            each for each in webhook_book.all_webhooks(reader) if each.record.sealed.master != keys[0].id
        ]
    if not discard_lost:
        for each in found:
            require_key(keys, each.record.sealed.master)
    return found


def _change_webhooks(work: UnitOfWork, keys: Sequence[MasterKey], webhooks: Sequence[NamedWebhook]) -> None:
    """Their secrets get the first key; a webhook whose secret cannot be read is deleted."""
    if not webhooks:
        return
    webhook_book.begin_change(work)
    given = {key.id for key in keys}
    for domain, name, record in ((each.domain, each.name, each.record) for each in webhooks):
        if webhook_book.find_webhook(work.tx, domain, name) != record:
            continue  # it was deleted or changed meanwhile
        if record.sealed.master not in given:
            webhook_book.delete_webhook(work, domain, name)
            continue
        bound = webhook_book.bound_to(domain, name, record.id)
        secret = require_key(keys, record.sealed.master).open(record.sealed, *bound)
        sealed = keys[0].seal(secret, *bound, work.state.ids.random_bytes)
        webhook_book.put_webhook(work, domain, name, msgspec.structs.replace(record, sealed=sealed))
    webhook_book.count_change(work)


def _read(key: str, value: bytes) -> KeyRecord | TemporaryKeyRecord:
    return (
        records.decode_key(value)
        if key.startswith(records.below(records.KEY)[0])
        else records.decode_temporary(value)
    )


def _begin(work: UnitOfWork, new: MasterKey) -> None:
    lock(work.tx)
    put_master(work.tx, new)


def _delete(work: UnitOfWork, rows: list[str]) -> None:
    """The keys in these rows, each also from the list of its user."""
    change = Change(work)
    for key in rows:
        value = work.tx.meta(key)
        if value is None:
            continue
        record = _read(key, value)
        if not isinstance(record, KeyRecord):
            change.delete_temporary(key)
            continue
        key_id = key.split(" ")[2]
        user = records.find_user(work.tx, record.account, record.user)
        if user is not None and key_id in user.keys:
            left = [known for known in user.keys if known != key_id]
            change.put_user(record.account, record.user, msgspec.structs.replace(user, keys=left), user)
        change.delete_key(key_id)
    change.write_version()


def _seal_anew(work: UnitOfWork, keys: Sequence[MasterKey], rows: list[str]) -> None:
    """A row that was deleted meanwhile stays so."""
    random_bytes = work.state.ids.random_bytes
    change = Change(work)
    for key in rows:
        value = work.tx.meta(key)
        if value is None:
            continue
        record = _read(key, value)
        if isinstance(record, KeyRecord):
            changed = _sealed_anew(record, keys, record.account, key.split(" ")[2], random_bytes)
            change.put_key(key.split(" ")[2], changed)
        else:
            _, _, account, user, expires_at, key_id = key.split(" ")
            anew = _sealed_anew(record, keys, account, key_id, random_bytes)
            change.put_temporary(account, user, int(expires_at), anew)
    change.write_version()


def _sealed_anew(
    record: Record, keys: Sequence[MasterKey], account: str, key_id: str, random_bytes: RandomBytes
) -> Record:
    """MasterKeyError for a secret that was changed: it ends the rotation, which can be repeated without its key."""
    old = require_key(keys, record.sealed.master)
    secret = old.open(record.sealed, account, key_id)
    return msgspec.structs.replace(record, sealed=keys[0].seal(secret, account, key_id, random_bytes))
