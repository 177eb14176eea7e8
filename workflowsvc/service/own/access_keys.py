"""CreateAccessKey, UpdateAccessKey, DeleteAccessKey, ListAccessKeys: what calls are signed with (QUALITY §4.5).

Owns how many keys a user may have and what is answered about them. A secret is answered once, when it is made, and is
stored encrypted.
"""

from __future__ import annotations

import msgspec

from workflowsvc.access import names, secrets
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import LimitExceededFault, OperationNotPermittedFault, UnknownResourceFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.master_key import seal
from workflowsvc.service.access.records import KeyRecord, UserRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks
from workflowsvc.store.interface import Reader

MAX_KEYS = 2  # of one user: the one in use, and the one that replaces it
DAY_MS = 86_400_000


def create_access_key(
    work: UnitOfWork, context: CallContext, request: shapes.CreateAccessKeyInput
) -> shapes.CreatedAccessKey:
    account = context.tenant.account
    name = request.user_name
    caller = context.caller.key
    if caller is not None and caller.session_token is not None and caller.principal.name == name:
        # It would shed its session policy and its end.
        raise OperationNotPermittedFault("A temporary key cannot create an access key for its own user")
    change = Change(work)
    user = checks.require_user(work.tx, account, name)
    if len(user.keys) >= MAX_KEYS:
        raise LimitExceededFault(f"The limit of {MAX_KEYS} access keys of one user is reached")
    random_bytes = work.state.ids.random_bytes
    key_id, secret = secrets.new_key_id(random_bytes), secrets.new_secret(random_bytes)
    days = request.expire_after_days
    record = KeyRecord(
        account=account,
        user=name,
        user_id=user.id,
        sealed=seal(work, secret, account, key_id),
        created_at=work.now,
        expires_at=None if days is None else work.now + days * DAY_MS,
    )
    change.put_key(key_id, record)
    change.put_user(account, name, msgspec.structs.replace(user, keys=[*user.keys, key_id]), user)
    change.finish(
        context, names.user_arn(account, name), createdAccessKeyId=key_id, expiresAt=record.expires_at
    )
    return shapes.CreatedAccessKey(
        access_key_id=key_id,
        create_timestamp=timestamp(record.created_at),
        expire_timestamp=None if record.expires_at is None else timestamp(record.expires_at),
        secret_access_key=secret,
        status="ACTIVE",
        user_name=name,
    )


def update_access_key(work: UnitOfWork, context: CallContext, request: shapes.UpdateAccessKeyInput) -> None:
    account = context.tenant.account
    name = request.user_name
    change = Change(work)
    record = _require_key(work.tx, account, name, request.access_key_id)
    change.put_key(request.access_key_id, msgspec.structs.replace(record, active=request.status == "ACTIVE"))
    change.finish(
        context,
        names.user_arn(account, name),
        updatedAccessKeyId=request.access_key_id,
        status=request.status,
    )


def delete_access_key(work: UnitOfWork, context: CallContext, request: shapes.DeleteAccessKeyInput) -> None:
    account, key_id = context.tenant.account, request.access_key_id
    name = request.user_name
    change = Change(work)
    _require_key(work.tx, account, name, key_id)
    user = checks.require_user(work.tx, account, name)
    left = [known for known in user.keys if known != key_id]
    change.delete_key(key_id)
    change.put_user(account, name, msgspec.structs.replace(user, keys=left), user)
    change.finish(context, names.user_arn(account, name), deletedAccessKeyId=key_id)


def list_access_keys(
    reader: Reader, context: CallContext, request: shapes.ListAccessKeysInput
) -> shapes.AccessKeys:
    name = request.user_name
    user = checks.require_user(reader, context.tenant.account, name)
    return shapes.AccessKeys(access_keys=[_detail(reader, name, key_id) for key_id in user.keys])


def _detail(reader: Reader, name: str, key_id: str) -> shapes.AccessKeyDetail:
    record = records.find_key(reader, key_id)
    assert record is not None, "a user names its own keys alone"
    used_at = records.last_use(reader, key_id)
    return shapes.AccessKeyDetail(
        access_key_id=key_id,
        create_timestamp=timestamp(record.created_at),
        expire_timestamp=None if record.expires_at is None else timestamp(record.expires_at),
        last_use_timestamp=None if used_at is None else timestamp(used_at),
        status="ACTIVE" if record.active else "INACTIVE",
        user_name=name,
    )


def _require_key(reader: Reader, account: str, name: str, key_id: str) -> KeyRecord:
    """The key, if this user has it: of others nothing is learnt."""
    user: UserRecord = checks.require_user(reader, account, name)
    record = records.find_key(reader, key_id) if key_id in user.keys else None
    if record is None:
        raise UnknownResourceFault(f"Unknown access key: {key_id}")
    return record
