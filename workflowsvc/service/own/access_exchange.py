"""ExportAccess and ImportAccess: all users, groups and policies of an account as one document.

Owns what an import changes: everything is checked and compared first, on a snapshot; then the changes are written in
pieces, each of which looks again at what is stored. So an import that was interrupted is repeated, and one that is
repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from workflowsvc.access import secrets
from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import LimitExceededFault, MalformedPolicyDocumentFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.records import DomainPolicyRecord, GroupRecord, PolicyRecord, UserRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.service.own.access_document import (
    VERSION,
    Document,
    DomainPolicyPart,
    GroupPart,
    PolicyPart,
    UserPart,
    is_same,
    read,
    text_of,
    write,
)
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps, WriteStep
from workflowsvc.store.interface import Reader

PARTS_PER_STEP = 20  # written in one transaction: 2 ms
MAX_SHOWN = 1_000  # changes in an answer

Part = PolicyPart | GroupPart | UserPart | DomainPolicyPart


class Planned(NamedTuple):
    """One part of the document that differs from what is stored."""

    part: Part
    subject: str
    is_new: bool


# --- export ---


def export_access(
    reader: Reader, context: CallContext, request: shapes.ExportAccessInput
) -> shapes.AccessDocument:
    account = context.tenant.account

    def named(prefix: str, decode: Callable[[bytes], Any]) -> list[tuple[str, Any]]:
        first, last = records.below(prefix, account)
        return [
            (key.removeprefix(first), decode(value))
            for page in records.pages(reader, first, last)
            for key, value in page
        ]

    document = Document(
        version=VERSION,
        policies=[
            PolicyPart(name, msgspec.Raw(record.text.encode()))
            for name, record in named(records.POLICY, records.decode_policy)
        ],
        groups=[
            GroupPart(name, sorted(record.policies))
            for name, record in named(records.GROUP, records.decode_group)
        ],
        users=[
            UserPart(name, dict(sorted(user.tags.items())), sorted(user.groups), sorted(user.policies))
            for name, user in named(records.USER, records.decode_user)
        ],
        domain_policies=_domain_policies(reader, context),
    )
    return shapes.AccessDocument(document=write(document))


def _domain_policies(reader: Reader, context: CallContext) -> list[DomainPolicyPart]:
    found = [
        records.decode_domain_policy(value)
        for page in records.pages(reader, *records.below(records.DOMAIN_POLICY))
        for _, value in page
    ]
    mine = [part for part in found if (part.account, part.region) == context.tenant]
    return [
        DomainPolicyPart(part.domain, msgspec.Raw(part.text.encode()))
        for part in sorted(mine, key=lambda part: part.domain)
    ]


# --- import ---


def import_access(context: CallContext, request: shapes.ImportAccessInput, now: Callable[[], int]) -> Steps:
    plan: list[Planned] = yield ReadStep(partial(_plan, context=context, text=request.document))
    if not request.dry_run:
        for first in range(0, len(plan), PARTS_PER_STEP):
            part = plan[first : first + PARTS_PER_STEP]
            yield WriteStep(partial(_write, context=context, planned=part))
    return shapes.AccessImport(
        applied=not request.dry_run,
        changes=[
            shapes.AccessChangeRow(kind="CREATED" if each.is_new else "UPDATED", subject=each.subject)
            for each in plan[:MAX_SHOWN]
        ],
        count=len(plan),
    )


def _plan(reader: Reader, context: CallContext, text: str) -> list[Planned]:
    """What differs, in the order in which it is written: what is named comes before what names it."""
    document, account = read(text), context.tenant.account
    policies = {policy.name for policy in document.policies}
    groups = {group.name for group in document.groups}
    plan: list[Planned] = []
    for policy in document.policies:
        record = records.find_policy(reader, account, policy.name)
        if record is None or not is_same(record.text, text_of(policy.document)):
            plan.append(Planned(policy, f"policy {policy.name}", record is None))
    for group in document.groups:
        known = records.find_group(reader, account, group.name)
        _require_policies(reader, account, f"group {group.name}", group.policies, policies)
        if known is None or {*known.policies} != {*group.policies}:
            plan.append(Planned(group, f"group {group.name}", known is None))
    for user in document.users:
        before = records.find_user(reader, account, user.name)
        _require_policies(reader, account, f"user {user.name}", user.policies, policies)
        for name in user.groups:
            if name not in groups and records.find_group(reader, account, name) is None:
                raise _refusal(f"user {user.name}: there is no group {name}")
        if before is None or not _is_as(before, user):
            plan.append(Planned(user, f"user {user.name}", before is None))
    for part in document.domain_policies:
        domain = require_domain(reader, context, part.domain)
        stored = records.find_domain_policy(reader, domain.id)
        if stored is None or not is_same(stored.text, text_of(part.document)):
            plan.append(Planned(part, f"policy of domain {part.domain}", stored is None))
    _check_counts(reader, account, plan)
    return plan


def _require_policies(reader: Reader, account: str, where: str, wanted: list[str], given: set[str]) -> None:
    for name in wanted:
        if name not in given and name not in MANAGED and records.find_policy(reader, account, name) is None:
            raise _refusal(f"{where}: there is no policy {name}")


def _refusal(text: str) -> MalformedPolicyDocumentFault:
    return MalformedPolicyDocumentFault(text, detail="the document was refused")


def _is_as(record: UserRecord, user: UserPart) -> bool:
    return (record.tags, {*record.groups}, {*record.policies}) == (
        user.tags,
        {*user.groups},
        {*user.policies},
    )


def _check_counts(reader: Reader, account: str, plan: list[Planned]) -> None:
    counts = records.counts_of(reader, account)
    limits = ((UserPart, "users", checks.MAX_USERS), (GroupPart, "groups", checks.MAX_GROUPS))
    for kind, what, limit in (*limits, (PolicyPart, "policies", checks.MAX_POLICIES)):
        new = sum(each.is_new and isinstance(each.part, kind) for each in plan)
        if getattr(counts, what) + new > limit:
            raise LimitExceededFault(f"The limit of {limit:,} {what} in one account is reached")


def _write(work: UnitOfWork, context: CallContext, planned: list[Planned]) -> None:
    """Checks again what could have changed since the plan was made, before it changes anything."""
    account = context.tenant.account
    change = Change(work)
    parts = [each.part for each in planned]
    new_policies = {part.name for part in parts if isinstance(part, PolicyPart)}
    new_groups = {part.name for part in parts if isinstance(part, GroupPart)}
    for part in parts:
        if isinstance(part, GroupPart | UserPart):
            for name in {*part.policies} - new_policies:
                checks.require_policy(work.tx, account, name)
        if isinstance(part, UserPart):
            for name in {*part.groups} - new_groups:
                checks.require_group(work.tx, account, name)
        if isinstance(part, DomainPolicyPart):
            work.catalog.require_domain(context.tenant, part.domain)
    _check_counts(work.tx, account, planned)
    for part in parts:
        if isinstance(part, PolicyPart):
            _put_policy(change, account, part)
        elif isinstance(part, GroupPart):
            _put_group(change, account, part)
        elif isinstance(part, UserPart):
            _put_user(change, account, part)
        else:
            _put_domain_policy(change, context, part)
    change.finish(context, f"account {account}", changed=[each.subject for each in planned])


def _put_policy(change: Change, account: str, part: PolicyPart) -> None:
    work = change.work
    known = records.find_policy(work.tx, account, part.name)
    if known is None:
        change.count(account, "policies", 1, checks.MAX_POLICIES)
    created_at = work.now if known is None else known.created_at
    change.put_policy(account, part.name, PolicyRecord(text_of(part.document), created_at, work.now))


def _put_group(change: Change, account: str, part: GroupPart) -> None:
    work = change.work
    known = records.find_group(work.tx, account, part.name)
    if known is None:
        change.count(account, "groups", 1, checks.MAX_GROUPS)
    created_at = work.now if known is None else known.created_at
    change.put_group(account, part.name, GroupRecord(created_at, part.policies), known)


def _put_user(change: Change, account: str, part: UserPart) -> None:
    work = change.work
    known = records.find_user(work.tx, account, part.name)
    if known is None:
        change.count(account, "users", 1, checks.MAX_USERS)
        record = UserRecord(secrets.new_user_id(work.state.ids.random_bytes), work.now)
    else:
        record = known
    record = msgspec.structs.replace(record, tags=part.tags, groups=part.groups, policies=part.policies)
    change.put_user(account, part.name, record, known)


def _put_domain_policy(change: Change, context: CallContext, part: DomainPolicyPart) -> None:
    work, tenant = change.work, context.tenant
    domain = work.catalog.require_domain(tenant, part.domain)
    known = records.find_domain_policy(work.tx, domain.id)
    created_at = work.now if known is None else known.created_at
    record = DomainPolicyRecord(
        tenant.account, tenant.region, domain.name, text_of(part.document), created_at, work.now
    )
    change.put_domain_policy(domain.id, record)
