"""Whether a request is allowed, and which statement says so (QUALITY §4.2, SWF §13.5.10).

Owns the order in which policies decide. What a statement matches is in `policy_text.py`. Must not know how policies are
stored, or what an action does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workflowsvc.access.arn_patterns import split_arn
from workflowsvc.access.policy import AccessRequest, Verdict

if TYPE_CHECKING:
    from workflowsvc.access.book import NamedPolicy
    from workflowsvc.access.policy_text import Policy

SESSION_POLICY = "session policy"
"""How a verdict names the policy of a temporary key."""


def judge(
    request: AccessRequest,
    *,
    identity: Sequence[NamedPolicy],
    domain: NamedPolicy | None,
    session: Policy | None,
    principal_arn: str,
) -> Verdict:
    """A Deny of any policy refuses; else an Allow of the caller's or the domain's policies is needed, and one of the
    session policy as well, where there is one; else the request is refused.

    `principal_arn` is whom the statements of the domain's policy may name. An action that no service model has is
    refused.
    """
    action = request.action.lower()
    resource = split_arn(request.resource)
    context = request.context
    policies = [*identity, domain] if domain else identity

    for name, policy in policies:
        for statement in policy.denies_by_action.get(action, ()):
            if statement.matches(resource, context, principal_arn):
                return Verdict(False, "explicit-deny", name, statement.name)
    if session:
        for statement in session.denies_by_action.get(action, ()):
            if statement.matches(resource, context, principal_arn):
                return Verdict(False, "explicit-deny", SESSION_POLICY, statement.name)

    for name, policy in policies:
        for statement in policy.allows_by_action.get(action, ()):
            if statement.matches(resource, context, principal_arn):
                if session and not any(
                    each.matches(resource, context, principal_arn)
                    for each in session.allows_by_action.get(action, ())
                ):
                    return Verdict(False, "session-policy", SESSION_POLICY)
                return Verdict(True, "allowed", name, statement.name)
    return Verdict(False, "no-allow")
