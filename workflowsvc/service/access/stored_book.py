"""The snapshot of all access data that calls are judged by, made of the rows of `meta`.

Owns how rows become a book, and how a book becomes the next one when a few rows have changed. What cannot be read gives
nothing: a key is unknown, and in place of a policy stands one that denies everything. Must not know when rows are read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

import msgspec

from workflowsvc.access.book import AccessKey, NamedPolicy, Principal
from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.access.policy_error import PolicyError
from workflowsvc.access.policy_text import Policy, parse_policy
from workflowsvc.access.secrets import MasterKey, MasterKeyError, Sealed
from workflowsvc.service.access import records
from workflowsvc.store.interface import Reader
from workflowsvc.tenant import Tenant

log = logging.getLogger("workflowsvc.access")

Row = tuple[str, bytes | None]
"""Key and value; None: the row is gone."""
Name = tuple[str, str]
"""Account and name."""


class StoredUser(NamedTuple):
    principal: Principal
    groups: tuple[str, ...]
    policies: tuple[str, ...]


class StoredBook:
    """A `Book`. Its dictionaries are never changed."""

    def __init__(
        self,
        version: int,
        users: Mapping[Name, StoredUser],
        keys: Mapping[str, AccessKey],
        groups: Mapping[Name, tuple[str, ...]],
        policies: Mapping[Name, NamedPolicy],
        domain_policies: Mapping[int, tuple[Tenant, NamedPolicy]],
    ) -> None:
        self.version = version
        self.users = users
        self.keys = keys
        self.groups = groups
        self.policies = policies
        self.domain_policies = domain_policies
        self._of_domain = {(tenant, found.name): found for tenant, found in domain_policies.values()}
        self._of_principal: dict[str, tuple[NamedPolicy, ...]] = {}

    @property
    def is_empty(self) -> bool:
        return not self.keys

    def key(self, key_id: str) -> AccessKey | None:
        return self.keys.get(key_id)

    def policies_of(self, principal: Principal) -> tuple[NamedPolicy, ...]:
        found = self._of_principal.get(principal.id)
        if found is None:
            found = self._of_principal[principal.id] = tuple(self._policies_of(principal))
        return found

    def domain_policy(self, tenant: Tenant, domain: str) -> NamedPolicy | None:
        found = self._of_domain.get((tenant, domain))
        return None if found is None else NamedPolicy(f"policy of domain {domain}", found.policy)

    def _policies_of(self, principal: Principal) -> Iterator[NamedPolicy]:
        """A principal of another book may have been deleted since: it may do nothing."""
        user = self.users.get((principal.account, principal.name))
        if user is None or user.principal.id != principal.id:
            return
        names = dict.fromkeys(user.policies)
        for group in user.groups:
            names |= dict.fromkeys(self.groups.get((principal.account, group), (UNREADABLE,)))
        for name in names:
            own = self.policies.get((principal.account, name))
            managed = MANAGED.get(name)
            if own is not None:
                yield own
            else:
                yield NamedPolicy(name, deny_all() if managed is None else managed)


UNREADABLE: Final = "unreadable"
"""Stands for policies that are not known, and is the name of none."""


@cache
def deny_all() -> Policy:
    """Stands for a policy that cannot be read: it may have denied what others allow."""
    return parse_policy(
        '{"Version": "2012-10-17", "Statement": '
        '[{"Sid": "PolicyCannotBeRead", "Effect": "Deny", "Action": "*", "Resource": "*"}]}'
    )


EMPTY: Final = StoredBook(0, {}, {}, {}, {}, {})


class BookBuilder:
    """Makes a book of an earlier one and the rows that have changed. Objects that stay the same are kept, so that
    caches whose keys they are stay filled."""

    def __init__(self, before: StoredBook, master_keys: Sequence[MasterKey]) -> None:
        self._users = dict(before.users)
        self._keys = dict(before.keys)
        self._groups = dict(before.groups)
        self._policies = dict(before.policies)
        self._domain_policies = dict(before.domain_policies)
        self._master_keys = {key.id: key for key in master_keys}
        self._keys_of: dict[str, list[str]] | None = None
        self._takes: Mapping[str, Callable[[list[str], bytes | None], None]] = {
            "policy": self._policy,
            "group": self._group,
            "user": self._user,
            "key": self._key,
            "temporary": self._temporary,
            "domain-policy": self._domain_policy,
        }

    def book(self, version: int) -> StoredBook:
        return StoredBook(
            version, self._users, self._keys, self._groups, self._policies, self._domain_policies
        )

    def apply(self, rows: Iterable[Row]) -> None:
        """Rows of users come before those of their keys."""
        for key, value in rows:
            _, kind, *words = key.split(" ")
            take = self._takes.get(kind)
            if take is None:
                continue
            try:
                take(words, value)
            except (msgspec.MsgspecError, ValueError, MasterKeyError) as error:
                if kind == "domain-policy":
                    raise  # it is not known which domain it protects
                log.error("%s cannot be used and gives no access: %s", key, error)
                take(words, None)

    def _user(self, words: list[str], value: bytes | None) -> None:
        account, name = words
        before = self._users.pop((account, name), None)
        if value is None:
            if before is not None:
                self._drop_keys(before.principal)
            return
        record = records.decode_user(value)
        principal = Principal(account, name, record.id, record.tags)
        if before is not None:
            if before.principal == principal:
                principal = before.principal
            elif before.principal.id == principal.id:
                self._move_keys(principal)
            else:
                self._drop_keys(before.principal)
        self._users[account, name] = StoredUser(principal, tuple(record.groups), tuple(record.policies))

    def _key(self, words: list[str], value: bytes | None) -> None:
        (key_id,) = words
        before = self._keys.pop(key_id, None)
        if value is None:
            return
        record = records.decode_key(value)
        principal = self._owner(record.account, record.user, record.user_id)
        if principal is None:
            return
        self._put(
            before,
            AccessKey(
                id=key_id,
                principal=principal,
                secret=self._open(record.sealed, record.account, key_id),
                active=record.active,
                expires_at=record.expires_at,
            ),
        )

    def _temporary(self, words: list[str], value: bytes | None) -> None:
        account, name, expires_at, key_id = words
        before = self._keys.pop(key_id, None)
        if value is None:
            return
        record = records.decode_temporary(value)
        principal = self._owner(account, name, record.user_id)
        if principal is None:
            return
        self._put(
            before,
            AccessKey(
                id=key_id,
                principal=principal,
                secret=self._open(record.sealed, account, key_id),
                active=True,
                expires_at=int(expires_at),
                session_token=record.token_hash,
                session_policy=_read(record.policy, key_id) if record.policy else None,
            ),
        )

    def _owner(self, account: str, name: str, user_id: str) -> Principal | None:
        """The user of a key; None when it was deleted, also when another user has its name by now."""
        user = self._users.get((account, name))
        return user.principal if user is not None and user.principal.id == user_id else None

    def _put(self, before: AccessKey | None, key: AccessKey) -> None:
        if before is not None and _same(before, key):
            key = before
        self._keys[key.id] = key
        if self._keys_of is not None:
            self._keys_of.setdefault(key.principal.id, []).append(key.id)

    def _open(self, sealed: Sealed, account: str, key_id: str) -> bytes:
        master = self._master_keys.get(sealed.master)
        if master is None:
            raise MasterKeyError(f"it is encrypted with the master key {sealed.master}, which was not given")
        return master.open(sealed, account, key_id)

    def _of(self, principal: Principal) -> list[AccessKey]:
        if self._keys_of is None:
            self._keys_of = {}
            for key in self._keys.values():
                self._keys_of.setdefault(key.principal.id, []).append(key.id)
        found = (self._keys.get(key_id) for key_id in self._keys_of.get(principal.id, ()))
        return [key for key in found if key is not None and key.principal.id == principal.id]

    def _drop_keys(self, principal: Principal) -> None:
        for key in self._of(principal):
            del self._keys[key.id]

    def _move_keys(self, principal: Principal) -> None:
        """Its tags have changed, and so have its keys for those who cache by key."""
        for key in self._of(principal):
            self._keys[key.id] = replace(key, principal=principal)

    def _group(self, words: list[str], value: bytes | None) -> None:
        account, name = words
        self._groups.pop((account, name), None)
        if value is not None:
            self._groups[account, name] = tuple(records.decode_group(value).policies)

    def _policy(self, words: list[str], value: bytes | None) -> None:
        account, name = words
        before = self._policies.pop((account, name), None)
        if value is None:
            return
        text = records.decode_policy(value).text
        known = before is not None and before.policy.text == text
        self._policies[account, name] = before if known and before else NamedPolicy(name, _read(text, name))

    def _domain_policy(self, words: list[str], value: bytes | None) -> None:
        domain = int(words[0])
        before = self._domain_policies.pop(domain, None)
        if value is None:
            return
        record = records.decode_domain_policy(value)
        tenant = Tenant(record.account, record.region)
        if before is not None and before[1].policy.text == record.text:
            self._domain_policies[domain] = before
        else:
            policy = _read(record.text, record.domain, of_domain=True)
            self._domain_policies[domain] = tenant, NamedPolicy(record.domain, policy)


_ORDER: Final = (
    records.POLICY,
    records.GROUP,
    records.USER,
    records.KEY,
    records.TEMPORARY,
    records.DOMAIN_POLICY,
)


def _read(text: str, name: str, *, of_domain: bool = False) -> Policy:
    try:
        return parse_policy(text, resource_policy=of_domain)
    except PolicyError as error:
        log.error("the policy of %s cannot be read by this release and denies everything: %s", name, error)
        return deny_all()


def _same(one: AccessKey, other: AccessKey) -> bool:
    """But for the session policy, which never changes."""
    return (one.principal, one.secret, one.active, one.expires_at, one.session_token) == (
        other.principal,
        other.secret,
        other.active,
        other.expires_at,
        other.session_token,
    ) and one.principal is other.principal


def in_order(keys: Iterable[str]) -> list[str]:
    """Keys of rows, those of users before those of their keys."""
    return sorted({*keys}, key=_place)


def _place(key: str) -> int:
    return next((place for place, prefix in enumerate(_ORDER) if key.startswith(prefix + " ")), len(_ORDER))


def read_everything(reader: Reader, master_keys: Sequence[MasterKey]) -> StoredBook:
    """The book of all rows, read in bounded pieces of one snapshot."""
    builder = BookBuilder(EMPTY, master_keys)
    version = records.version_of(reader)
    for prefix in _ORDER:
        for page in records.pages(reader, *records.below(prefix)):
            builder.apply(page)
    return builder.book(version)
