"""The document that ExportAccess answers and ImportAccess takes: users, groups and policies, without secrets.

Owns its form, and what is refused before anything is compared with the store. It is meant to be kept in a repository:
lists are in order, and policies are JSON within the JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.access.names import is_name
from workflowsvc.access.policy_error import PolicyError
from workflowsvc.access.policy_text import parse_policy
from workflowsvc.faults import MalformedPolicyDocumentFault
from workflowsvc.service.own import access_checks as checks

VERSION = 1
MAX_POLICY = 20_480  # characters, as PutPolicy takes


class Part(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """What all parts share: a misspelt member must not count as none."""


class PolicyPart(Part):
    name: str
    document: msgspec.Raw


class GroupPart(Part):
    name: str
    policies: list[str] = msgspec.field(default_factory=list[str])


class UserPart(Part):
    name: str
    tags: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    groups: list[str] = msgspec.field(default_factory=list[str])
    policies: list[str] = msgspec.field(default_factory=list[str])


class DomainPolicyPart(Part):
    domain: str
    document: msgspec.Raw


class Document(Part, omit_defaults=False):
    version: int
    policies: list[PolicyPart] = msgspec.field(default_factory=list[PolicyPart])
    groups: list[GroupPart] = msgspec.field(default_factory=list[GroupPart])
    users: list[UserPart] = msgspec.field(default_factory=list[UserPart])
    domain_policies: list[DomainPolicyPart] = msgspec.field(default_factory=list[DomainPolicyPart])


_decode = msgspec.json.Decoder(Document).decode
_encode = msgspec.json.Encoder().encode
read_json: Any = msgspec.json.Decoder().decode


def text_of(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def is_same(one: str, other: str) -> bool:
    """Whether two policies say the same, however they are laid out."""
    return one == other or read_json(one) == read_json(other)


def write(document: Document) -> str:
    """One object with two spaces of indentation, for people and for `diff`."""
    return msgspec.json.format(_encode(document), indent=2).decode() + "\n"


def read(text: str) -> Document:
    """The document. MalformedPolicyDocumentFault, with the place and the reason, for one with any error."""
    try:
        document = _decode(text.encode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _refusal("the document", str(error)) from error
    if document.version != VERSION:
        raise _refusal("version", f"must be {VERSION}")
    _check_policies(document)
    _check_names("groups", [group.name for group in document.groups])
    _check_names("users", [user.name for user in document.users])
    for group in document.groups:
        _check_references(f"group {group.name}", "policies", group.policies, checks.MAX_ATTACHED)
    for user in document.users:
        _check_user(user)
    return document


def _check_policies(document: Document) -> None:
    _check_names("policies", [policy.name for policy in document.policies])
    for policy in document.policies:
        if policy.name in MANAGED:
            raise _refusal(f"policy {policy.name}", "has the name of a managed policy")
        _check_policy(f"policy {policy.name}", policy.document, of_domain=False)
    domains = [policy.domain for policy in document.domain_policies]
    if len(set(domains)) != len(domains):
        raise _refusal("domainPolicies", "name a domain twice")
    for part in document.domain_policies:
        _check_policy(f"policy of domain {part.domain[:256]}", part.document, of_domain=True)


def _check_policy(where: str, document: msgspec.Raw, *, of_domain: bool) -> None:
    if len(bytes(document)) > MAX_POLICY:
        raise _refusal(where, f"is longer than {MAX_POLICY} bytes")
    try:
        parse_policy(text_of(document), resource_policy=of_domain)
    except (PolicyError, UnicodeError) as error:
        raise _refusal(where, str(error)) from error


def _check_names(where: str, names: list[str]) -> None:
    for name in names:
        if not is_name(name):
            raise _refusal(where, f"{name[:80]!r} is no name")
    if len(set(names)) != len(names):
        raise _refusal(where, "have two of one name")


def _check_user(user: UserPart) -> None:
    where = f"user {user.name}"
    _check_references(where, "policies", user.policies, checks.MAX_ATTACHED)
    _check_references(where, "groups", user.groups, checks.MAX_GROUPS_OF_USER)
    if len({key.lower() for key in user.tags}) != len(user.tags) or len(user.tags) > checks.MAX_TAGS:
        raise _refusal(where, f"has a tag twice, or more than {checks.MAX_TAGS}")
    for key, value in user.tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise _refusal(where, "has a tag whose key or value is too long, or empty")


def _check_references(where: str, what: str, names: Iterable[str], limit: int) -> None:
    given = list(names)
    if len(set(given)) != len(given) or len(given) > limit:
        raise _refusal(where, f"its {what} name one twice, or more than {limit}")
    for name in given:
        if not is_name(name):
            raise _refusal(where, f"its {what} hold {name[:80]!r}, which is no name")


def _refusal(where: str, reason: str) -> MalformedPolicyDocumentFault:
    return MalformedPolicyDocumentFault(f"{where}: {reason}", detail="the document was refused")
