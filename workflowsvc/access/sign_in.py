"""Whether a person may come in with an access key and its secret, and whether that key still holds (QUALITY §5.4).

Owns the comparison. Whatever is wrong takes the same work, and only the log learns what it was (docs/decisions/0028).
Must not know sessions.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.sigv4 import NO_KEY


class Typed(NamedTuple):
    """What a person has typed or pasted, without the blanks around it."""

    key_id: str
    secret: str
    session_token: str = ""
    """Of a temporary key."""

    def __repr__(self) -> str:
        return "Typed(...)"  # people mistake one field for another


class NotSignedIn(Exception):
    """The message says why, for the log alone; it has nothing of what was typed."""


def key_of(book: Book, typed: Typed, now_ms: int) -> AccessKey:
    """The key whose secret was typed. NotSignedIn when there is none that holds."""
    key = book.key(typed.key_id) or NO_KEY
    is_right = _same(typed.secret.encode("utf-8", "surrogatepass"), key.secret)
    given = hashlib.sha256(typed.session_token.encode("utf-8", "surrogatepass")).digest()
    is_right_token = hmac.compare_digest(given, key.session_token or hashlib.sha256(b"").digest())
    if key is NO_KEY:
        raise NotSignedIn("the access key does not exist")
    if not is_right:
        raise NotSignedIn("the access key has another secret")
    if not is_right_token:
        raise NotSignedIn("the session token is not that of the key")
    if not key.active:
        raise NotSignedIn("the access key is not active")
    if _has_expired(key, now_ms):
        raise NotSignedIn("the access key has expired")
    return key


def key_that_holds(book: Book, key: AccessKey, now_ms: int) -> AccessKey | None:
    """The key as the book has it now; None when it was deleted, disabled or has expired, or is another one's."""
    now = book.key(key.id)
    if now is None or not now.active or _has_expired(now, now_ms):
        return None
    is_same = now is key or (now.principal.id == key.principal.id and _same(now.secret, key.secret))
    return now if is_same else None


def _has_expired(key: AccessKey, now_ms: int) -> bool:
    return key.expires_at is not None and now_ms >= key.expires_at


def _same(one: bytes, other: bytes) -> bool:
    """Takes the same time for secrets of other lengths."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())
