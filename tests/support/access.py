"""Users, keys and policies in memory, which a test changes: each change makes another book.

Owns a `Book` without a store, and what gives a `World` access control by it. Keys have no secrets: what is signed is
the business of other tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workflowsvc.access.book import AccessKey, Book, NamedPolicy, Principal
from workflowsvc.access.caller import Caller
from workflowsvc.access.policy_text import Policy, parse_policy
from workflowsvc.clock import ManualClock
from workflowsvc.service.audit_trail import AuditTrail
from workflowsvc.service.authorization import Authorization
from workflowsvc.tenant import Tenant

Statement = dict[str, Any]

TENANT = Tenant("123456789012", "eu-central-1")


def allow(*actions: str, on: str | list[str] = "*", **condition: Mapping[str, Any]) -> Statement:
    """`allow("swf:Poll*", on=ARN, StringEquals={"swf:taskList.name": "a"})`."""
    return _statement("Allow", actions, on, condition)


def deny(*actions: str, on: str | list[str] = "*", **condition: Mapping[str, Any]) -> Statement:
    return _statement("Deny", actions, on, condition)


def _statement(
    effect: str, actions: tuple[str, ...], on: str | list[str], condition: Mapping[str, Any]
) -> Statement:
    made: Statement = {"Effect": effect, "Action": list(actions), "Resource": on}
    return made | ({"Condition": dict(condition)} if condition else {})


def policy(*statements: Statement, of_resource: bool = False) -> Policy:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return parse_policy(text, resource_policy=of_resource)


@dataclass(frozen=True)
class MemoryBook:
    """A `Book`."""

    keys: Mapping[str, AccessKey] = field(default_factory=dict[str, AccessKey])
    policies: Mapping[str, tuple[NamedPolicy, ...]] = field(
        default_factory=dict[str, tuple[NamedPolicy, ...]]
    )
    of_domains: Mapping[tuple[Tenant, str], NamedPolicy] = field(
        default_factory=dict[tuple[Tenant, str], NamedPolicy]
    )

    def key(self, key_id: str) -> AccessKey | None:
        return self.keys.get(key_id)

    def policies_of(self, principal: Principal) -> tuple[NamedPolicy, ...]:
        return self.policies.get(principal.name, ())

    def domain_policy(self, tenant: Tenant, domain: str) -> NamedPolicy | None:
        return self.of_domains.get((tenant, domain))


class Users:
    """Those of one tenant. Each has one key, whose id is `AKIA` and its name."""

    def __init__(self) -> None:
        self._book = MemoryBook()
        self.failure: Exception | None = None
        """Raised instead of giving the book."""

    def book(self) -> Book:
        if self.failure is not None:
            raise self.failure
        return self._book

    def add(
        self,
        name: str,
        *statements: Statement,
        tags: Mapping[str, str] | None = None,
        user_id: str | None = None,
        tenant: Tenant = TENANT,
        **key: Any,
    ) -> Caller:
        """A user with one policy; `key` are fields of its key."""
        principal = Principal(tenant.account, name, user_id or f"AIDA{name.upper()}", tags or {})
        made = AccessKey(f"AKIA{name.upper()}", principal, b"", **({"active": True} | key))
        self._book = replace(self._book, keys={**self._book.keys, made.id: made})
        self.give(name, *statements)
        return Caller(tenant, made, source_ip="192.0.2.7", user_agent="a test", is_secure=True)

    def give(self, name: str, *statements: Statement) -> None:
        """Instead of what the user had."""
        named = (NamedPolicy(f"of {name}", policy(*statements)),) if statements else ()
        self._book = replace(self._book, policies={**self._book.policies, name: named})

    def change_key(self, caller: Caller, **fields: Any) -> None:
        """As an administrator does: the caller still has the old one in hand."""
        assert caller.key is not None
        made = replace(caller.key, **fields)
        self._book = replace(self._book, keys={**self._book.keys, made.id: made})

    def remove_key(self, caller: Caller) -> None:
        assert caller.key is not None
        keys = {id: key for id, key in self._book.keys.items() if id != caller.key.id}
        self._book = replace(self._book, keys=keys)

    def give_domain(self, domain: str, *statements: Statement, tenant: Tenant = TENANT) -> None:
        """A domain policy; each statement has a Principal."""
        named = NamedPolicy(f"of domain {domain}", policy(*statements, of_resource=True))
        self._book = replace(self._book, of_domains={**self._book.of_domains, (tenant, domain): named})

    def authorization(self, clock: ManualClock, *, enforces: bool = True) -> Authorization:
        return Authorization(self.book, AuditTrail(clock.monotonic), clock.now_ms, enforces=enforces)


Setup = Callable[[], Users]
