"""The webhooks of feeds, how far each has got, and what it has given up on: facts in `meta`.

Owns their form, and that each change of webhooks is counted, so that the node that pushes sees it. All changes are made
under one lock, so none is lost between nodes. Must not know HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec

from workflowsvc.access.secrets import Sealed
from workflowsvc.engine import leases
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.store.interface import Reader, Transaction
from workflowsvc.store.meta import (
    WEBHOOKS_FIRST,
    WEBHOOKS_LAST,
    WEBHOOKS_LEASE,
    WEBHOOKS_VERSION,
    dead_letters_of,
    webhook_key,
    webhook_progress_key,
)
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, FeedPlace

log = logging.getLogger("workflowsvc.webhooks")

MAX_WEBHOOKS = 200  # of all tenants; each has connections and entries in memory on the node that pushes
MAX_WEBHOOKS_OF_DOMAIN = 10
MAX_DEAD_LETTERS = 500  # of one webhook; each has its event, 1 kB or so
MAX_ERROR = 300  # characters that are kept of why a delivery has failed


class WebhookRecord(msgspec.Struct, omit_defaults=True, frozen=True):
    """What was set. `id`: tells a webhook from a later one of the same name."""

    id: str
    url: str
    sealed: Sealed
    created_at: int
    event_types: tuple[str, ...] | None = None


def bound_to(domain: int, name: str, webhook_id: str) -> tuple[str, str]:
    """What its secret is sealed for, in place of an account and a key id."""
    return f"webhook {domain}", f"{name} {webhook_id}"


class Progress(msgspec.Struct, omit_defaults=True):
    """Up to where all was delivered or given up on, and how it goes."""

    position: FeedPlace = BEFORE_ALL_ENTRIES
    delivered_at: int | None = None  # ms, the last delivery
    failing_since: int | None = None
    error: str = ""  # of the last failure, while failing
    dead: int = 0  # how many dead letters there are
    dropped: int = 0  # dead letters that were dropped, as there were too many
    missed: int = 0  # how often entries were too old before they could be delivered
    last_number: int = 0  # of dead letters


class DeadLetter(msgspec.Struct, omit_defaults=True):
    """An entry that was given up on."""

    event_id: str  # the `webhook-id`
    body: bytes
    given_up_at: int
    attempts: int
    error: str
    is_due: bool = False  # it is to be sent once more


class NamedWebhook(msgspec.Struct, frozen=True):
    domain: int
    name: str
    record: WebhookRecord


_encode = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(WebhookRecord).decode
_decode_progress = msgspec.json.Decoder(Progress).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode


# --- reading ---


def version_of(reader: Reader) -> bytes:
    """Differs after each change."""
    return reader.meta(WEBHOOKS_VERSION) or b""


def all_webhooks(reader: Reader) -> list[NamedWebhook]:
    """Of all domains. One that is damaged is left alone, and all others go on."""
    return list(_webhooks(reader, WEBHOOKS_FIRST, WEBHOOKS_LAST, MAX_WEBHOOKS))


def webhooks_of(reader: Reader, domain: int) -> list[NamedWebhook]:
    """By name."""
    first = webhook_key(domain, "")
    return list(_webhooks(reader, first, f"{first[:-1]}!", MAX_WEBHOOKS_OF_DOMAIN))


def _webhooks(reader: Reader, first: str, last: str, limit: int) -> Iterator[NamedWebhook]:
    for key, value in reader.metas(first, last, limit):
        try:
            _, domain, name = key.split(" ")
            yield NamedWebhook(int(domain), name, _decode_record(value))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:  # a database may hold any value
            log.error("%s cannot be read: nothing is pushed to it (%s)", key, error)


def find_webhook(reader: Reader, domain: int, name: str) -> WebhookRecord | None:
    """None also when it is damaged."""
    value = reader.meta(webhook_key(domain, name))
    try:
        return None if value is None else _decode_record(value)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None


def is_there(reader: Reader, domain: int, name: str) -> bool:
    """Damaged or not."""
    return reader.meta(webhook_key(domain, name)) is not None


def find_progress(reader: Reader, domain: int, name: str) -> Progress:
    """A damaged one is as one that has not begun: at least once."""
    value = reader.meta(webhook_progress_key(domain, name))
    try:
        return Progress() if value is None else _decode_progress(value)
    except (msgspec.MsgspecError, ValueError, TypeError):
        log.error("how far webhook %s of domain %d has got cannot be read: it begins anew", name, domain)
        return Progress()


def dead_letters(
    reader: Reader, domain: int, name: str, after: int, limit: int
) -> list[tuple[int, DeadLetter]]:
    """By number, beginning behind `after`. Damaged ones are left out."""
    first, last = dead_letters_of(domain, name)
    found: list[tuple[int, DeadLetter]] = []
    for key, value in reader.metas(f"{first}{after + 1:020}", last, limit):
        try:
            found.append((int(key.removeprefix(first)), _decode_letter(value)))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            log.error("%s cannot be read (%s)", key, error)
    return found


def find_letter(reader: Reader, domain: int, name: str, number: int) -> DeadLetter | None:
    """None also when it is damaged."""
    value = reader.meta(_letter_key(domain, name, number))
    try:
        return None if value is None else _decode_letter(value)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None


def _letter_key(domain: int, name: str, number: int) -> str:
    return f"{dead_letters_of(domain, name)[0]}{number:020}"


# --- changes by callers ---


def begin_change(work: UnitOfWork) -> None:
    """No other node changes webhooks before this transaction is over."""
    acquire_meta_lock(work.tx, "webhooks")


def count_change(work: UnitOfWork) -> None:
    """The node that pushes looks at all webhooks again."""
    number = int(version_of(work.tx) or b"0") + 1
    work.tx.put_meta(WEBHOOKS_VERSION, str(number).encode())
    work.after_commit.append(work.state.webhooks_changed)


def put_webhook(work: UnitOfWork, domain: int, name: str, record: WebhookRecord) -> None:
    work.tx.put_meta(webhook_key(domain, name), _encode(record))


def delete_webhook(work: UnitOfWork, domain: int, name: str) -> None:
    """With all that it has left."""
    for key, _ in work.tx.metas(*dead_letters_of(domain, name), MAX_DEAD_LETTERS + 1):
        work.tx.delete_meta(key)
    work.tx.delete_meta(webhook_progress_key(domain, name))
    work.tx.delete_meta(webhook_key(domain, name))


def put_progress(tx: Transaction, domain: int, name: str, progress: Progress) -> None:
    tx.put_meta(webhook_progress_key(domain, name), _encode(progress))


def put_letter(tx: Transaction, domain: int, name: str, number: int, letter: DeadLetter) -> None:
    tx.put_meta(_letter_key(domain, name, number), _encode(letter))


# --- changes by the node that pushes ---


class Report(msgspec.Struct, frozen=True):
    """What a node that pushes writes down. `owner`: of its lease; empty for a single node."""

    webhook: NamedWebhook
    owner: str
    position: FeedPlace
    delivered_at: int | None
    failing_since: int | None
    error: str
    given_up: tuple[DeadLetter, ...] = ()
    missed: int = 0


def write_down(work: UnitOfWork, report: Report) -> int | None:
    """How many dead letters there are. None, and nothing is written, when the webhook was deleted meanwhile or another
    node pushes now.
    """
    if not _is_mine(work, report.webhook, report.owner):
        return None
    domain, name = report.webhook.domain, report.webhook.name
    progress = find_progress(work.tx, domain, name)
    progress.position = max(progress.position, report.position)
    progress.delivered_at = report.delivered_at or progress.delivered_at
    progress.failing_since, progress.error = report.failing_since, report.error[:MAX_ERROR]
    progress.missed += report.missed
    for letter in report.given_up:
        progress.last_number += 1
        put_letter(work.tx, domain, name, progress.last_number, letter)
        progress.dead += 1
    over = progress.dead - MAX_DEAD_LETTERS
    if over > 0:
        for key, _ in work.tx.metas(*dead_letters_of(domain, name), over):
            work.tx.delete_meta(key)
            progress.dropped += 1
        progress.dead = MAX_DEAD_LETTERS
    put_progress(work.tx, domain, name, progress)
    return progress.dead


def delete_letter(work: UnitOfWork, domain: int, name: str, number: int) -> bool:
    """Whether it was there."""
    key = _letter_key(domain, name, number)
    if work.tx.meta(key) is None:
        return False
    work.tx.delete_meta(key)
    progress = find_progress(work.tx, domain, name)
    progress.dead = max(progress.dead - 1, 0)
    put_progress(work.tx, domain, name, progress)
    return True


def was_resent(
    work: UnitOfWork, webhook: NamedWebhook, owner: str, number: int, failed: DeadLetter | None
) -> int | None:
    """A dead letter was delivered, or has failed once more. As `write_down`."""
    if not _is_mine(work, webhook, owner):
        return None
    domain, name = webhook.domain, webhook.name
    if failed is None:
        delete_letter(work, domain, name, number)
    elif find_letter(work.tx, domain, name, number) is not None:  # it may have been dropped meanwhile
        put_letter(work.tx, domain, name, number, failed)
    return find_progress(work.tx, domain, name).dead


def _is_mine(work: UnitOfWork, webhook: NamedWebhook, owner: str) -> bool:
    begin_change(work)
    lease = leases.find_lease(work.tx, WEBHOOKS_LEASE)
    if owner and (lease is None or lease.owner != owner):
        return False
    found = find_webhook(work.tx, webhook.domain, webhook.name)
    return found is not None and found.id == webhook.record.id
