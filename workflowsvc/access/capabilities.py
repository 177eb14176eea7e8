"""What an action can be about, and which condition keys it can have, before any request is made.

Owns how `vocabulary.py` is asked this. Used where policies are explained: warnings, and the tables of docs/policies.md.
"""

from __future__ import annotations

from workflowsvc.access.known_names import ACTIONS
from workflowsvc.access.vocabulary import ENTRIES
from workflowsvc.tenant import Tenant

NOT_OF_DECISIONS = ("aws:SecureTransport", "aws:SourceIp", "aws:UserAgent")
"""Keys that only a call has (SWF §13.3)."""
NEVER_THERE = ("aws:MultiFactorAuthPresent",)
"""Known, so that policies of AWS can be used, and without a value: there is no second factor here."""

_ANY_TENANT = Tenant("ACCOUNT", "REGION")
_DOMAIN = _ANY_TENANT.domain_arn("NAME")


class _AnyRequest:
    """Has every member that a resource may be read from."""

    resource_arn = _DOMAIN

    def __getattr__(self, name: str) -> str:
        return "NAME"


def resource_form(action: str) -> str:
    """The ARN that its resource has, with ACCOUNT, REGION and NAME in it; the action in any case."""
    resource = ENTRIES[_AS_WRITTEN[action.lower()]].resource
    return _DOMAIN if resource is None else resource(_ANY_TENANT, _AnyRequest()).arn


def can_have(action: str, key: str) -> bool:
    """Whether a request for this action can have this condition key; both in any case."""
    entry = ENTRIES[_AS_WRITTEN[action.lower()]]
    lower = key.lower()
    if lower in _NEVER:
        return False
    if lower in _CALLS_ONLY:
        return not entry.is_decision
    if lower == "aws:tagkeys":
        return entry.tag_keys is not None
    if lower.startswith("aws:requesttag/"):
        return entry.request_tags is not None
    if lower.startswith("aws:resourcetag/"):
        return resource_form(action) == _DOMAIN
    return lower.startswith("aws:") or lower in entry.keys


_AS_WRITTEN = {action.lower(): action for action in ACTIONS}
_NEVER = {key.lower() for key in NEVER_THERE}
_CALLS_ONLY = {key.lower() for key in NOT_OF_DECISIONS}
