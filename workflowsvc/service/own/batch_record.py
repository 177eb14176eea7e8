"""What is stored of a batch: its record, and what became of each run, as facts in `meta`.

Owns the form and the keys. A record is changed under the lock of its batch alone, in the transaction of the work that
it tells of, so that nothing is done twice.
"""

from __future__ import annotations

import logging

import msgspec

from workflowsvc.access.book import AccessKey, Principal
from workflowsvc.access.caller import Caller
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.own.scan import Position
from workflowsvc.store.interface import Reader, Transaction
from workflowsvc.tenant import Tenant

log = logging.getLogger("workflowsvc.batches")

RUNNING_FIRST, RUNNING_LAST = "running-batch ", "running-batch!"
"""Keys of the batches of all domains that are at work."""


class Starter(msgspec.Struct, omit_defaults=True):
    """Who started a batch: its work is held against what this caller may do now."""

    key_id: str
    principal_id: str
    principal: str
    """Its ARN."""
    source_ip: str = ""
    user_agent: str = ""
    is_secure: bool = False

    def caller(self, tenant: Tenant) -> Caller:
        """As it called. It is held against the newest book like any caller, so no secret is needed."""
        principal = Principal(tenant.account, self.principal.rpartition("/")[2], self.principal_id)
        key = AccessKey(self.key_id, principal, b"", active=True)
        return Caller(tenant, key, self.source_ip, self.user_agent, self.is_secure)


class BatchRecord(msgspec.Struct, omit_defaults=True):
    """A batch. All moments are milliseconds."""

    id: str
    account: str
    region: str
    domain: int
    domain_name: str
    operation: shapes.BatchOperation
    reason: str
    filter: shapes.ExecutionFilter
    rate: int  # runs a second
    matching: int  # when it was started, as far as they were counted
    started_at: int
    next_at: int
    signal_name: str | None = None
    input: str | None = None
    details: str | None = None
    child_policy: shapes.ChildPolicy | None = None
    status: shapes.BatchStatus = "RUNNING"
    closed_at: int | None = None
    position: Position | None = None  # of the run that was done last, in the order of starts
    succeeded: int = 0
    failed: int = 0
    pieces: int = 0  # of results
    starter: Starter | None = None  # None: it was started without access control
    stop_reason: str | None = None

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.account, self.region)


def log_start(record: BatchRecord) -> None:
    """Says what a batch is about to do, and why: of deleted runs, nothing else keeps the reason for long."""
    log.info(
        "batch %s of domain %s was started: %s of %d runs that match, at most %d a second; reason: %r",
        record.id, record.domain_name, record.operation, record.matching, record.rate, record.reason,
    )  # fmt: skip


def log_end(record: BatchRecord) -> None:
    """Says what a batch has done when it is over."""
    log.info(
        "batch %s of domain %s is over (%s): %s done for %d runs, failed for %d; reason: %r%s",
        record.id, record.domain_name, record.status, record.operation, record.succeeded, record.failed,
        record.reason, f"; stopped because {record.stop_reason}" if record.stop_reason else "",
    )  # fmt: skip


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(BatchRecord).decode
_decode_results = msgspec.json.Decoder(list[shapes.BatchResult]).decode


def records_range(domain: int) -> tuple[str, str]:
    """The keys of all batches of a domain, the oldest first."""
    return f"batch {domain:020} ", f"batch {domain:020}!"


def results_range(domain: int, batch_id: str) -> tuple[str, str]:
    """The keys of all results of a batch, in the order of the work."""
    return f"batch-result {domain:020} {batch_id} ", f"batch-result {domain:020} {batch_id}!"


def _key(domain: int, batch_id: str) -> str:
    return records_range(domain)[0] + batch_id


def running_key(domain: int, batch_id: str) -> str:
    return f"{RUNNING_FIRST}{domain:020} {batch_id}"


def find(reader: Reader, domain: int, batch_id: str) -> BatchRecord | None:
    stored = reader.meta(_key(domain, batch_id))
    return _decode(stored) if stored else None


def find_to_change(tx: Transaction, domain: int, batch_id: str) -> BatchRecord | None:
    """No other transaction changes it before this one is over."""
    acquire_meta_lock(tx, f"batch {batch_id}")
    return find(tx, domain, batch_id)


def put(tx: Transaction, record: BatchRecord) -> None:
    tx.put_meta(_key(record.domain, record.id), _encode(record))
    if record.status == "RUNNING":
        tx.put_meta(running_key(record.domain, record.id), b"")
    else:
        tx.delete_meta(running_key(record.domain, record.id))
        tx.delete_meta(f"turn of batch {record.id}")


def all_of(reader: Reader, domain: int, limit: int) -> list[BatchRecord]:
    """The oldest first."""
    return [_decode(value) for _, value in reader.metas(*records_range(domain), limit)]


def put_results(tx: Transaction, record: BatchRecord, results: list[shapes.BatchResult]) -> None:
    """Behind those that are stored; counts them in the record, which is still to be put."""
    first, _ = results_range(record.domain, record.id)
    tx.put_meta(f"{first}{record.pieces:010}", _encode(results))
    record.pieces += 1
    for result in results:
        if result.status == "SUCCEEDED":
            record.succeeded += 1
        else:
            record.failed += 1


def results(
    reader: Reader, domain: int, batch_id: str, piece: int, size: int
) -> tuple[list[shapes.BatchResult], int | None]:
    """`size` results from this piece on, or a few more, and the piece behind them; fewer at the end."""
    first, last = results_range(domain, batch_id)
    found: list[shapes.BatchResult] = []
    for key, value in reader.metas(f"{first}{piece:010}", last, size + 1):
        if len(found) >= size:
            return found, int(key.removeprefix(first))
        found += _decode_results(value)
    return found, None


def delete(tx: Transaction, record: BatchRecord, limit: int) -> None:
    """The record, and at most `limit` pieces of its results."""
    for key, _ in tx.metas(*results_range(record.domain, record.id), limit):
        tx.delete_meta(key)
    tx.delete_meta(_key(record.domain, record.id))
