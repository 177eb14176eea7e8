"""Decision tasks: scheduled, started, completed, timed out; carrying out a list of decisions (SWF §4).

Owns the completion algorithm of SWF §4.5. At most one task is started and at most one more is scheduled behind
it. Scheduling one is a consequence of other events and is drawn by `Execution.settle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.decisions import failure
from workflowsvc.core.durations import milliseconds
from workflowsvc.core.rules import DECIDE, Deadline, applies, expires
from workflowsvc.core.state import DecisionTask, DecisionTimeouts, Override
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model.shapes import (
    DECISIONS,
    Decision,
    DecisionTaskCompletedEventAttributes,
    DecisionTaskScheduledEventAttributes,
    DecisionTaskStartedEventAttributes,
    DecisionTaskTimedOutEventAttributes,
    TaskList,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution

MAX_EVENTS_OF = {"RequestCancelActivityTask": 2}
"""Events that a decision may record, where that is more than one (SWF §5.3)."""


def start(execution: Execution, at_ms: int, *, identity: str | None) -> DecisionTask:
    """A poller received the scheduled task."""
    task = execution.scheduled_task
    assert task is not None
    assert execution.started_task is None
    execution.record(
        at_ms, DecisionTaskStartedEventAttributes(identity=identity, scheduled_event_id=task.scheduled_id)
    )
    assert execution.started_task is not None
    return execution.started_task


def require_started(execution: Execution, *, scheduled_id: int, started_id: int) -> DecisionTask:
    """The started task of a token; UnknownResourceFault when it was completed or timed out (SWF §1.4.10)."""
    task = execution.started_task
    if task is None or task.scheduled_id != scheduled_id or task.started_id != started_id:
        raise UnknownResourceFault(f"Unknown decision task, scheduledEventId = {scheduled_id}")
    return task


def complete(
    execution: Execution,
    at_ms: int,
    *,
    decisions: list[Decision],
    execution_context: str | None,
    task_list: TaskList | None,
    schedule_to_start: str | None,
    decision_context: DecisionContext,
) -> None:
    """The completion algorithm of SWF §4.5, steps 3 to 7. The list as a whole was checked with the request."""
    task = execution.started_task
    assert task is not None
    completed_id = execution.record(
        at_ms,
        DecisionTaskCompletedEventAttributes(
            execution_context=execution_context,
            scheduled_event_id=task.scheduled_id,
            started_event_id=task.started_id,
            task_list=task_list,
            task_list_schedule_to_start_timeout=schedule_to_start,
        ),
    )
    max_events = decision_context.limits.max_events
    for decision in decisions:
        if not execution.has_room(MAX_EVENTS_OF.get(decision.decision_type, 1), max_events=max_events):
            execution.terminate_full(at_ms)
            return
        carry_out(execution, at_ms, completed_id, decision, decision_context)
        if not execution.is_open:
            return
    execution.settle(at_ms, max_events=max_events)


def carry_out(
    execution: Execution, at_ms: int, completed_id: int, decision: Decision, decision_context: DecisionContext
) -> None:
    """One decision: its events, or its ...Failed event with the cause."""
    shape = DECISIONS[decision.decision_type]
    attributes = getattr(decision, shape.attribute)
    if attributes is None:  # allowed for closing decisions only (SWF §3.2)
        attributes = shape.attributes()
    if decision_context.permits(shape.type, attributes):
        cause = DECIDE[shape.type](execution, at_ms, completed_id, attributes, decision_context)
    else:
        cause = "OPERATION_NOT_PERMITTED"
    if cause is not None:
        execution.record(at_ms, failure(shape.type, attributes, completed_id, cause))


@applies("DecisionTaskScheduled")
def _scheduled(
    execution: Execution, event_id: int, at_ms: int, attributes: DecisionTaskScheduledEventAttributes
) -> None:
    assert execution.scheduled_task is None, "never two scheduled decision tasks"
    timeout = milliseconds(attributes.schedule_to_start_timeout)
    due_at = None if timeout is None else at_ms + timeout
    execution.scheduled_task = DecisionTask(
        scheduled_id=event_id,
        started_id=0,
        task_list=attributes.task_list.name,
        priority=int(attributes.task_priority or 0),
        start_to_close=attributes.start_to_close_timeout or "NONE",
        temporary=timeout is not None,
        due_at=due_at,
        scheduled_at=at_ms,
    )
    execution.needs_decision = False
    if due_at is not None:
        execution.open_deadline(due_at, event_id, Deadline.DECISION_SCHEDULE_TO_START)


@applies("DecisionTaskStarted")
def _started(
    execution: Execution, event_id: int, at_ms: int, attributes: DecisionTaskStartedEventAttributes
) -> None:
    task = execution.scheduled_task
    assert task is not None
    assert execution.started_task is None, "never two started decision tasks"
    timeout = milliseconds(task.start_to_close)
    due_at = None if timeout is None else at_ms + timeout
    execution.started_task = task._replace(
        started_id=event_id, due_at=due_at, started_at=at_ms, identity=attributes.identity
    )
    execution.scheduled_task = None
    if due_at is not None:
        execution.open_deadline(due_at, task.scheduled_id, Deadline.DECISION_START_TO_CLOSE)


@applies("DecisionTaskCompleted")
def _completed(
    execution: Execution, event_id: int, at_ms: int, attributes: DecisionTaskCompletedEventAttributes
) -> None:
    assert execution.started_task is not None
    execution.decided_id = event_id
    execution.decided_at = at_ms
    execution.decision_timeouts = None
    execution.previous_started_id = (
        execution.started_task.started_id
    )  # of a completed task alone (SWF §15.20)
    execution.new_ends.append(execution.started_task)
    execution.started_task = None
    if attributes.execution_context is not None:
        execution.latest_context = attributes.execution_context
    if attributes.task_list is not None:
        execution.override = Override(
            attributes.task_list.name, attributes.task_list_schedule_to_start_timeout
        )
    elif execution.override is not None and execution.override.schedule_to_start is not None:
        execution.override = None  # the end of a temporary override (SWF §15.12)


@applies("DecisionTaskTimedOut")
def _timed_out(
    execution: Execution, event_id: int, at_ms: int, attributes: DecisionTaskTimedOutEventAttributes
) -> None:
    if attributes.timeout_type == "SCHEDULE_TO_START":
        task, execution.scheduled_task = execution.scheduled_task, None
    else:
        task, execution.started_task = execution.started_task, None
        assert task is not None
        execution.new_ends.append(task)
    assert task is not None
    before = execution.decision_timeouts
    execution.decision_timeouts = (
        DecisionTimeouts(1, event_id, at_ms, event_id, at_ms, task.identity)
        if before is None
        else before._replace(times=before.times + 1, last_id=event_id, last_at=at_ms, identity=task.identity)
    )
    override = execution.override
    if task.temporary and override is not None and override.schedule_to_start is not None:
        execution.override = None  # not of a permanent one set while this task waited (SWF §15.12)


def _waits_for_start(execution: Execution, event_id: int, due_at: int) -> bool:
    task = execution.scheduled_task
    return task is not None and task.scheduled_id == event_id and task.due_at == due_at


def _waits_for_close(execution: Execution, event_id: int, due_at: int) -> bool:
    task = execution.started_task
    return task is not None and task.scheduled_id == event_id and task.due_at == due_at


@expires(Deadline.DECISION_SCHEDULE_TO_START, live=_waits_for_start)
def _never_started(execution: Execution, at_ms: int, event_id: int) -> None:
    execution.record(
        at_ms,
        DecisionTaskTimedOutEventAttributes(
            scheduled_event_id=event_id, started_event_id=0, timeout_type="SCHEDULE_TO_START"
        ),
    )


@expires(Deadline.DECISION_START_TO_CLOSE, live=_waits_for_close)
def _never_completed(execution: Execution, at_ms: int, event_id: int) -> None:
    assert execution.started_task is not None
    execution.record(
        at_ms,
        DecisionTaskTimedOutEventAttributes(
            scheduled_event_id=event_id,
            started_event_id=execution.started_task.started_id,
            timeout_type="START_TO_CLOSE",
        ),
    )
