"""Policies and questions of the tests, written short."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workflowsvc.access.book import NamedPolicy
from workflowsvc.access.evaluation import judge
from workflowsvc.access.policy import AccessRequest, Verdict
from workflowsvc.access.policy_text import Policy, parse_policy

DOMAIN = "arn:aws:swf:us-east-1:123456789012:/domain/orders"
BOB = "arn:aws:iam::123456789012:user/bob"


def statement(**elements: Any) -> dict[str, Any]:
    """An Allow of everything, but for these elements; None leaves one out."""
    whole = {"Effect": "Allow", "Action": "*", "Resource": "*", **elements}
    if "NotAction" in elements:
        whole["Action"] = None
    if "NotResource" in elements:
        whole["Resource"] = None
    return {name: value for name, value in whole.items() if value is not None}


def policy_of(
    *statements: Mapping[str, Any], version: str = "2012-10-17", resource_policy: bool = False
) -> Policy:
    text = json.dumps({"Version": version, "Statement": list(statements)})
    return parse_policy(text, resource_policy=resource_policy)


def named(name: str, *statements: Mapping[str, Any], **options: Any) -> NamedPolicy:
    return NamedPolicy(name, policy_of(*statements, **options))


def request(
    action: str = "swf:PollForActivityTask",
    resource: str = DOMAIN,
    context: Mapping[str, str | tuple[str, ...]] | None = None,
) -> AccessRequest:
    return AccessRequest(action, resource, context_of(context or {}))


def context_of(values: Mapping[str, str | tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {key.lower(): value if isinstance(value, tuple) else (value,) for key, value in values.items()}


def verdict(
    asked: AccessRequest,
    *identity: NamedPolicy,
    domain: NamedPolicy | None = None,
    session: Policy | None = None,
    principal: str = BOB,
) -> Verdict:
    return judge(asked, identity=identity, domain=domain, session=session, principal_arn=principal)


def holds(
    condition: Mapping[str, Any],
    context: Mapping[str, str | tuple[str, ...]],
    *,
    effect: str = "Allow",
    version: str = "2012-10-17",
) -> bool:
    """Whether a statement with this condition matches."""
    asked = AccessRequest("swf:PollForActivityTask", DOMAIN, context_of(context))
    everything = named("everything", statement())
    conditional = named("tried", statement(Effect=effect, Condition=condition), version=version)
    if effect == "Allow":
        return verdict(asked, conditional).allowed
    return not verdict(asked, everything, conditional).allowed
