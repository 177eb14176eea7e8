"""The rows of `meta`: what an installation remembers besides its executions.

Owns the names that several parts must agree on. What a value means is the business of the part that writes it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from workflowsvc.store.rows import TypeKind

TOKEN_KEY = "token-key"
TOKEN_KEY_BYTES = 32
TASKS_SET_ASIDE = "tasks-set-aside"
UNFINISHED_COPY = "unfinished-copy"
BACKUP = "backup"  # in the file of a backup alone: what it is
RESTORE_EPOCH = "restore-epoch"
DELETED_TYPE = "deleted type "  # and a hash of its name

RETENTION_FIRST, RETENTION_LAST = "retention ", "retention!"
"""The keys of the rules of retention of all domains (core/retention.py)."""

RETENTION_WALK_FIRST, RETENTION_WALK_LAST = "retention-walk ", "retention-walk!"
"""The keys of the domains whose closed runs do not all follow their rules yet (engine/retention.py)."""

ARCHIVE = "archive"
"""There while runs are archived before they are deleted; no node deletes others then (engine/archiving.py)."""
ARCHIVE_LEASE = "archive-lease"


def deleted_type(domain: int, kind: TypeKind, name: str, version: str) -> tuple[str, bytes]:
    """The row that remembers that a type was deleted by a call, so that an audit can tell it from one that was lost."""
    value = msgspec.json.encode([domain, kind, name, version])
    return f"{DELETED_TYPE}{blake2b(value, digest_size=16).hexdigest()}", value


def retention_key(domain: int) -> str:
    """Where the rules of retention of a domain are."""
    return f"{RETENTION_FIRST}{domain:020} rules"


def retention_walk_key(domain: int) -> str:
    """Where it is kept how far the closed runs of a domain follow its rules."""
    return f"{RETENTION_WALK_FIRST}{domain:020} at"


def domain_in(key: str) -> int:
    """The domain that such a key names."""
    return int(key.split()[1])


FEEDS_FIRST, FEEDS_LAST = "feed ", "feed!"
"""Keys of the settings of all feeds, and of their generation."""
FEED_GENERATION = "feed generation"


def generation_of(value: bytes | None) -> int:
    """The generation of places that is written to, from the value of its row; 0 without one."""
    return int(value) if value else 0


def next_generation(value: bytes | None) -> bytes:
    """The value that begins a new one: entries then stand behind all that were ever written."""
    return str(generation_of(value) + 1).encode()


def feed_key(domain: int, fact: Literal["settings", "deleted"]) -> str:
    """The key of the settings of a feed, or of the place up to which it was deleted."""
    return f"{'feed' if fact == 'settings' else 'feed-deleted'} {domain:020} {fact}"


def feeds_domain(key: str) -> int:
    """The domain whose settings have this key; ValueError for another one."""
    return int(key.split(" ")[1])


WEBHOOKS_FIRST, WEBHOOKS_LAST = "webhook ", "webhook!"
"""The keys of the webhooks of all domains (engine/webhook_book.py)."""
WEBHOOKS_VERSION = "webhooks-version"
"""Counts the changes of webhooks."""
WEBHOOKS_LEASE = "webhooks-lease"


def webhook_key(domain: int, name: str) -> str:
    """Where the settings of a webhook are; names hold no space."""
    return f"{WEBHOOKS_FIRST}{domain:020} {name}"


def webhook_progress_key(domain: int, name: str) -> str:
    """Where it is kept how far a webhook has got."""
    return f"webhook-at {domain:020} {name}"


def dead_letters_of(domain: int, name: str) -> tuple[str, str]:
    """The range of the keys of what a webhook has given up on; a number stands behind, by which they are in order."""
    return f"webhook-dead {domain:020} {name} ", f"webhook-dead {domain:020} {name}!"


def is_of_webhook(key: str) -> bool:
    """Whether it is the key of a webhook, of its progress, or of a dead letter."""
    return key.startswith(("webhook ", "webhook-at ", "webhook-dead "))
