"""What an installation knows of its principals at one moment: the questions that a call asks of it.

Owns the records and the protocol. How they are stored, encrypted and kept fresh is the business of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from workflowsvc.access.policy_text import Policy
    from workflowsvc.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Principal:
    """A user: a person or a program."""

    account: str
    name: str
    id: str
    """Like `AIDA…`; another one when a name is used again."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.name}"


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself, so that it can be the key of a cache
class AccessKey:
    """A key as it is held in memory, its secret decrypted."""

    id: str
    principal: Principal
    secret: bytes
    active: bool
    expires_at: int | None = None
    """Milliseconds; None: never."""
    session_token: bytes | None = None
    """SHA-256 of the session token of a temporary key."""
    session_policy: Policy | None = None

    def __repr__(self) -> str:
        return f"AccessKey({self.id})"  # never the secret


class NamedPolicy(NamedTuple):
    name: str
    policy: Policy


class Book(Protocol):
    """A snapshot: its answers never change. A change of access data makes another book."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no access key yet, so that no call can be signed."""
        ...

    def key(self, key_id: str) -> AccessKey | None: ...
    def policies_of(self, principal: Principal) -> tuple[NamedPolicy, ...]:
        """Those of the principal and of its groups."""
        ...

    def domain_policy(self, tenant: Tenant, domain: str) -> NamedPolicy | None: ...
