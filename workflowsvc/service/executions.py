"""Executions: start, signal, ask to cancel, terminate, describe, read the history (SWF §2.21 to §2.26).

Owns the addressing of runs and the texts of its faults; what is recorded is decided by core.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Raw

from workflowsvc.core import type_defaults, workflow
from workflowsvc.core.domain_clock import time_in
from workflowsvc.core.execution import Execution
from workflowsvc.core.key_layout import due_moment
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import (
    DefaultUndefinedFault,
    LimitExceededFault,
    TypeDeprecatedFault,
    UnknownResourceFault,
    WorkflowExecutionAlreadyStartedFault,
)
from workflowsvc.model import shapes, validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain, require_registered, require_type, type_text
from workflowsvc.service.types import workflow_defaults
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import ExecutionRow


def start_workflow_execution(
    work: UnitOfWork, context: CallContext, request: shapes.StartWorkflowExecutionInput
) -> shapes.Run:
    """Records events 1 and 2 with one timestamp. The checks stand in the order of SWF §2 and §2.21."""
    domain = require_registered(work, context, request.domain)
    name, version = request.workflow_type.name, request.workflow_type.version
    row = require_type(work, domain, "workflow", name, version)
    if row.status == "DEPRECATED":
        raise TypeDeprecatedFault(type_text("workflow", name, version))
    settings = type_defaults.workflow_settings(
        request, workflow_defaults(row.defaults), type_defaults.START_ORDER
    )
    if isinstance(settings, str):
        raise DefaultUndefinedFault(type_defaults.wire_name(settings))
    _require_short_enough(work, settings.execution_start_to_close_timeout)
    if work.load_open_execution(domain.id, request.workflow_id, None) is not None:
        raise WorkflowExecutionAlreadyStartedFault
    most = work.quotas.max_open_executions
    if work.open_count(domain.id) >= most:
        raise LimitExceededFault(f"The limit of {most} open executions in domain {domain.name} is reached")
    execution = work.create(
        domain.id,
        request.workflow_id,
        shapes.WorkflowExecutionStartedEventAttributes(
            input=request.input,
            parent_initiated_event_id=0,
            tag_list=request.tag_list,
            workflow_type=request.workflow_type,
            **settings._asdict(),
        ),
    )
    return shapes.Run(run_id=execution.run_id)


def _require_short_enough(work: UnitOfWork, timeout: str) -> None:
    """The bound of the model, a year, was checked with the request; the setting may be lower (SWF §12.1)."""
    most = work.quotas.max_execution_seconds
    if timeout != "NONE" and int(timeout) > most:
        text = f"Member must be a whole number of seconds from 0 to {most}"
        refused = validation_text.refusal(
            [validation_text.violation(timeout, "executionStartToCloseTimeout", text)]
        )
        assert refused is not None
        raise refused


def unknown_execution(workflow_id: str, run_id: str) -> UnknownResourceFault:
    """The fault for a run that is closed, never existed, or whose retention period is over (SWF §1.4.10)."""
    return UnknownResourceFault(
        f"Unknown execution: WorkflowExecution=[workflowId={workflow_id}, runId={run_id}]"
    )


def require_open(
    work: UnitOfWork, context: CallContext, domain: str, workflow_id: str, run_id: str | None
) -> Execution:
    """The open run that a call addresses, with or without runId."""
    row = work.catalog.require_domain(context.tenant, domain)
    execution = work.load_open_execution(row.id, workflow_id, run_id)
    if execution is not None:
        return execution
    if run_id:
        raise unknown_execution(workflow_id, run_id)
    raise UnknownResourceFault(f"Unknown execution, workflowId = {workflow_id}")


def signal_workflow_execution(
    work: UnitOfWork, context: CallContext, request: shapes.SignalWorkflowExecutionInput
) -> None:
    execution = require_open(work, context, request.domain, request.workflow_id, request.run_id)
    context.buckets.require_run(execution.run_id, context.action, work.now)
    workflow.signal(
        execution, work.now_in(execution.domain), signal_name=request.signal_name, input=request.input
    )
    work.changed(execution)


def request_cancel_workflow_execution(
    work: UnitOfWork, context: CallContext, request: shapes.RequestCancelWorkflowExecutionInput
) -> None:
    execution = require_open(work, context, request.domain, request.workflow_id, request.run_id)
    context.buckets.require_run(execution.run_id, context.action, work.now)
    workflow.request_cancel(execution, work.now_in(execution.domain))
    work.changed(execution)


def terminate_workflow_execution(
    work: UnitOfWork, context: CallContext, request: shapes.TerminateWorkflowExecutionInput
) -> None:
    execution = require_open(work, context, request.domain, request.workflow_id, request.run_id)
    workflow.terminate(
        execution,
        work.now_in(execution.domain),
        reason=request.reason,
        details=request.details,
        child_policy=request.child_policy,
    )
    work.changed(execution)


def describe_workflow_execution(
    work: UnitOfWork, context: CallContext, request: shapes.DescribeWorkflowExecutionInput
) -> shapes.WorkflowExecutionDetail:
    """Exactly the run that is named, open or closed; counts of a closed run are those at its close (SWF §10.4)."""
    domain = work.catalog.require_domain(context.tenant, request.domain)
    named = request.execution
    execution = work.load_named_execution(domain.id, named.workflow_id, named.run_id)
    if execution is None:
        raise unknown_execution(named.workflow_id, named.run_id)
    return description_of(execution)


def description_of(execution: Execution) -> shapes.WorkflowExecutionDetail:
    """The run as it is now."""
    started = execution.started
    at = execution.latest_activity_at
    return shapes.WorkflowExecutionDetail(
        execution_configuration=shapes.WorkflowExecutionConfiguration(
            child_policy=started.child_policy,
            execution_start_to_close_timeout=started.execution_start_to_close_timeout or "NONE",
            lambda_role=started.lambda_role,
            task_list=started.task_list,
            task_priority=started.task_priority,
            task_start_to_close_timeout=started.task_start_to_close_timeout or "NONE",
        ),
        execution_info=_info(execution),
        latest_activity_task_timestamp=None if at is None else timestamp(at),
        latest_execution_context=execution.latest_context,
        open_counts=shapes.WorkflowExecutionOpenCounts(
            open_activity_tasks=len(execution.activities),
            open_child_workflow_executions=len(execution.children),
            open_decision_tasks=int(execution.scheduled_task is not None),
            open_lambda_functions=len(execution.lambdas),
            open_timers=len(execution.timers),
        ),
    )


def _info(execution: Execution) -> shapes.WorkflowExecutionInfo:
    started = execution.started
    at = execution.closed_at
    return shapes.WorkflowExecutionInfo(
        cancel_requested=execution.cancel_requested,
        close_status=execution.close_status,
        close_timestamp=None if at is None else timestamp(at),
        execution=execution.name,
        execution_status="OPEN" if execution.is_open else "CLOSED",
        parent=started.parent_workflow_execution,
        start_timestamp=timestamp(execution.started_at),
        tag_list=started.tag_list or None,
        workflow_type=started.workflow_type,
    )


def get_workflow_execution_history(
    reader: Reader, context: CallContext, request: shapes.GetWorkflowExecutionHistoryInput
) -> shapes.History:
    """The events in order of their ids, or newest first; open and closed runs alike."""
    row, now = _require_row(reader, context, request.domain, request.execution)
    context.buckets.require_run(row.run_id, context.action, context.now)
    pages = Pages(context, request, row.run, now=now)
    events, following = history_page(
        reader,
        row.run,
        first=1,
        last=row.next_event_id - 1,
        begin=pages.position(int),
        size=pages.size,
        descending=bool(request.reverse_order),
    )
    return shapes.History(
        events=events, next_page_token=None if following is None else pages.token(following)
    )


class EventSource(Protocol):
    """A reader, or a unit of work, which knows what its batch has recorded."""

    def events(self, run: int, first: int, last: int, limit: int, descending: bool) -> list[bytes]: ...


def history_page(
    source: EventSource, run: int, *, first: int, last: int, begin: int | None, size: int, descending: bool
) -> tuple[list[Raw], int | None]:
    """A page of the events first..last, from event `begin` on; and the event the next page begins with."""
    if descending:
        last = last if begin is None else min(begin, last)
    else:
        first = first if begin is None else max(begin, first)
    bodies = source.events(run, first, last, size, descending)
    following = last - len(bodies) if descending else first + len(bodies)
    more = bool(bodies) and first <= following <= last
    return [Raw(body) for body in bodies], following if more else None


def _require_row(
    reader: Reader, context: CallContext, domain: str, named: shapes.WorkflowExecution
) -> tuple[ExecutionRow, int]:
    """And what time it is in its domain."""
    domain_row = require_domain(reader, context, domain)
    now = time_in(domain_row.clock, context.now)
    run = run_of(named.run_id)
    row = None if run is None else reader.executions([run]).get(run)
    if (
        row is None
        or (row.run_id, row.workflow_id, row.domain) != (named.run_id, named.workflow_id, domain_row.id)
        or is_forgotten(row, now)
    ):
        raise unknown_execution(named.workflow_id, named.run_id)
    return row, now


def is_forgotten(row: ExecutionRow, now: int) -> bool:
    """Whether the retention period of a run is over in its domain, where it is `now`; part of it may still be stored
    (SWF §8.12).
    """
    return row.purge_at is not None and due_moment(row.purge_at) <= now
