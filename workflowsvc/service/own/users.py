"""CreateUser, DescribeUser, ListUsers, DeleteUser, TagUser, UntagUser: people and programs that sign calls.

Owns what a user is on the wire. What it may do is in policies; its keys are in access_keys.py.
"""

from __future__ import annotations

import msgspec

from workflowsvc.access import names, secrets
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import EntityAlreadyExistsFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.records import UserRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.service.paging import Pages
from workflowsvc.store.interface import Reader


def create_user(work: UnitOfWork, context: CallContext, request: shapes.CreateUserInput) -> shapes.UserDetail:
    account, name = context.tenant.account, request.name
    checks.check_name(name, "name")
    tags = _tags(request.tags or [])
    change = Change(work)
    if records.find_user(work.tx, account, name) is not None:
        raise EntityAlreadyExistsFault(f"User with name {name} already exists.")
    change.count(account, "users", 1, checks.MAX_USERS)
    record = UserRecord(secrets.new_user_id(work.state.ids.random_bytes), work.now, tags)
    change.put_user(account, name, record)
    change.finish(context, names.user_arn(account, name), tagKeys=sorted(tags))
    return detail(account, name, record)


def describe_user(
    reader: Reader, context: CallContext, request: shapes.DescribeUserInput
) -> shapes.UserDetail:
    account = context.tenant.account
    name = request.name
    return detail(account, name, checks.require_user(reader, account, name))


def list_users(reader: Reader, context: CallContext, request: shapes.ListUsersInput) -> shapes.UserPage:
    account = context.tenant.account
    pages = Pages(context, request, account)
    first, last = records.below(records.USER, account)
    rows = reader.metas(records.behind(first, pages.position(str)), last, pages.size + 1)
    found = [(key.removeprefix(first), records.decode_user(value)) for key, value in rows[: pages.size]]
    return shapes.UserPage(
        next_page_token=pages.token(found[-1][0]) if len(rows) > pages.size else None,
        users=[detail(account, name, record) for name, record in found],
    )


def delete_user(work: UnitOfWork, context: CallContext, request: shapes.DeleteUserInput) -> None:
    """Its temporary keys name its id, which no later user has; their rows go when they expire."""
    account, name = context.tenant.account, request.name
    change = Change(work)
    record = checks.require_user(work.tx, account, name)
    change.count(account, "users", -1, checks.MAX_USERS)
    change.delete_user(account, name, record)
    change.finish(context, names.user_arn(account, name), accessKeyIds=record.keys, userId=record.id)


def tag_user(work: UnitOfWork, context: CallContext, request: shapes.TagUserInput) -> None:
    account, name = context.tenant.account, request.name
    added = _tags(request.tags)
    change = Change(work)
    record = checks.require_user(work.tx, account, name)
    replaced = {key.lower() for key in added}  # a key in another case is the same one, as in IAM
    tags = {key: value for key, value in record.tags.items() if key.lower() not in replaced} | added
    checks.check_limit(len(tags), checks.MAX_TAGS, "tags of one user")
    change.put_user(account, name, msgspec.structs.replace(record, tags=tags), record)
    change.finish(context, names.user_arn(account, name), tagKeys=sorted(added))


def untag_user(work: UnitOfWork, context: CallContext, request: shapes.UntagUserInput) -> None:
    account, name = context.tenant.account, request.name
    change = Change(work)
    record = checks.require_user(work.tx, account, name)
    removed = {key.lower() for key in request.tag_keys}
    tags = {key: value for key, value in record.tags.items() if key.lower() not in removed}
    change.put_user(account, name, msgspec.structs.replace(record, tags=tags), record)
    change.finish(context, names.user_arn(account, name), tagKeys=sorted(record.tags.keys() - tags.keys()))


def _tags(given: list[shapes.PrincipalTag]) -> dict[str, str]:
    checks.check_tags([tag.key.lower() for tag in given], "tags")  # policies do not tell their cases apart
    return {tag.key: tag.value for tag in given}


def detail(account: str, name: str, record: UserRecord) -> shapes.UserDetail:
    return shapes.UserDetail(
        arn=names.user_arn(account, name),
        create_timestamp=timestamp(record.created_at),
        groups=sorted(record.groups),
        id=record.id,
        name=name,
        policies=sorted(record.policies),
        tags=[shapes.PrincipalTag(key=key, value=value) for key, value in sorted(record.tags.items())],
    )
