"""Signing keys: what AWS derives from a secret for one day and region, kept so that each call saves four hashes.

Owns the derivation and the memory. Must not know requests.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from workflowsvc.access.book import AccessKey

TERMINATOR = b"aws4_request"
MAX_KEPT = 10_000  # QUALITY §3.2, step 11


class Scope(NamedTuple):
    """The parts of a credential behind the key id: what a signing key is for."""

    date: bytes
    """`20150830`"""
    region: bytes
    service: bytes
    terminator: bytes


def derive(secret: bytes, scope: Scope) -> bytes:
    """The signing key of a secret."""
    key = b"AWS4" + secret
    for part in scope:
        key = hmac.digest(key, part, "sha256")
    return key


def prepare(secret: bytes, scope: Scope) -> hmac.HMAC:
    """What signs: copied for each text. Copies are made without the lookup of the hash that each new one costs, and
    without giving up the interpreter's lock, which another thread would have to give back."""
    return hmac.new(derive(secret, scope), digestmod="sha256")


def sign(prepared: hmac.HMAC, text: bytes) -> bytes:
    """The signature of a text, in hexadecimal."""
    signing = prepared.copy()
    signing.update(text)
    return signing.hexdigest().encode()


class SigningKeys:
    """Those of access keys that have signed rightly. A change of a key makes another AccessKey, so no signing key is
    given out that was kept for another secret."""

    def __init__(self, max_kept: int = MAX_KEPT) -> None:
        self._max_kept = max_kept
        self._kept: dict[tuple[AccessKey, Scope], hmac.HMAC] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: AccessKey, scope: Scope) -> hmac.HMAC | None:
        return self._kept.get((key, scope))

    def keep(self, key: AccessKey, scope: Scope, prepared: hmac.HMAC) -> None:
        """Remembers it; the one that was kept first leaves when there are too many."""
        if (key, scope) not in self._kept and len(self._kept) >= self._max_kept:
            del self._kept[next(iter(self._kept))]
        self._kept[key, scope] = prepared
