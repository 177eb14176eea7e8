"""SimulateAccess: what the policies of a user say of a call, without making it.

Owns which policies are asked, and which condition keys are known of a user without a call. How policies decide is in
access/evaluation.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workflowsvc.access.book import NamedPolicy, Principal
from workflowsvc.access.evaluation import judge
from workflowsvc.access.known_names import ACTIONS, CONDITION_KEYS, find_action, find_key
from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.access.policy import AccessRequest, Reason
from workflowsvc.access.policy_error import did_you_mean
from workflowsvc.faults import ValidationException
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.access import records
from workflowsvc.service.access.records import UserRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.store.interface import Reader
from workflowsvc.tenant import Tenant

_domain_of = re.compile(r"arn:aws[a-z-]*:swf:([a-z0-9-]*):([0-9]{12}):/domain/(.+)", re.DOTALL).fullmatch
_REASONS: dict[Reason, shapes.VerdictReason] = {
    "allowed": "ALLOWED",
    "explicit-deny": "EXPLICIT_DENY",
    "no-allow": "NO_ALLOW",
    "session-policy": "SESSION_POLICY",
}


def simulate_access(
    reader: Reader, context: CallContext, request: shapes.SimulateAccessInput
) -> shapes.AccessVerdict:
    account = context.tenant.account
    name = request.user_name
    if find_action(request.action) is None:
        raise ValidationException(
            f"{request.action} is no action of policies{did_you_mean(request.action, ACTIONS)}",
            detail="the action is unknown",
        )
    session = None if request.session_policy is None else checks.read_policy(request.session_policy)
    user = checks.require_user(reader, account, name)
    principal = Principal(account, name, user.id, user.tags)
    verdict = judge(
        AccessRequest(request.action, request.resource, _conditions(principal, request.context or [])),
        identity=_policies_of(reader, account, user),
        domain=_domain_policy(reader, context.tenant, request.resource),
        session=session,
        principal_arn=principal.arn,
    )
    return shapes.AccessVerdict(
        allowed=verdict.allowed,
        policy=verdict.policy or None,
        reason=_REASONS[verdict.reason],
        statement=verdict.statement or None,
    )


def _conditions(principal: Principal, given: Iterable[shapes.ContextEntry]) -> dict[str, tuple[str, ...]]:
    """What is known of the user, and what the caller adds or replaces."""
    known: dict[str, tuple[str, ...]] = {
        "aws:principalaccount": (principal.account,),
        "aws:principalarn": (principal.arn,),
        "aws:userid": (principal.id,),
        "aws:username": (principal.name,),
    }
    known |= {f"aws:principaltag/{key.lower()}": (value,) for key, value in principal.tags.items()}
    for entry in given:
        if find_key(entry.key) is None:
            raise ValidationException(
                f"{entry.key} is no condition key{did_you_mean(entry.key, CONDITION_KEYS)}",
                detail="a condition key is unknown",
            )
        known[entry.key.lower()] = tuple(entry.values)
    return {key: values for key, values in known.items() if values}


def _policies_of(reader: Reader, account: str, user: UserRecord) -> list[NamedPolicy]:
    names = dict.fromkeys(user.policies)
    for group in user.groups:
        record = records.find_group(reader, account, group)
        names |= dict.fromkeys([] if record is None else record.policies)
    return [_policy(reader, account, name) for name in names]


def _policy(reader: Reader, account: str, name: str) -> NamedPolicy:
    record = records.find_policy(reader, account, name)
    if record is not None:
        return NamedPolicy(name, checks.read_policy(record.text))
    managed = MANAGED.get(name)
    if managed is None:
        raise checks.unknown_policy(name)
    return NamedPolicy(name, managed)


def _domain_policy(reader: Reader, tenant: Tenant, resource: str) -> NamedPolicy | None:
    """That of the domain that the resource names, in the account of the caller."""
    named = _domain_of(resource)
    if named is None or named[2] != tenant.account:
        return None
    row = reader.domain(tenant._replace(region=named[1]).key, named[3])
    record = None if row is None else records.find_domain_policy(reader, row.id)
    if record is None:
        return None
    return NamedPolicy(f"policy of domain {named[3]}", checks.read_policy(record.text, resource_policy=True))
