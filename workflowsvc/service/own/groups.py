"""CreateGroup, DescribeGroup, ListGroups, DeleteGroup, AddUserToGroup, RemoveUserFromGroup: policies for many users.

Owns what a group is on the wire and who is in it.
"""

from __future__ import annotations

import msgspec

from workflowsvc.access import names
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import EntityAlreadyExistsFault, OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.records import GroupRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.service.paging import Pages
from workflowsvc.store.interface import Reader


def create_group(
    work: UnitOfWork, context: CallContext, request: shapes.CreateGroupInput
) -> shapes.GroupDetail:
    account, name = context.tenant.account, request.name
    checks.check_name(name, "name")
    change = Change(work)
    if records.find_group(work.tx, account, name) is not None:
        raise EntityAlreadyExistsFault(f"Group with name {name} already exists.")
    change.count(account, "groups", 1, checks.MAX_GROUPS)
    record = GroupRecord(work.now)
    change.put_group(account, name, record)
    change.finish(context, names.group_arn(account, name))
    return detail(account, name, record)


def describe_group(
    reader: Reader, context: CallContext, request: shapes.DescribeGroupInput
) -> shapes.GroupMembers:
    account, name = context.tenant.account, request.name
    record = checks.require_group(reader, account, name)
    pages = Pages(context, request, account, name)
    first, last = records.below(records.MEMBER, account, name)
    rows = reader.metas(records.behind(first, pages.position(str)), last, pages.size + 1)
    members = [key.removeprefix(first) for key, _ in rows[: pages.size]]
    return shapes.GroupMembers(
        group=detail(account, name, record),
        members=members,
        next_page_token=pages.token(members[-1]) if len(rows) > pages.size else None,
    )


def list_groups(reader: Reader, context: CallContext, request: shapes.ListGroupsInput) -> shapes.GroupPage:
    account = context.tenant.account
    pages = Pages(context, request, account)
    first, last = records.below(records.GROUP, account)
    rows = reader.metas(records.behind(first, pages.position(str)), last, pages.size + 1)
    found = [(key.removeprefix(first), records.decode_group(value)) for key, value in rows[: pages.size]]
    return shapes.GroupPage(
        groups=[detail(account, name, record) for name, record in found],
        next_page_token=pages.token(found[-1][0]) if len(rows) > pages.size else None,
    )


def delete_group(work: UnitOfWork, context: CallContext, request: shapes.DeleteGroupInput) -> None:
    account, name = context.tenant.account, request.name
    change = Change(work)
    record = checks.require_group(work.tx, account, name)
    if work.tx.metas(*records.below(records.MEMBER, account, name), 1):
        raise OperationNotPermittedFault("The group has members: remove them first")
    change.count(account, "groups", -1, checks.MAX_GROUPS)
    change.delete_group(account, name, record)
    change.finish(context, names.group_arn(account, name))


def add_user_to_group(work: UnitOfWork, context: CallContext, request: shapes.AddUserToGroupInput) -> None:
    account, name, group = context.tenant.account, request.user_name, request.group_name
    change = Change(work)
    user = checks.require_user(work.tx, account, name)
    checks.require_group(work.tx, account, group)
    if group in user.groups:
        return
    checks.check_limit(len(user.groups) + 1, checks.MAX_GROUPS_OF_USER, "groups of one user")
    change.put_user(account, name, msgspec.structs.replace(user, groups=[*user.groups, group]), user)
    change.finish(context, names.group_arn(account, group), user=name)


def remove_user_from_group(
    work: UnitOfWork, context: CallContext, request: shapes.RemoveUserFromGroupInput
) -> None:
    account, name, group = context.tenant.account, request.user_name, request.group_name
    change = Change(work)
    user = checks.require_user(work.tx, account, name)
    checks.require_group(work.tx, account, group)
    if group not in user.groups:
        return
    left = [known for known in user.groups if known != group]
    change.put_user(account, name, msgspec.structs.replace(user, groups=left), user)
    change.finish(context, names.group_arn(account, group), user=name)


def detail(account: str, name: str, record: GroupRecord) -> shapes.GroupDetail:
    return shapes.GroupDetail(
        arn=names.group_arn(account, name),
        create_timestamp=timestamp(record.created_at),
        name=name,
        policies=sorted(record.policies),
    )
