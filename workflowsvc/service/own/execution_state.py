"""DescribeExecutionState: everything that is open in a run, from its state in memory.

Owns how the state becomes an answer. Of a closed run the lists hold what was open when it closed.
"""

from __future__ import annotations

from collections.abc import Iterable

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.waits import execution_due_at, live_deadlines
from workflowsvc.core.rules import Deadline
from workflowsvc.core.run_ids import run_of
from workflowsvc.core.state import DecisionTask
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import decode_event, timestamp
from workflowsvc.model.shapes import (
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecutionContinuedAsNewEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.imports import original_run_id
from workflowsvc.service.own.runs import refuse_quarantined, require_run

MAX_CHAIN = 10  # runs that are looked back for the first of a chain; each is a question to the store

_TIMEOUT_TYPES: dict[Deadline, shapes.TimeoutType] = {
    Deadline.DECISION_SCHEDULE_TO_START: "SCHEDULE_TO_START",
    Deadline.DECISION_START_TO_CLOSE: "START_TO_CLOSE",
    Deadline.ACTIVITY_SCHEDULE_TO_START: "SCHEDULE_TO_START",
    Deadline.ACTIVITY_SCHEDULE_TO_CLOSE: "SCHEDULE_TO_CLOSE",
    Deadline.ACTIVITY_START_TO_CLOSE: "START_TO_CLOSE",
    Deadline.ACTIVITY_HEARTBEAT: "HEARTBEAT",
    Deadline.LAMBDA: "START_TO_CLOSE",
}


def describe_execution_state(
    work: UnitOfWork, context: CallContext, request: shapes.DescribeExecutionStateInput
) -> shapes.ExecutionState:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    try:
        execution = require_run(work, domain, request.execution)
    except Quarantined:
        raise refuse_quarantined() from None
    started = execution.started
    live = live_deadlines(execution)
    parent = started.parent_workflow_execution
    override = execution.override
    return shapes.ExecutionState(
        activities=list(_activities(execution, live)),
        cancel_requested=execution.cancel_requested,
        children=list(_children(execution)),
        close_status=execution.close_status,
        close_timestamp=_moment(execution.closed_at),
        decision_tasks=list(_decision_tasks(execution, live)),
        decision_timeouts=execution.decision_timeouts.times if execution.decision_timeouts else 0,
        events=execution.next_event_id - 1,
        execution=shapes.WorkflowExecution(run_id=execution.run_id, workflow_id=execution.workflow_id),
        execution_status="OPEN" if execution.is_open else "CLOSED",
        external_calls=list(_externals(execution)),
        first_run_id=_first_run_id(work, execution),
        lambda_functions=list(_lambdas(execution, live)),
        maximum_events=work.quotas.max_events,
        next_run_id=_next_run_id(work, execution),
        original_run_id=original_run_id(work, domain, execution.run),
        parent=parent and shapes.WorkflowExecution(run_id=parent.run_id, workflow_id=parent.workflow_id),
        parent_initiated_event_id=started.parent_initiated_event_id or None,
        previous_run_id=started.continued_execution_run_id,
        start_timestamp=timestamp(execution.started_at),
        tag_list=[tag for tag in started.tag_list or () if tag is not None] or None,
        task_list=shapes.TaskList(name=override.task_list if override else started.task_list.name),
        timeout_timestamp=_moment(execution_due_at(execution)),
        timers=[
            shapes.TimerState(
                fire_timestamp=timestamp(timer.fires_at),
                started_event_id=event_id,
                started_timestamp=timestamp(timer.started_at),
                timer_id=timer.timer_id,
            )
            for event_id, timer in execution.timers.items()
        ],
        workflow_type=shapes.WorkflowType(
            name=started.workflow_type.name, version=started.workflow_type.version
        ),
    )


_Live = dict[int, list[tuple[int, Deadline]]]


def _moment(at_ms: int | None) -> shapes.Timestamp | None:
    return None if at_ms is None else timestamp(at_ms)


def _deadlines(live: _Live, event_id: int) -> list[shapes.Deadline]:
    return [
        shapes.Deadline(timeout_type=_TIMEOUT_TYPES[what], timestamp=timestamp(due_at))
        for due_at, what in live.get(event_id, ())
    ]


def _decision_tasks(execution: Execution, live: _Live) -> Iterable[shapes.DecisionTaskState]:
    tasks: list[DecisionTask | None] = [execution.started_task, execution.scheduled_task]
    for task in tasks:
        if task is not None:
            yield shapes.DecisionTaskState(
                deadlines=_deadlines(live, task.scheduled_id),
                identity=task.identity,
                scheduled_event_id=task.scheduled_id,
                scheduled_timestamp=timestamp(task.scheduled_at),
                started_event_id=task.started_id or None,
                started_timestamp=_moment(task.started_at or None),
                state="STARTED" if task.started_id else "SCHEDULED",
                task_list=shapes.TaskList(name=task.task_list),
                task_priority=task.priority,
            )


def _activities(execution: Execution, live: _Live) -> Iterable[shapes.ActivityState]:
    for event_id, activity in execution.activities.items():
        scheduled = activity.scheduled
        yield shapes.ActivityState(
            activity_id=scheduled.activity_id,
            activity_type=shapes.ActivityType(
                name=scheduled.activity_type.name, version=scheduled.activity_type.version
            ),
            cancel_requested=activity.cancel_requested_id != 0,
            deadlines=_deadlines(live, event_id),
            heartbeat_details=activity.heartbeat_details,
            heartbeat_timestamp=_moment(activity.heartbeat_at),
            identity=activity.identity,
            scheduled_event_id=event_id,
            scheduled_timestamp=timestamp(activity.scheduled_at),
            started_event_id=activity.started_id or None,
            started_timestamp=_moment(activity.started_at or None),
            state="STARTED" if activity.started_id else "SCHEDULED",
            task_list=shapes.TaskList(name=scheduled.task_list.name),
            task_priority=int(scheduled.task_priority or 0),
        )


def _children(execution: Execution) -> Iterable[shapes.ChildExecutionState]:
    for event_id, child in execution.children.items():
        initiated = child.initiated
        yield shapes.ChildExecutionState(
            initiated_event_id=event_id,
            initiated_timestamp=timestamp(child.initiated_at),
            run_id=child.run_id,
            started_event_id=child.started_id or None,
            state="STARTED" if child.started_id else "INITIATED",
            workflow_id=initiated.workflow_id,
            workflow_type=shapes.WorkflowType(
                name=initiated.workflow_type.name, version=initiated.workflow_type.version
            ),
        )


def _lambdas(execution: Execution, live: _Live) -> Iterable[shapes.LambdaFunctionState]:
    for event_id, task in execution.lambdas.items():
        yield shapes.LambdaFunctionState(
            deadlines=_deadlines(live, event_id),
            id=task.scheduled.id,
            name=task.scheduled.name,
            scheduled_event_id=event_id,
            scheduled_timestamp=timestamp(task.scheduled_at),
            started_event_id=task.started_id or None,
            started_timestamp=_moment(task.started_at or None),
            state="STARTED" if task.started_id else "SCHEDULED",
        )


def _externals(execution: Execution) -> Iterable[shapes.ExternalCallState]:
    for event_id, external in execution.externals.items():
        initiated = external.initiated
        signal = (
            initiated.signal_name
            if isinstance(initiated, SignalExternalWorkflowExecutionInitiatedEventAttributes)
            else None
        )
        yield shapes.ExternalCallState(
            initiated_event_id=event_id,
            initiated_timestamp=timestamp(external.initiated_at),
            kind="REQUEST_CANCEL" if signal is None else "SIGNAL",
            run_id=initiated.run_id,
            signal_name=signal,
            workflow_id=initiated.workflow_id,
        )


def _next_run_id(work: UnitOfWork, execution: Execution) -> str | None:
    """From the closing event, the last one."""
    if execution.close_status != "CONTINUED_AS_NEW":
        return None
    last = execution.next_event_id - 1
    closing = decode_event(work.events(execution.run, last, last, 1, False)[0]).attributes
    assert isinstance(closing, WorkflowExecutionContinuedAsNewEventAttributes)
    return closing.new_execution_run_id


def _first_run_id(work: UnitOfWork, execution: Execution) -> str | None:
    """None when this run continues no other, or when the first is too far back or no longer stored."""
    run_id = execution.started.continued_execution_run_id
    for _ in range(MAX_CHAIN):
        run = None if run_id is None else run_of(run_id)
        bodies = [] if run is None else work.events(run, 1, 1, 1, False)
        if not bodies:
            return None
        started = decode_event(bodies[0]).attributes
        assert isinstance(started, WorkflowExecutionStartedEventAttributes)
        if started.continued_execution_run_id is None:
            return run_id
        run_id = started.continued_execution_run_id
    return None
