"""Decision tasks: scheduled, started, completed, timed out; carrying out a list of decisions (reference
section 4).

Owns the trigger rule (`settle`), the passing of time (`advance`) and the completion algorithm of 4.5. At most
one task is started and at most one more is scheduled behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from workflowsvc.core import decisions as decision_events
from workflowsvc.core.durations import milliseconds
from workflowsvc.core.rules import DECIDE, EXPIRE, Deadline, applies, expires
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model.shapes import (
    DECISIONS,
    Decision,
    DecisionTaskCompletedEventAttributes,
    DecisionTaskScheduledEventAttributes,
    DecisionTaskStartedEventAttributes,
    DecisionTaskTimedOutEventAttributes,
    TaskList,
    WorkflowExecutionTerminatedEventAttributes,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution

MOST_EVENTS_OF = {"RequestCancelActivityTask": 2}
"""How many events a decision may record at once, where that is more than one (5.3)."""


class DecisionTask(NamedTuple):
    """A decision task that is scheduled or started."""

    scheduled_id: int
    started_id: int  # 0 until started
    task_list: str
    priority: int
    start_to_close: str
    temporary: bool  # on an override list, with a schedule-to-start timeout (4.8)
    due_at: int | None  # when this state of it times out


class Override(NamedTuple):
    """The task list that the last completion asked for (4.8). Temporary when it has a timeout."""

    task_list: str
    schedule_to_start: str | None


def settle(execution: Execution, at_ms: int, *, max_events: int) -> None:
    """The trigger rule (4.2): news that no waiting decision task covers schedules one, behind the event, at
    its time.

    Also the event limit (8.11): the last place of a history is for the event that says it is full. So there is room for
    one event at least whenever something happens to an open run.
    """
    if not execution.is_open:
        return
    if execution.needs_decision and has_room(execution, 1, max_events):
        record_scheduled(execution, at_ms)
    if not has_room(execution, 1, max_events):
        terminate_full(execution, at_ms)


def has_room(execution: Execution, events: int, max_events: int) -> bool:
    """Whether so many events fit, and the termination behind them."""
    return execution.next_event_id + events <= max_events


def terminate_full(execution: Execution, at_ms: int) -> None:
    execution.record(
        at_ms,
        WorkflowExecutionTerminatedEventAttributes(
            cause="EVENT_LIMIT_EXCEEDED", child_policy=execution.started.child_policy
        ),
    )


def record_scheduled(execution: Execution, at_ms: int) -> None:
    override = execution.override
    execution.record(
        at_ms,
        DecisionTaskScheduledEventAttributes(
            schedule_to_start_timeout=(override.schedule_to_start if override else None) or "NONE",
            start_to_close_timeout=execution.started.task_start_to_close_timeout,
            task_list=TaskList(name=override.task_list) if override else execution.started.task_list,
            task_priority=execution.started.task_priority,
        ),
    )


def advance(execution: Execution, now: int, *, max_events: int) -> None:
    """Lets time pass: every deadline up to `now` expires, oldest first, ties by event id."""
    while (due := execution.next_due(now)) is not None:
        event_id, what = due
        EXPIRE[what][1](execution, now, event_id)
        settle(execution, now, max_events=max_events)


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
    """The started task of a token; UnknownResourceFault when it was completed or timed out (1.4.10)."""
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
    """The completion algorithm of 4.5, steps 3 to 7; the list itself was checked with the request."""
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
        if not has_room(execution, MOST_EVENTS_OF.get(decision.decision_type, 1), max_events):
            terminate_full(execution, at_ms)
            return
        carry_out(execution, at_ms, completed_id, decision, decision_context)
        if not execution.is_open:
            return
    settle(execution, at_ms, max_events=max_events)


def carry_out(
    execution: Execution, at_ms: int, completed_id: int, decision: Decision, decision_context: DecisionContext
) -> None:
    """One decision: its events, or its ...Failed event with the cause."""
    shape = DECISIONS[decision.decision_type]
    attributes = getattr(decision, shape.attribute)
    if attributes is None:  # only the closing decisions may come without (reference 3.2)
        attributes = shape.attributes()
    if decision_context.permits(shape.type, attributes):
        cause = DECIDE[shape.type](execution, at_ms, completed_id, attributes, decision_context)
    else:
        cause = "OPERATION_NOT_PERMITTED"
    if cause is not None:
        execution.record(at_ms, decision_events.failure(shape.type, attributes, completed_id, cause))


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
    )
    execution.needs_decision = False
    if due_at is not None:
        execution.open_deadline(due_at, event_id, Deadline.DECISION_SCHEDULE_TO_START)


@applies("DecisionTaskStarted")
def _started(execution: Execution, event_id: int, at_ms: int, _: DecisionTaskStartedEventAttributes) -> None:
    task = execution.scheduled_task
    assert task is not None
    assert execution.started_task is None, "never two started decision tasks"
    timeout = milliseconds(task.start_to_close)
    due_at = None if timeout is None else at_ms + timeout
    execution.started_task = task._replace(started_id=event_id, due_at=due_at)
    execution.scheduled_task = None
    if due_at is not None:
        execution.open_deadline(due_at, task.scheduled_id, Deadline.DECISION_START_TO_CLOSE)


@applies("DecisionTaskCompleted")
def _completed(
    execution: Execution, _: int, __: int, attributes: DecisionTaskCompletedEventAttributes
) -> None:
    assert execution.started_task is not None
    execution.previous_started_id = execution.started_task.started_id
    execution.started_task = None
    if attributes.execution_context is not None:
        execution.latest_context = attributes.execution_context
    if attributes.task_list is not None:
        execution.override = Override(
            attributes.task_list.name, attributes.task_list_schedule_to_start_timeout
        )
    elif execution.override is not None and execution.override.schedule_to_start is not None:
        execution.override = None  # 15.12: a temporary override ends, a permanent one stays


@applies("DecisionTaskTimedOut")
def _timed_out(
    execution: Execution, _: int, __: int, attributes: DecisionTaskTimedOutEventAttributes
) -> None:
    if attributes.timeout_type == "SCHEDULE_TO_START":
        task, execution.scheduled_task = execution.scheduled_task, None
    else:
        task, execution.started_task = execution.started_task, None
        execution.previous_started_id = attributes.started_event_id  # 15.20
    assert task is not None
    override = execution.override
    if task.temporary and override is not None and override.schedule_to_start is not None:
        execution.override = None  # a permanent one, asked for while this task waited, stays (15.12)


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
