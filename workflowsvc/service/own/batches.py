"""StartBatch, DescribeBatch, ListBatches, UpdateBatch, StopBatch: the same for all runs that a search finds.

Owns what a batch may be and what is answered about it; the work is in batch_work.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workflowsvc.access.caller import Caller
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import (
    LimitExceededFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
)
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import batch_record
from workflowsvc.service.own.batch_record import BatchRecord, Starter
from workflowsvc.service.own.batch_work import conditions_of
from workflowsvc.service.own.scan import Match, Scan
from workflowsvc.service.own.search import CALL_MS
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps, WriteStep
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow

DEFAULT_RATE = 10  # runs a second
MAX_RUNNING = 10  # batches of one domain
MAX_KEPT = 100  # batches of one domain, finished ones included
MAX_EXAMPLES = 10
MAX_DELETED_PIECES = 2_000  # of results, when an old batch makes room
DEFAULT_PAGE = 100

_ONLY_FOR = {
    "signal_name": "SIGNAL",
    "input": "SIGNAL",
    "details": "TERMINATE",
    "child_policy": "TERMINATE",
}


def start_batch(context: CallContext, request: shapes.StartBatchInput, now: Callable[[], int]) -> Steps:
    _check(request)
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    record = BatchRecord(
        id="",
        account=context.tenant.account,
        region=context.tenant.region,
        domain=domain.id,
        domain_name=domain.name,
        operation=request.operation,
        reason=request.reason,
        filter=request.filter or shapes.ExecutionFilter(),
        rate=request.rate_per_second or DEFAULT_RATE,
        matching=0,
        started_at=context.now,
        next_at=context.now,
        signal_name=request.signal_name,
        input=request.input,
        details=request.details,
        child_policy=request.child_policy,
        starter=None if context.access is None else starter_of(context.caller),
    )
    scan = Scan(context, domain, conditions_of(record), by_close=False, ascending=True, after=None)
    examples: list[shapes.WorkflowExecution] = []
    began = now()
    while not (scan.is_done or (now() - began >= CALL_MS and scan.has_advanced)):
        found: list[Match] = yield from scan.advance()
        record.matching += len(found)
        examples += [
            shapes.WorkflowExecution(run_id=match.row.run_id, workflow_id=match.row.workflow_id)
            for match in found[: MAX_EXAMPLES - len(examples)]
        ]
    batch_id: str | None = None
    if not request.dry_run:
        batch_id = yield WriteStep(partial(_create, record=record))
    return shapes.BatchStarted(
        batch_id=batch_id, count_is_complete=scan.is_done, examples=examples, matching=record.matching
    )


def starter_of(caller: Caller) -> Starter | None:
    """What is kept of the caller; None for one without a key."""
    key = caller.key
    if key is None:
        return None
    principal = key.principal
    return Starter(key.id, principal.id, principal.arn, caller.source_ip, caller.user_agent, caller.is_secure)


def _check(request: shapes.StartBatchInput) -> None:
    given = request.filter or shapes.ExecutionFilter()
    wanted = "CLOSED" if request.operation in ("RERUN", "DELETE") else "OPEN"
    if given.execution_status not in (None, wanted):
        _refuse(
            given.execution_status,
            "filter.executionStatus",
            f"Member must be {wanted} or absent when operation is {request.operation}",
        )
    conditions = set(given.__struct_fields__) - {"execution_status"}  # which the operation implies
    is_empty = not any(getattr(given, name) not in (None, []) for name in conditions)
    if is_empty and not request.all:
        _refuse(None, "filter", "Member must hold a condition besides executionStatus, unless all is true")
    if request.operation == "SIGNAL" and request.signal_name is None:
        _refuse(None, "signalName", "Member must not be null when operation is SIGNAL")
    for member, operation in _ONLY_FOR.items():
        value = getattr(request, member)
        if value is not None and request.operation != operation:
            first, *rest = member.split("_")
            name = first + "".join(map(str.capitalize, rest))
            _refuse(value, name, f"Member must be absent unless operation is {operation}")


def _refuse(value: object, member: str, text: str) -> None:
    raise validation_text.one_refusal(value, member, text)


def _create(work: UnitOfWork, record: BatchRecord) -> str:
    known = batch_record.all_of(work.tx, record.domain, MAX_KEPT)
    if sum(batch.status == "RUNNING" for batch in known) >= MAX_RUNNING:
        raise LimitExceededFault(f"The limit of {MAX_RUNNING} running batches in one domain is reached")
    if len(known) >= MAX_KEPT:
        oldest = next(batch for batch in known if batch.status != "RUNNING")
        batch_record.delete(work.tx, oldest, MAX_DELETED_PIECES)
    record.id = f"{work.state.ids.position(work.now):016x}"
    batch_record.put(work.tx, record)
    work.state.agenda.batches_at = work.now
    work.after_commit.append(partial(batch_record.log_start, record))
    return record.id


def describe_batch(
    reader: Reader, context: CallContext, request: shapes.DescribeBatchInput
) -> shapes.BatchDetail:
    domain = require_domain(reader, context, request.domain)
    record = batch_record.find(reader, domain.id, request.batch_id)
    if record is None:
        raise _unknown(request.batch_id)
    pages = Pages(context, request, domain.id, record.id)
    piece = pages.position(int)
    size = min(request.maximum_page_size or DEFAULT_PAGE, pages.size)
    results, following = batch_record.results(reader, domain.id, record.id, piece or 0, size)
    return shapes.BatchDetail(
        batch=_summary(record),
        next_page_token=None if following is None else pages.token(following),
        results=results,
    )


def list_batches(
    reader: Reader, context: CallContext, request: shapes.ListBatchesInput
) -> shapes.BatchSummaries:
    domain = require_domain(reader, context, request.domain)
    pages = Pages(context, request, domain.id, request.status or "")
    before = pages.position(str)
    known = batch_record.all_of(reader, domain.id, MAX_KEPT)
    found = [
        record
        for record in reversed(known)
        if request.status in (None, record.status) and (before is None or record.id < before)
    ]
    size = min(request.maximum_page_size or DEFAULT_PAGE, pages.size)
    page = found[:size]
    return shapes.BatchSummaries(
        batches=list(map(_summary, page)),
        next_page_token=pages.token(page[-1].id) if len(found) > size else None,
    )


def update_batch(work: UnitOfWork, context: CallContext, request: shapes.UpdateBatchInput) -> None:
    record = _require(work, context, request.domain, request.batch_id)
    if record.status != "RUNNING":
        raise OperationNotPermittedFault(f"The batch is {record.status}")
    record.rate = request.rate_per_second
    record.next_at = work.now
    batch_record.put(work.tx, record)
    work.state.agenda.batches_at = work.now


def stop_batch(work: UnitOfWork, context: CallContext, request: shapes.StopBatchInput) -> None:
    record = _require(work, context, request.domain, request.batch_id)
    if record.status == "RUNNING":
        record.status = "STOPPED"
        record.closed_at = work.now
        batch_record.put(work.tx, record)
        work.after_commit.append(partial(batch_record.log_end, record))


def _require(work: UnitOfWork, context: CallContext, domain: str, batch_id: str) -> BatchRecord:
    row = work.catalog.require_domain(context.tenant, domain)
    if batch_record.find(work.tx, row.id, batch_id) is None:  # no lock for a name that may be anything
        raise _unknown(batch_id)
    record = batch_record.find_to_change(work.tx, row.id, batch_id)
    if record is None:
        raise _unknown(batch_id)
    return record


def _unknown(batch_id: str) -> UnknownResourceFault:
    return UnknownResourceFault(f"Unknown batch: {batch_id}")


def _summary(record: BatchRecord) -> shapes.BatchSummary:
    return shapes.BatchSummary(
        batch_id=record.id,
        close_timestamp=None if record.closed_at is None else timestamp(record.closed_at),
        failed=record.failed,
        filter=record.filter,
        matching=record.matching,
        operation=record.operation,
        rate_per_second=record.rate,
        reason=record.reason,
        start_timestamp=timestamp(record.started_at),
        started_by=None if record.starter is None else record.starter.principal,
        status=record.status,
        stop_reason=record.stop_reason,
        succeeded=record.succeeded,
    )
