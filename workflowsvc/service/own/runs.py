"""The run that a request of the service's own API names: by its runId, or as the newest one of a workflowId.

Owns how it is found. The faults are those of SWF's actions.
"""

from __future__ import annotations

from workflowsvc.core.execution import Execution
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import ExecutionReference, UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault, UnknownResourceFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.executions import unknown_execution
from workflowsvc.store.rows import DomainRow, ExecutionQuery, ExecutionRow
from workflowsvc.tenant import Tenant


def execution_ref(
    tenant: Tenant,
    request: shapes.DescribeExecutionStateInput | shapes.ExplainExecutionInput | shapes.RerunExecutionInput,
) -> ExecutionReference | None:
    """What the writer loop may prefetch."""
    named = request.execution
    if named.run_id:
        run = run_of(named.run_id)
        return None if run is None else ExecutionReference(run)
    return ExecutionReference(None, (tenant, request.domain), named.workflow_id)


def named_execution_ref(tenant: Tenant, request: shapes.DeleteExecutionInput) -> ExecutionReference | None:
    """What the writer loop may prefetch, where a runId is required."""
    run = run_of(request.execution.run_id)
    return None if run is None else ExecutionReference(run)


def require_run(work: UnitOfWork, domain: DomainRow, named: shapes.ExecutionReference) -> Execution:
    """The run, open or closed, as of now. UnknownResourceFault when there is none; Quarantined when the service leaves
    it alone.
    """
    if named.run_id:
        execution = work.load_named_execution(domain.id, named.workflow_id, named.run_id)
    else:
        execution = work.load_open_execution(domain.id, named.workflow_id, None)
        if execution is None:
            execution = _last_closed(work, domain.id, named.workflow_id)
    # What is done with the run from here on only reads: a bug in it is none of the run, which goes on.
    work.last_run = None
    if execution is not None:
        return execution
    if named.run_id:
        raise unknown_execution(named.workflow_id, named.run_id)
    raise UnknownResourceFault(f"Unknown execution, workflowId = {named.workflow_id}")


def _last_closed(work: UnitOfWork, domain: int, workflow_id: str) -> Execution | None:
    work.flush()  # runs that have closed in this batch are to be found, too
    query = ExecutionQuery(
        domain, "CLOSED", "started_at", oldest=0, latest=None, workflow_id=workflow_id, limit=1
    )
    rows = work.tx.list_executions(query)
    return work.load_execution(rows[0].run) if rows else None


def quarantined_row(work: UnitOfWork, quarantined: Quarantined) -> ExecutionRow:
    """The stored row of a run that is left alone: its state in memory cannot be trusted."""
    work.flush()
    return work.tx.executions([quarantined.run])[quarantined.run]


def refuse_quarantined() -> OperationNotPermittedFault:
    return OperationNotPermittedFault(
        "The service has met a bug of its own in this run and leaves it alone until it is started again"
    )
