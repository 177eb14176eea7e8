"""The work of batches: a few runs at a time, in the order of their starts, on whichever node comes first.

Owns the duty, what is done to a run, and the pace. The runs of a piece are changed, and the batch is moved behind them,
in one transaction: after a crash it goes on where it was, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil

import msgspec

from workflowsvc.core import workflow
from workflowsvc.core.execution import Execution
from workflowsvc.engine.agenda import RETRY_LOCKED_MS
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault, OperationNotPermittedFault, ServiceUnavailable
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own import batch_record
from workflowsvc.service.own.batch_record import BatchRecord
from workflowsvc.service.own.conditions import Conditions
from workflowsvc.service.own.deletion import delete_closed
from workflowsvc.service.own.rerun import start_again
from workflowsvc.service.own.scan import Match, Scan
from workflowsvc.store.errors import Conflict, LockedByPeer
from workflowsvc.store.rows import DELETED_TENANT, DomainRow

PIECES_A_SECOND = 10  # at most; slower batches do one run at a time
RUNS_PER_PIECE = 10  # at most: 2 ms of the writer loop, and of a signal twice that
ROWS_PER_SLICE = 100  # read and tested at once, on the writer's thread
SLICES_PER_PIECE = 3
BATCHES_PER_RUN = 10
MAX_TAGS = 5  # of a run (SWF §2.21)
RETRY_REFUSED_MS = 1_000  # until it is asked again who may do what, when that could not be read
LOOK_AGAIN_MS = 5_000  # for batches that were started on other nodes


def conditions_of(record: BatchRecord) -> Conditions:
    """Of the runs that the operation can be done to, and that were there when the batch was started."""
    status = "CLOSED" if record.operation in ("RERUN", "DELETE") else "OPEN"
    wanted = msgspec.structs.replace(record.filter, execution_status=status)
    conditions = Conditions(wanted, record.started_at)
    before = conditions.started_before
    conditions.started_before = record.started_at if before is None else min(before, record.started_at)
    return conditions


class BatchWork:
    """A `Duty`."""

    def __init__(self, state: NodeState, context: Callable[[BatchRecord], CallContext]) -> None:
        """`context` makes that of a call by who started the batch."""
        self._state = state
        self._context = context

    def next_at(self) -> int | None:
        return self._state.agenda.batches_at

    def run(self, work: UnitOfWork) -> None:
        again: list[int] = []
        pause_ms = self._state.coordination.poll_store_ms
        if pause_ms is not None:
            again.append(work.now + max(LOOK_AGAIN_MS, pause_ms))
        running = work.tx.metas(batch_record.RUNNING_FIRST, batch_record.RUNNING_LAST, BATCHES_PER_RUN)
        for key, _ in running:
            domain, batch_id = key.removeprefix(batch_record.RUNNING_FIRST).split()
            next_at = self._turn(work, key, int(domain), batch_id)
            if next_at is not None:
                again.append(next_at)
        self._state.agenda.batches_at = min(again, default=None)

    def roll_back(self, *, ran: bool) -> None:
        if ran:
            self._state.agenda.batches_at = 0

    def _turn(self, work: UnitOfWork, key: str, domain: int, batch_id: str) -> int | None:
        """When the batch is due again; None: never."""
        record = batch_record.find(work.tx, domain, batch_id)
        if record is not None and record.next_at > work.now:
            return record.next_at
        if record is not None:
            record = batch_record.find_to_change(work.tx, domain, batch_id)
        row = work.tx.domains_by_id([domain]).get(domain)
        if record is None or row is None or row.tenant == DELETED_TENANT:
            work.tx.delete_meta(key)
            return None
        if record.status != "RUNNING":
            work.tx.delete_meta(key)
            return None
        if record.next_at <= work.now:
            self._piece(work, record, row)
            batch_record.put(work.tx, record)
        return record.next_at if record.status == "RUNNING" else None

    def _piece(self, work: UnitOfWork, record: BatchRecord, domain: DomainRow) -> None:
        context = self._context(record)
        if _is_refused(work, context, record):
            return
        work.flush()  # what this batch of commands has changed is found, too
        scan = Scan(
            context,
            domain,
            conditions_of(record),
            by_close=False,
            ascending=True,
            after=record.position,
            rows_per_slice=ROWS_PER_SLICE,
        )
        found: list[Match] = []
        for _ in range(SLICES_PER_PIECE):
            if not scan.is_done and not found:
                found = scan.advance_now(work.tx)
        most = min(max(ceil(record.rate / PIECES_A_SECOND), 1), RUNS_PER_PIECE)
        results: list[shapes.BatchResult] = []
        work.prefetch_runs([match.row.run for match in found[:most]])
        pause_ms = 0
        for match in found[:most]:
            try:
                results.append(_do(work, context, record, match))
                work.collect()
            except LockedByPeer as locked:
                if not work.is_clean:
                    raise Conflict(str(locked)) from locked
                pause_ms = RETRY_LOCKED_MS
                break
        work.last_run = None
        if results:
            batch_record.put_results(work.tx, record, results)
        done = len(results)
        if done < len(found):
            record.position = scan.position_of(found[done - 1]) if done else record.position
        else:
            record.position = scan.position
            if scan.is_done:
                record.status, record.closed_at = "COMPLETED", work.now
                work.after_commit.append(partial(batch_record.log_end, record))
        record.next_at = work.now + max(pause_ms, ceil(done * 1000 / record.rate), 1)


def _is_refused(work: UnitOfWork, context: CallContext, record: BatchRecord) -> bool:
    """Stops the batch when its starter may not do that any more; what it has done stays. The starter is judged as it
    called, with its key and from its address, so that a key that is switched off does nothing more.
    """
    if context.access is None:
        return False
    about = shapes.StartBatchInput(
        domain=record.domain_name, operation=record.operation, reason=record.reason, filter=record.filter
    )
    try:
        context.access.in_work(work, about)
    except ServiceUnavailable:
        record.next_at = work.now + RETRY_REFUSED_MS
        return True
    except Fault as fault:
        record.status, record.closed_at, record.stop_reason = "STOPPED", work.now, str(fault)
        work.after_commit.append(partial(batch_record.log_end, record))
        return True
    return False


def _do(work: UnitOfWork, context: CallContext, record: BatchRecord, match: Match) -> shapes.BatchResult:
    """What became of one run. A fault has changed nothing."""
    row = match.row
    name = shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id)
    try:
        execution = work.load_execution(row.run)
        if execution is None:
            raise OperationNotPermittedFault("The execution does not exist any more")
        new_run_id = _OPERATIONS[record.operation](work, context, record, execution)
    except Quarantined:
        return shapes.BatchResult(error="The execution is quarantined", execution=name, status="FAILED")
    except Fault as fault:
        return shapes.BatchResult(error=str(fault), execution=name, status="FAILED")
    return shapes.BatchResult(execution=name, new_run_id=new_run_id, status="SUCCEEDED")


def _require_open(execution: Execution) -> None:
    if not execution.is_open:
        raise OperationNotPermittedFault("The execution is closed")


def _signal(work: UnitOfWork, context: CallContext, record: BatchRecord, execution: Execution) -> None:
    """The reason is the input, unless there is another one."""
    _require_open(execution)
    assert record.signal_name is not None
    signal_input = record.reason if record.input is None else record.input
    workflow.signal(
        execution, work.now_in(execution.domain), signal_name=record.signal_name, input=signal_input
    )
    work.changed(execution)


def _request_cancel(
    work: UnitOfWork, context: CallContext, record: BatchRecord, execution: Execution
) -> None:
    _require_open(execution)
    workflow.request_cancel(execution, work.now_in(execution.domain))
    work.changed(execution)


def _terminate(work: UnitOfWork, context: CallContext, record: BatchRecord, execution: Execution) -> None:
    _require_open(execution)
    workflow.terminate(
        execution,
        work.now_in(execution.domain),
        reason=record.reason,
        details=record.details,
        child_policy=record.child_policy,
    )
    work.changed(execution)


def _rerun(work: UnitOfWork, context: CallContext, record: BatchRecord, execution: Execution) -> str:
    """The reason is one more tag, if there is room for it: nothing else in a first event is free for it."""
    tags = execution.started.tag_list or []
    if record.reason in tags or len(tags) >= MAX_TAGS:
        return start_again(work, context, record.domain_name, execution)
    return start_again(work, context, record.domain_name, execution, {"tag_list": [*tags, record.reason]})


def _delete(work: UnitOfWork, context: CallContext, record: BatchRecord, execution: Execution) -> None:
    delete_closed(work, execution)


_OPERATIONS: dict[
    shapes.BatchOperation, Callable[[UnitOfWork, CallContext, BatchRecord, Execution], str | None]
] = {
    "SIGNAL": _signal,
    "REQUEST_CANCEL": _request_cancel,
    "TERMINATE": _terminate,
    "RERUN": _rerun,
    "DELETE": _delete,
}
