"""IssueTemporaryKey: a key that expires, with a session token and, if wanted, a policy of its own (QUALITY §4.5).

Owns for whom and for how long. It is not STS: there are no roles, and no other service trusts these keys.
"""

from __future__ import annotations

from workflowsvc.access import names, secrets
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change
from workflowsvc.service.access.master_key import seal
from workflowsvc.service.access.records import TemporaryKeyRecord
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import access_checks as checks

DEFAULT_SECONDS = 3_600
MAX_TEMPORARY_KEYS = 1_000  # of one user at one time
EXPIRED_PER_CALL = 100  # rows of the same user that have expired go with the call


def issue_temporary_key(
    work: UnitOfWork, context: CallContext, request: shapes.IssueTemporaryKeyInput
) -> shapes.IssuedTemporaryKey:
    account = context.tenant.account
    caller = context.caller.key
    if caller is not None and caller.session_token is not None:  # it could shed its session policy
        raise OperationNotPermittedFault("A temporary key cannot issue another one")
    if request.session_policy is not None:
        checks.read_policy(request.session_policy)
    name = request.user_name
    change = Change(work)
    user = checks.require_user(work.tx, account, name)
    first, last = records.below(records.TEMPORARY, account, name)
    now = f"{first}{work.now:015}"
    living = work.tx.metas(now, last, MAX_TEMPORARY_KEYS)
    checks.check_limit(len(living) + 1, MAX_TEMPORARY_KEYS, "temporary keys of one user")
    random_bytes = work.state.ids.random_bytes
    key_id, secret = secrets.new_temporary_key_id(random_bytes), secrets.new_secret(random_bytes)
    token = secrets.new_session_token(random_bytes)
    record = TemporaryKeyRecord(
        id=key_id,
        user_id=user.id,
        sealed=seal(work, secret, account, key_id),
        token_hash=secrets.hash_of_token(token),
        created_at=work.now,
        policy=request.session_policy or "",
    )
    for key, _ in work.tx.metas(first, now, EXPIRED_PER_CALL):
        change.delete_temporary(key)
    expires_at = work.now + (request.duration_seconds or DEFAULT_SECONDS) * 1000
    change.put_temporary(account, name, expires_at, record)
    change.finish(
        context,
        names.user_arn(account, name),
        issuedAccessKeyId=key_id,
        expiresAt=expires_at,
        hasSessionPolicy=bool(record.policy),
    )
    return shapes.IssuedTemporaryKey(
        access_key_id=key_id,
        expire_timestamp=timestamp(expires_at),
        secret_access_key=secret,
        session_token=token,
        user_name=name,
    )
