"""PutPolicy, DescribePolicy, ListPolicies, DeletePolicy, AttachPolicy, DetachPolicy: who may do what.

Owns the names of policies: those that come with the service and those of an account are one list. What a policy says is
read by access/policy_text.py.
"""

from __future__ import annotations

import msgspec

from workflowsvc.access import names
from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.records import PolicyRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.service.paging import Pages
from workflowsvc.store.interface import Reader

MAX_SHOWN = 1_000  # users or groups that a policy is attached to


def put_policy(work: UnitOfWork, context: CallContext, request: shapes.PutPolicyInput) -> shapes.PolicyDetail:
    account, name = context.tenant.account, request.name
    checks.check_name(name, "name")
    if name in MANAGED:
        raise OperationNotPermittedFault(f"{name} is a managed policy: give yours another name")
    checks.read_policy(request.text)
    change = Change(work)
    known = records.find_policy(work.tx, account, name)
    if known is None:
        change.count(account, "policies", 1, checks.MAX_POLICIES)
    record = PolicyRecord(request.text, work.now if known is None else known.created_at, work.now)
    change.put_policy(account, name, record)
    change.finish(context, names.policy_arn(account, name), isNew=known is None)
    return _detail(account, name, record)


def describe_policy(
    reader: Reader, context: CallContext, request: shapes.DescribePolicyInput
) -> shapes.AttachedPolicy:
    account, name = context.tenant.account, request.name
    if name in MANAGED:
        policy = managed_detail(name, with_text=True)
    else:
        checks.require_policy(reader, account, name)
        record = records.find_policy(reader, account, name)
        assert record is not None
        policy = _detail(account, name, record)
        policy.text = record.text
    users, groups = (
        [key.removeprefix(first) for key, _ in reader.metas(first, last, MAX_SHOWN)]
        for first, last in (records.below(records.ATTACHMENT, account, name, to) for to in ("user", "group"))
    )
    return shapes.AttachedPolicy(groups=groups, policy=policy, users=users)


def list_policies(
    reader: Reader, context: CallContext, request: shapes.ListPoliciesInput
) -> shapes.PolicyPage:
    account = context.tenant.account
    pages = Pages(context, request, account)
    kind, after = pages.position(tuple[shapes.PolicyKind, str]) or ("MANAGED", None)
    found: list[shapes.PolicyDetail] = []
    if kind == "MANAGED":
        found = [managed_detail(name) for name in sorted(MANAGED) if after is None or name > after]
        after = None
    first, last = records.below(records.POLICY, account)
    left = max(pages.size + 1 - len(found), 0)
    for key, value in reader.metas(records.behind(first, after), last, left):
        found.append(_detail(account, key.removeprefix(first), records.decode_policy(value)))
    page = found[: pages.size]
    token = pages.token((page[-1].kind, page[-1].name)) if len(found) > pages.size else None
    return shapes.PolicyPage(next_page_token=token, policies=page)


def delete_policy(work: UnitOfWork, context: CallContext, request: shapes.DeletePolicyInput) -> None:
    account, name = context.tenant.account, request.name
    if name in MANAGED:
        raise OperationNotPermittedFault(f"{name} is a managed policy and cannot be deleted")
    change = Change(work)
    checks.require_policy(work.tx, account, name)
    if work.tx.metas(*records.below(records.ATTACHMENT, account, name), 1):
        raise OperationNotPermittedFault("The policy is attached: detach it first")
    change.count(account, "policies", -1, checks.MAX_POLICIES)
    change.delete_policy(account, name)
    change.finish(context, names.policy_arn(account, name))


def attach_policy(work: UnitOfWork, context: CallContext, request: shapes.AttachPolicyInput) -> None:
    _change_attached(work, context, request, attach=True)


def detach_policy(work: UnitOfWork, context: CallContext, request: shapes.DetachPolicyInput) -> None:
    _change_attached(work, context, request, attach=False)


def _change_attached(
    work: UnitOfWork,
    context: CallContext,
    request: shapes.AttachPolicyInput | shapes.DetachPolicyInput,
    *,
    attach: bool,
) -> None:
    account, policy = context.tenant.account, request.policy_name
    if (request.user_name is None) == (request.group_name is None):
        raise validation_text.one_refusal(
            request.user_name, "userName", "Member must be given, or else groupName, and not both"
        )
    change = Change(work)
    name = request.user_name or request.group_name
    assert name is not None
    is_user = request.user_name is not None
    record = (
        checks.require_user(work.tx, account, name)
        if is_user
        else checks.require_group(work.tx, account, name)
    )
    if policy not in record.policies or attach:  # one that is attached can be detached in any case
        checks.require_policy(work.tx, account, policy)
    if (policy in record.policies) == attach:
        return
    left = [known for known in record.policies if known != policy]
    policies = [*left, policy] if attach else left
    checks.check_limit(len(policies), checks.MAX_ATTACHED, "policies attached to one user or group")
    changed = msgspec.structs.replace(record, policies=policies)
    if isinstance(record, records.UserRecord):
        change.put_user(account, name, changed, record)  # type: ignore[arg-type]
    else:
        change.put_group(account, name, changed, record)  # type: ignore[arg-type]
    arn = names.user_arn(account, name) if is_user else names.group_arn(account, name)
    change.finish(context, arn, policy=policy)


def managed_detail(name: str, *, with_text: bool = False) -> shapes.PolicyDetail:
    """A policy that comes with the service belongs to no account, as AWS's do."""
    return shapes.PolicyDetail(
        arn=f"arn:aws:iam::aws:policy/{name}",
        kind="MANAGED",
        name=name,
        text=MANAGED[name].text if with_text else None,
    )


def _detail(account: str, name: str, record: PolicyRecord) -> shapes.PolicyDetail:
    return shapes.PolicyDetail(
        arn=names.policy_arn(account, name),
        create_timestamp=timestamp(record.created_at),
        kind="OWN",
        name=name,
        update_timestamp=timestamp(record.updated_at),
    )
