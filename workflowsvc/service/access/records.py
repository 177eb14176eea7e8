"""The rows of `meta` that hold users, groups, access keys and policies.

Owns the form of each row and its key. All keys begin with `access `, then the kind, then the account, so that one range
holds what is listed together; names hold no space. What is listed in two directions is stored once, in the record of
the user or group, and once more as a row without a value, which `changes.py` writes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from workflowsvc.access.secrets import Sealed
from workflowsvc.store.interface import Reader

VERSION: Final = "access version"
"""Counts the changes of access data."""
MASTER: Final = "access master-key"
COUNTS: Final = "access counts"

USER: Final = "access user"
KEY: Final = "access key"
TEMPORARY: Final = "access temporary"
GROUP: Final = "access group"
MEMBER: Final = "access member"
POLICY: Final = "access policy"
ATTACHMENT: Final = "access attachment"
DOMAIN_POLICY: Final = "access domain-policy"
LAST_USE: Final = "access last-use"
CHANGE: Final = "access change"
ROWS_PER_PAGE: Final = 1_000


class UserRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """A user. All moments are milliseconds."""

    id: str
    created_at: int
    tags: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    groups: list[str] = msgspec.field(default_factory=list[str])
    policies: list[str] = msgspec.field(default_factory=list[str])
    keys: list[str] = msgspec.field(default_factory=list[str])


class GroupRecord(msgspec.Struct, omit_defaults=True, gc=False):
    created_at: int
    policies: list[str] = msgspec.field(default_factory=list[str])


class KeyRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """An access key. `user_id` tells its user from a later one of the same name."""

    account: str
    user: str
    user_id: str
    sealed: Sealed
    created_at: int
    active: bool = True
    expires_at: int | None = None


class TemporaryKeyRecord(msgspec.Struct, omit_defaults=True, gc=False):
    id: str
    user_id: str
    sealed: Sealed
    token_hash: bytes
    created_at: int
    policy: str = ""
    """The text of the session policy; empty for none."""


class PolicyRecord(msgspec.Struct, omit_defaults=True, gc=False):
    text: str
    created_at: int
    updated_at: int


class DomainPolicyRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """`region` and `domain`: what the number of the domain stands for."""

    account: str
    region: str
    domain: str
    text: str
    created_at: int
    updated_at: int


class MasterRecord(msgspec.Struct, omit_defaults=True):
    """The master key that new secrets are encrypted with. `before`: the one that a rotation is replacing."""

    id: str
    before: str = ""


class Counts(msgspec.Struct, omit_defaults=True):
    """What there is in one account."""

    users: int = 0
    groups: int = 0
    policies: int = 0


Record = TypeVar("Record", bound=msgspec.Struct)


class Kind(NamedTuple):
    """A kind of row: how its keys begin, and how its value is read."""

    prefix: str
    decode: Callable[[bytes], Any]


encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
decode_user = msgspec.json.Decoder(UserRecord).decode
decode_key = msgspec.json.Decoder(KeyRecord).decode
decode_temporary = msgspec.json.Decoder(TemporaryKeyRecord).decode
decode_group = msgspec.json.Decoder(GroupRecord).decode
decode_policy = msgspec.json.Decoder(PolicyRecord).decode
decode_domain_policy = msgspec.json.Decoder(DomainPolicyRecord).decode
_decode_master = msgspec.json.Decoder(MasterRecord).decode
_decode_counts = msgspec.json.Decoder(Counts).decode


# --- keys of rows ---


def user_key(account: str, name: str) -> str:
    return f"{USER} {account} {name}"


def group_key(account: str, name: str) -> str:
    return f"{GROUP} {account} {name}"


def policy_key(account: str, name: str) -> str:
    return f"{POLICY} {account} {name}"


def key_key(key_id: str) -> str:
    return f"{KEY} {key_id}"


def last_use_key(key_id: str) -> str:
    return f"{LAST_USE} {key_id}"


def temporary_key(account: str, user: str, expires_at: int, key_id: str) -> str:
    """Those of a user in the order in which they expire."""
    return f"{TEMPORARY} {account} {user} {expires_at:015} {key_id}"


def member_key(account: str, group: str, user: str) -> str:
    return f"{MEMBER} {account} {group} {user}"


def attachment_key(account: str, policy: str, to: str, name: str) -> str:
    """`to`: user or group."""
    return f"{ATTACHMENT} {account} {policy} {to} {name}"


def domain_policy_key(domain: int) -> str:
    return f"{DOMAIN_POLICY} {domain:020}"


def counts_key(account: str) -> str:
    return f"{COUNTS} {account}"


def change_key(version: int) -> str:
    return f"{CHANGE} {version:020}"


def below(*words: str) -> tuple[str, str]:
    """The range of all keys that begin with these words and go on."""
    start = " ".join(words)
    return f"{start} ", f"{start}!"  # the character behind the space


def behind(first: str, name: str | None) -> str:
    """Where a page of a range begins: behind this name, or at its start."""
    return first if name is None else f"{first}{name} "  # no name goes on with a space


# --- reading ---


def pages(reader: Reader, first: str, last: str) -> Iterator[list[tuple[str, bytes]]]:
    """All rows of a range, in bounded pieces."""
    while page := reader.metas(first, last, ROWS_PER_PAGE):
        yield page
        if len(page) < ROWS_PER_PAGE:
            return
        first = page[-1][0] + " "  # before any other key: the last word of a key holds no space


def version_of(reader: Reader) -> int:
    """How many changes there were."""
    return int(reader.meta(VERSION) or b"0")


def master_of(reader: Reader) -> MasterRecord | None:
    """None until the first secret is stored."""
    stored = reader.meta(MASTER)
    return None if stored is None else _decode_master(stored)


def counts_of(reader: Reader, account: str) -> Counts:
    stored = reader.meta(counts_key(account))
    return Counts() if stored is None else _decode_counts(stored)


def find_user(reader: Reader, account: str, name: str) -> UserRecord | None:
    stored = reader.meta(user_key(account, name))
    return None if stored is None else decode_user(stored)


def find_group(reader: Reader, account: str, name: str) -> GroupRecord | None:
    stored = reader.meta(group_key(account, name))
    return None if stored is None else decode_group(stored)


def find_policy(reader: Reader, account: str, name: str) -> PolicyRecord | None:
    stored = reader.meta(policy_key(account, name))
    return None if stored is None else decode_policy(stored)


def find_key(reader: Reader, key_id: str) -> KeyRecord | None:
    stored = reader.meta(key_key(key_id))
    return None if stored is None else decode_key(stored)


def find_domain_policy(reader: Reader, domain: int) -> DomainPolicyRecord | None:
    stored = reader.meta(domain_policy_key(domain))
    return None if stored is None else decode_domain_policy(stored)


def last_use(reader: Reader, key_id: str) -> int | None:
    """Milliseconds, the beginning of an hour."""
    stored = reader.meta(last_use_key(key_id))
    return None if stored is None else int(stored)
