"""Principal and NotPrincipal: of whom a domain policy speaks (SWF §13.5.9).

Owns how principals are written. Must not know which principals exist.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from workflowsvc.access.policy_error import PolicyError, did_you_mean, shown
from workflowsvc.access.policy_json import Pairs, kind, members, strings

_USER = re.compile(r"arn:aws:iam::[0-9]{12}:user/[^\s*?/$:]+")
_ROOT = re.compile(r"(?:arn:aws:iam::)?([0-9]{12})(?::root)?")
_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class Principals(NamedTuple):
    """Those that are named."""

    every: bool
    users: Collection[str]
    """ARNs."""
    accounts: Collection[str]
    excepted: bool = False
    """Whether all others are meant (NotPrincipal)."""

    def include(self, arn: str, *, allows: bool) -> bool:
        """Whether the statement speaks of this user. An account in an Allow gives its users nothing: as in AWS, their
        own policies must."""
        named = self.every or arn in self.users
        if not named and self.accounts and not (allows and not self.excepted):
            named = _account_of(arn) in self.accounts
        return named is not self.excepted


def read_principals(value: object, position: str, *, excepted: bool) -> Principals:
    if value == "*" and not excepted:
        return Principals(every=True, users=(), accounts=())
    if not isinstance(value, Pairs):
        example = '{"AWS": "arn:aws:iam::123456789012:user/NAME"}'
        what = shown(value) if isinstance(value, str) else kind(value)
        all_others = "" if excepted else '"*" or '
        raise PolicyError(position, f"must be {all_others}an object such as {example}, not {what}")
    found = members(value, position)
    for name in found:
        if name != "AWS":
            known = "; this service has users alone" if name in _KINDS else did_you_mean(name, _KINDS)
            raise PolicyError(f"{position}.{name}", f'is no kind of principal: write "AWS"{known}')
    if not found:
        raise PolicyError(position, "must name a principal")
    users: set[str] = set()
    accounts: set[str] = set()
    every = False
    for text, place in strings(found["AWS"], f"{position}.AWS"):
        if text == "*":
            if excepted:
                raise PolicyError(place, "all principals but all is none")
            every = True
        elif _USER.fullmatch(text):
            users.add(text)
        elif root := _ROOT.fullmatch(text):
            accounts.add(root[1])
        else:
            raise PolicyError(place, _why_not(text))
    return Principals(every, frozenset(users), frozenset(accounts), excepted)


def _why_not(text: str) -> str:
    if "*" in text or "?" in text:
        return (
            f'{shown(text)} has a wildcard: name each user, or write "*" and a condition on aws:PrincipalArn'
        )
    if ":group/" in text:
        return f"{shown(text)} is a group, which is no principal: name its users, or attach a policy to the group"
    return f'{shown(text)} is no principal: write arn:aws:iam::123456789012:user/NAME, an account of 12 digits or "*"'


def _account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""
