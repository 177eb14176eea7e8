"""ImportHistory: a history from elsewhere becomes a closed run, in a domain that holds nothing else.

Owns what can be imported, and that it stays: the domain is deprecated, so that no run is started in it, and it keeps
its runs for a hundred years, as the retention of an old history would be over at once. How a history is read and judged
is in imported_history.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from workflowsvc.core.durations import retention_ms
from workflowsvc.core.key_layout import shard_for
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import DomainAlreadyExistsFault, LimitExceededFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import shapes as swf
from workflowsvc.model.constraints import member_checks
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.imported_history import ImportedRun, read_history
from workflowsvc.service.registration import domain_limit_text
from workflowsvc.service.steps import ReadStep, Steps, WriteStep
from workflowsvc.store.rows import IMPORTED_TAGS, DomainRow, EventRow, ExecutionRow, closed_with

RETENTION_DAYS = "36500"
EVENTS_PER_STEP = 500
UNFINISHED_MS = 3_600_000  # an import that a crash has ended is purged after an hour

_encode = msgspec.json.Encoder().encode


def import_history(context: CallContext, request: shapes.ImportHistoryInput, now: Callable[[], int]) -> Steps:
    _check_names(request)
    quotas = context.settings.quotas
    imported: ImportedRun = yield ReadStep(partial(read_history, request=request, quotas=quotas))
    row: ExecutionRow = yield WriteStep(partial(_begin, context=context, request=request, imported=imported))
    bodies = imported.bodies
    for first in range(0, len(bodies), EVENTS_PER_STEP):
        part = bodies[first : first + EVENTS_PER_STEP]
        events = [EventRow(row.run, number, body) for number, body in enumerate(part, first + 1)]
        yield WriteStep(partial(_append, events=events))
    yield WriteStep(partial(_finish, row=row, original_run_id=request.run_id))
    return shapes.ImportedHistory(
        events=len(bodies),
        execution=shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id),
        original_run_id=request.run_id,
    )


def _check_names(request: shapes.ImportHistoryInput) -> None:
    """The rules of SWF for a domain that is registered, and for a workflowId."""
    domain = swf.RegisterDomainInput(name=request.domain, workflow_execution_retention_period_in_days="NONE")
    start = swf.StartWorkflowExecutionInput(
        domain=request.domain,
        workflow_id=request.workflow_id,
        workflow_type=swf.WorkflowType(name="-", version="-"),
    )
    for named in (domain, start):
        for check in member_checks(type(named)):
            check(named)


def original_key(domain: int, run: int) -> str:
    """Where the runId is kept that an imported run had."""
    return f"imported {domain:020} {run}"


def is_for_imports(domain: DomainRow) -> bool:
    return domain.tags == IMPORTED_TAGS


def original_run_id(work: UnitOfWork, domain: DomainRow, run: int) -> str | None:
    """None for a run that was not imported, or whose runId was not given."""
    if not is_for_imports(domain):
        return None
    stored = work.tx.meta(original_key(domain.id, run))
    return stored.decode() if stored else None


def _domain(work: UnitOfWork, context: CallContext, name: str) -> DomainRow:
    """The domain, made if there is none."""
    row = work.catalog.domain(context.tenant, name)
    if row is not None:
        if not is_for_imports(row):
            raise DomainAlreadyExistsFault(f"Domain {name} exists and is not one for imported histories")
        return row
    if context.access is not None:
        context.access.require_domain(work, name)
    most = work.quotas.max_domains
    if work.tx.count_domains(context.tenant.key) >= most:
        raise LimitExceededFault(domain_limit_text(most))
    row = DomainRow(
        id=work.state.ids.name(work.now),
        tenant=context.tenant.key,
        name=name,
        status="DEPRECATED",
        description="Imported histories",
        retention=RETENTION_DAYS,
        tags=IMPORTED_TAGS,
    )
    work.catalog.put_domain(context.tenant, row)
    return row


def _begin(
    work: UnitOfWork, context: CallContext, request: shapes.ImportHistoryInput, imported: ImportedRun
) -> ExecutionRow:
    domain = _domain(work, context, request.domain)
    execution, started = imported.execution, imported.execution.started
    shard = shard_for(domain.tenant, domain.name, request.workflow_id)
    run_id = work.state.ids.run_id(work.now, shard)
    run = run_of(run_id)
    assert run is not None
    parent = started.parent_workflow_execution
    row = ExecutionRow(
        run=run,
        run_id=run_id,
        domain=domain.id,
        workflow_id=request.workflow_id,
        type_name=started.workflow_type.name,
        type_version=started.workflow_type.version,
        tags=None if started.tag_list is None else _encode(started.tag_list),
        parent_workflow_id=parent and parent.workflow_id,
        parent_run_id=parent and parent.run_id,
        started_at=execution.started_at,
        next_event_id=execution.next_event_id,
        wake_at=None,
        cancel_requested=False,
        closed_at=execution.closed_at,
        close_status=execution.close_status,
        purge_at=work.now + UNFINISHED_MS,
    )
    work.tx.insert_executions([row])
    return row


def _append(work: UnitOfWork, events: list[EventRow]) -> None:
    work.tx.append_events(events)


def _finish(work: UnitOfWork, row: ExecutionRow, original_run_id: str | None) -> None:
    assert row.closed_at is not None
    work.tx.update_executions([closed_with(row, row.closed_at + retention_ms(RETENTION_DAYS, 0))])
    if original_run_id:
        work.tx.put_meta(original_key(row.domain, row.run), original_run_id.encode())
