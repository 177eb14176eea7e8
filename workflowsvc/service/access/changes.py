"""How access data is changed: under one lock, with a version that counts the changes, and with a line in the log.

Owns what belongs to every change: the lock, the version row, the list of changed rows by which other nodes read only
what is new, the rows that list the same in another direction, and the audit line. What may be changed is the business
of the operations. All of a change is in the transaction of its unit of work.
"""

from __future__ import annotations

import json
import logging
from functools import partial

import msgspec

from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import LimitExceededFault
from workflowsvc.service.access import records
from workflowsvc.service.access.records import (
    Counts,
    DomainPolicyRecord,
    GroupRecord,
    KeyRecord,
    PolicyRecord,
    TemporaryKeyRecord,
    UserRecord,
)
from workflowsvc.service.call_context import CallContext
from workflowsvc.store.interface import Transaction

log = logging.getLogger("workflowsvc.access")

CHANGES_KEPT = 1_000  # a node that has missed more reads everything, which takes about a second

decode_change = msgspec.json.Decoder(list[str]).decode


def lock(tx: Transaction) -> None:
    """What is read of access data from here on is as the nodes before us have left it."""
    acquire_meta_lock(tx, "access")


class Change:
    """One change, from the lock to the audit line. All checks come before the first `put`."""

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self.tx = work.tx
        lock(work.tx)
        self._changed: list[str] = []

    # --- rows ---

    def put_user(self, account: str, name: str, record: UserRecord, before: UserRecord | None = None) -> None:
        """Writes the user, and the rows by which groups and policies list it."""
        for group in set(before.groups if before else ()) ^ set(record.groups):
            self._index(records.member_key(account, group, name), is_there=group in record.groups)
        self._attach(account, "user", name, set(before.policies if before else ()), set(record.policies))
        self._put(records.user_key(account, name), record)

    def delete_user(self, account: str, name: str, record: UserRecord) -> None:
        for group in record.groups:
            self.tx.delete_meta(records.member_key(account, group, name))
        self._attach(account, "user", name, set(record.policies), set())
        for key_id in record.keys:
            self.delete_key(key_id)
        self._delete(records.user_key(account, name))

    def put_group(
        self, account: str, name: str, record: GroupRecord, before: GroupRecord | None = None
    ) -> None:
        self._attach(account, "group", name, set(before.policies if before else ()), set(record.policies))
        self._put(records.group_key(account, name), record)

    def delete_group(self, account: str, name: str, record: GroupRecord) -> None:
        self._attach(account, "group", name, set(record.policies), set())
        self._delete(records.group_key(account, name))

    def put_policy(self, account: str, name: str, record: PolicyRecord) -> None:
        self._put(records.policy_key(account, name), record)

    def delete_policy(self, account: str, name: str) -> None:
        self._delete(records.policy_key(account, name))

    def put_key(self, key_id: str, record: KeyRecord) -> None:
        self._put(records.key_key(key_id), record)

    def delete_key(self, key_id: str) -> None:
        self.tx.delete_meta(records.last_use_key(key_id))
        self._delete(records.key_key(key_id))

    def put_temporary(self, account: str, user: str, expires_at: int, record: TemporaryKeyRecord) -> None:
        self._put(records.temporary_key(account, user, expires_at, record.id), record)

    def delete_temporary(self, key: str) -> None:
        """`key`: of the row."""
        self._delete(key)

    def put_domain_policy(self, domain: int, record: DomainPolicyRecord) -> None:
        self._put(records.domain_policy_key(domain), record)

    def delete_domain_policy(self, domain: int) -> None:
        self._delete(records.domain_policy_key(domain))

    def count(self, account: str, what: str, step: int, limit: int) -> None:
        """Counts one user, group or policy more or less. LimitExceededFault when there would be more than `limit`."""
        counts = records.counts_of(self.tx, account)
        now = getattr(counts, what) + step
        if step > 0 and now > limit:
            raise LimitExceededFault(f"The limit of {limit:,} {what} in one account is reached")
        changed = Counts(**{**msgspec.structs.asdict(counts), what: max(now, 0)})
        self.tx.put_meta(records.counts_key(account), records.encode(changed))

    def _attach(self, account: str, to: str, name: str, before: set[str], after: set[str]) -> None:
        for policy in before ^ after:
            self._index(records.attachment_key(account, policy, to, name), is_there=policy in after)

    def _index(self, key: str, *, is_there: bool) -> None:
        if is_there:
            self.tx.put_meta(key, b"")
        else:
            self.tx.delete_meta(key)

    def _put(self, key: str, record: msgspec.Struct) -> None:
        self.tx.put_meta(key, records.encode(record))
        self._changed.append(key)

    def _delete(self, key: str) -> None:
        self.tx.delete_meta(key)
        self._changed.append(key)

    # --- the end ---

    def write_version(self) -> None:
        """Counts the change, and says which rows it has changed, so that other nodes read these alone."""
        version = records.version_of(self.tx) + 1
        self.tx.put_meta(records.VERSION, str(version).encode())
        self.tx.put_meta(records.change_key(version), records.encode(self._changed))
        self.tx.delete_meta(records.change_key(version - CHANGES_KEPT))
        changed = self.work.state.access.changed
        if changed not in self.work.after_commit:
            self.work.after_commit.append(changed)

    def finish(self, context: CallContext, resource: str, **what: object) -> None:
        """Ends the change that a caller has asked for; `what` goes into the log: names, never a secret or a policy."""
        self.write_version()
        self.work.after_commit.append(partial(_log, context, resource, what))


def _log(context: CallContext, resource: str, what: dict[str, object]) -> None:
    """One line of JSON, which escapes line breaks: no name can look like another line."""
    key = context.caller.key
    entry: dict[str, object] = {
        "event": "access-change",
        "requestId": context.request_id or "-",
        "action": context.action.name,
        "account": context.tenant.account,
        "principal": "-" if key is None else key.principal.arn,
        "keyId": "-" if key is None else key.id,
        "sourceIp": context.caller.source_ip or "-",
        "resource": resource,
    }
    log.info("%s", json.dumps(entry | what, ensure_ascii=True))
