"""DeleteExecution and DeleteDomain: what SWF cannot delete.

Owns what may be deleted, and that it is gone for every caller at once. What is left of it in the store goes in bounded
pieces: a long history like one whose retention has ended, a domain by engine/deleted_domains.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workflowsvc.core import workflow
from workflowsvc.core.execution import Execution
from workflowsvc.engine.deleted_domains import delete_domain_row
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.executions import unknown_execution
from workflowsvc.service.own.domain_policies import forget_domain_policy
from workflowsvc.service.own.runs import refuse_quarantined
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps, WriteStep
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, ExecutionQuery

EVENTS_AT_FIRST = 500  # deleted in the transaction of the call; a longer history goes on in the background
MAX_MESSAGES = 1_000
RUNS_PER_STEP = 20  # terminated in one transaction, before a domain is deleted by force


def delete_execution(work: UnitOfWork, context: CallContext, request: shapes.DeleteExecutionInput) -> None:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    named = request.execution
    try:
        execution = work.load_named_execution(domain.id, named.workflow_id, named.run_id)
    except Quarantined:
        raise refuse_quarantined() from None
    if execution is None:
        raise unknown_execution(named.workflow_id, named.run_id)
    delete_closed(work, execution)


def delete_closed(work: UnitOfWork, execution: Execution) -> None:
    """OperationNotPermittedFault when the run is open."""
    if execution.is_open:
        raise OperationNotPermittedFault("The execution is open: terminate it first")
    work.delete(execution, EVENTS_AT_FIRST)


def delete_domain(context: CallContext, request: shapes.DeleteDomainInput, now: Callable[[], int]) -> Steps:
    """Open runs are terminated first, if that is allowed: each knows how to end, and tells its parent and children."""
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    while True:
        rows: list[int] = yield ReadStep(partial(_open_runs, domain=domain.id))
        done: bool = yield WriteStep(
            partial(_delete_or_terminate, context=context, request=request, domain=domain.id, runs=rows)
        )
        if done:
            return None


def _open_runs(reader: Reader, domain: int) -> list[int]:
    query = ExecutionQuery(domain, "OPEN", "started_at", 0, None, ascending=True, limit=RUNS_PER_STEP)
    return [row.run for row in reader.list_executions(query)]


def _delete_or_terminate(
    work: UnitOfWork, context: CallContext, request: shapes.DeleteDomainInput, domain: int, runs: list[int]
) -> bool:
    row = work.catalog.require_domain(context.tenant, request.domain)
    if row.id != domain:
        return True  # it was deleted, and registered again, meanwhile
    work.flush()  # what this batch has started and closed is counted, too
    open_runs = work.tx.count_open(domain)
    if not request.force:
        if row.status != "DEPRECATED":
            raise OperationNotPermittedFault("The domain is not deprecated: deprecate it first, or use force")
        if open_runs:
            raise OperationNotPermittedFault(
                f"The domain has {open_runs} open executions: terminate them first, or use force"
            )
    if row.status != "DEPRECATED":  # no run is started any more
        work.catalog.put_domain(context.tenant, row._replace(status="DEPRECATED"))
        work.catalog.deprecate_types(row.id, work.now_in(row.id))
    for run in runs:
        _terminate(work, run)
    if open_runs or _has_messages(work, domain):
        return False
    forget_domain_policy(work, context, row.id, row.name)
    delete_domain_row(work, row._replace(status="DEPRECATED"))
    return True


def _has_messages(work: UnitOfWork, domain: int) -> bool:
    """One may start a child: they are applied before the domain goes. Unknown counts as yes when very many wait."""
    messages = work.tx.waiting_messages(0, MAX_MESSAGES)
    return len(messages) == MAX_MESSAGES or any(message.domain == domain for message in messages)


def _terminate(work: UnitOfWork, run: int) -> None:
    try:
        execution = work.load_execution(run)
    except Quarantined:
        raise refuse_quarantined() from None
    if execution is not None and execution.is_open:
        workflow.terminate(
            execution,
            work.now_in(execution.domain),
            reason="The domain is deleted",
            details=None,
            child_policy="ABANDON",  # each of them is terminated in turn
        )
        work.changed(execution)
