"""The secrets of access keys: made of random bytes, and kept encrypted under a master key (QUALITY §4.5).

Owns the forms of key ids, secrets and session tokens, and the encryption. SigV4 needs the secret itself, so a hash of
it would not do. A secret is sealed for its account and key id, so that it cannot be moved to another key. Must not know
where sealed secrets or the master key are kept.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode, b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RandomBytes = Callable[[int], bytes]

MASTER_KEY_BYTES = 32
NONCE_BYTES = 12  # what AES-GCM is made for; random ones suffice for 2^32 secrets under one master key
MISSING = "access keys need the package cryptography: pip install cryptography"


class MasterKeyError(Exception):
    """A master key cannot be used, or opens nothing here; the message says what to do."""


class Sealed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An encrypted secret, as it is stored."""

    master: str  # id of the master key
    nonce: bytes
    text: bytes


class MasterKey:
    """One key of 32 bytes. Its `id` tells keys apart, and says nothing of the key."""

    def __init__(self, key: bytes) -> None:
        assert len(key) == MASTER_KEY_BYTES
        self._key = key
        self.id = hmac.digest(key, b"workflowsvc master key", "sha256")[:8].hex()

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"  # never the key

    @cached_property
    def _cipher(self) -> AESGCM:
        require_cryptography()
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    def seal(self, secret: bytes, account: str, key_id: str, random_bytes: RandomBytes) -> Sealed:
        """The secret, encrypted for this account and key id. MasterKeyError without the package `cryptography`."""
        nonce = random_bytes(NONCE_BYTES)
        return Sealed(self.id, nonce, self._cipher.encrypt(nonce, secret, _bound_to(account, key_id)))

    def open(self, sealed: Sealed, account: str, key_id: str) -> bytes:
        """The secret. MasterKeyError when it was sealed by another key, for another key id, or was changed."""
        if sealed.master != self.id:
            raise MasterKeyError(
                f"the secret of {key_id} is encrypted with the master key {sealed.master}, not with {self.id}"
            )
        cipher = self._cipher
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(sealed.nonce, sealed.text, _bound_to(account, key_id))
        except (InvalidTag, ValueError):
            raise MasterKeyError(
                f"the stored secret of {key_id} was changed or belongs to another key"
            ) from None


def _bound_to(account: str, key_id: str) -> bytes:
    return f"{account} {key_id}".encode()


def require_cryptography() -> None:
    """MasterKeyError, with the command that installs it, when the package is missing."""
    try:
        import cryptography  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise MasterKeyError(MISSING) from error


def read_master_key(text: str, source: str) -> MasterKey:
    """The key that this text spells in base64. MasterKeyError when it spells none; the text is not repeated."""
    try:
        key = b64decode(text.strip(), validate=True)
    except (Error, ValueError):
        raise MasterKeyError(
            f"{source} is no base64; `workflowsvc access master-key FILE` makes a key"
        ) from None
    if len(key) != MASTER_KEY_BYTES:
        raise MasterKeyError(
            f"{source} has {len(key)} bytes and must have {MASTER_KEY_BYTES}; `workflowsvc access master-key FILE` "
            "makes a key"
        )
    return MasterKey(key)


def read_master_keys(text: str, source: str) -> tuple[MasterKey, ...]:
    """The keys that stand one a line: the first one is for new secrets, the others are being replaced."""
    words = text.split()
    if not words:
        raise MasterKeyError(f"{source} is empty; `workflowsvc access master-key FILE` makes a key")
    return tuple(read_master_key(word, source) for word in words)


def new_master_key(random_bytes: RandomBytes) -> str:
    """The text of a new master key."""
    return b64encode(random_bytes(MASTER_KEY_BYTES)).decode()


def _new_id(prefix: str, random_bytes: RandomBytes) -> str:
    return prefix + b32encode(random_bytes(10)).decode()  # 80 bits are 16 characters


def new_user_id(random_bytes: RandomBytes) -> str:
    """Like AWS's: `AIDA` and 16 characters of base32."""
    return _new_id("AIDA", random_bytes)


def new_key_id(random_bytes: RandomBytes) -> str:
    """Like AWS's: `AKIA` and 16 characters of base32."""
    return _new_id("AKIA", random_bytes)


def new_temporary_key_id(random_bytes: RandomBytes) -> str:
    """Like AWS's: `ASIA` and 16 characters of base32."""
    return _new_id("ASIA", random_bytes)


def new_secret(random_bytes: RandomBytes) -> str:
    """40 characters, which hold 240 random bits."""
    return b64encode(random_bytes(30)).decode()


def new_session_token(random_bytes: RandomBytes) -> str:
    """128 characters, which hold 768 random bits."""
    return b64encode(random_bytes(96)).decode()


def hash_of_token(token: str | bytes) -> bytes:
    """What is stored of a session token: its SHA-256. The token is random, so it needs no slow hash."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).digest()
