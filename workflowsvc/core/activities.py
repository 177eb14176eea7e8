"""Activity tasks: scheduled, started, closed once; their four clocks and their cancellation (SWF §5.2,
§5.3, §7).

Owns the decisions ScheduleActivityTask and RequestCancelActivityTask, and what a worker's answers record. The
last heartbeat is the one fact that history does not hold: the caller of a replay restores it with
`restore_heartbeat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.decisions import success
from workflowsvc.core.durations import milliseconds
from workflowsvc.core.failed_decisions import counts_failures
from workflowsvc.core.rules import Deadline, Expire, applies, decides, expires
from workflowsvc.core.state import Activity
from workflowsvc.core.type_defaults import activity_settings, undefined_cause
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model.shapes import (
    ActivityTaskCanceledEventAttributes,
    ActivityTaskCancelRequestedEventAttributes,
    ActivityTaskCompletedEventAttributes,
    ActivityTaskFailedEventAttributes,
    ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes,
    ActivityTaskTimedOutEventAttributes,
    ActivityTaskTimeoutType,
    RequestCancelActivityTaskDecisionAttributes,
    ScheduleActivityTaskDecisionAttributes,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution


def start(execution: Execution, at_ms: int, scheduled_id: int, *, identity: str | None) -> Activity:
    """A poller received the task."""
    execution.record(
        at_ms, ActivityTaskStartedEventAttributes(identity=identity, scheduled_event_id=scheduled_id)
    )
    return execution.activities[scheduled_id]


def require_started(execution: Execution, *, scheduled_id: int, started_id: int) -> Activity:
    """The started task that a token names; UnknownResourceFault when it is closed (SWF §1.4.10)."""
    activity = execution.activities.get(scheduled_id)
    if activity is None or activity.started_id != started_id:
        raise UnknownResourceFault(f"Unknown activity, scheduledEventId = {scheduled_id}")
    return activity


def heartbeat(execution: Execution, at_ms: int, scheduled_id: int, details: str | None) -> bool:
    """Restarts the heartbeat deadline and keeps the details; True when the decider has asked to cancel (SWF §7.3)."""
    # As for events: a clock that was set back makes no deadline pass early.
    at_ms = max(at_ms, execution.last_at)
    restore_heartbeat(execution, at_ms, scheduled_id, details)
    return execution.activities[scheduled_id].cancel_requested_id != 0


def restore_heartbeat(execution: Execution, at_ms: int, scheduled_id: int, details: str | None) -> None:
    """Sets the last heartbeat. Without details, earlier details are dropped (SWF §15.14)."""
    activity = execution.activities[scheduled_id]
    activity.heartbeat_at = at_ms
    activity.heartbeat_details = details
    _expect_heartbeat(execution, activity, scheduled_id, at_ms)


def complete(execution: Execution, at_ms: int, scheduled_id: int, result: str | None) -> None:
    activity = execution.activities[scheduled_id]
    execution.record(
        at_ms,
        ActivityTaskCompletedEventAttributes(
            result=result, scheduled_event_id=scheduled_id, started_event_id=activity.started_id
        ),
    )


def fail(
    execution: Execution, at_ms: int, scheduled_id: int, *, reason: str | None, details: str | None
) -> None:
    activity = execution.activities[scheduled_id]
    execution.record(
        at_ms,
        ActivityTaskFailedEventAttributes(
            details=details,
            reason=reason,
            scheduled_event_id=scheduled_id,
            started_event_id=activity.started_id,
        ),
    )


def cancel(execution: Execution, at_ms: int, scheduled_id: int, *, details: str | None) -> None:
    """The task ends as canceled; without a request before it, no latestCancelRequestedEventId (SWF §15.19)."""
    activity = execution.activities[scheduled_id]
    execution.record(
        at_ms,
        ActivityTaskCanceledEventAttributes(
            details=details,
            latest_cancel_requested_event_id=activity.cancel_requested_id or None,
            scheduled_event_id=scheduled_id,
            started_event_id=activity.started_id,
        ),
    )


@applies("ActivityTaskScheduled")
def _scheduled(
    execution: Execution, event_id: int, at_ms: int, attributes: ActivityTaskScheduledEventAttributes
) -> None:
    assert attributes.activity_id not in execution.activity_ids
    execution.activities[event_id] = Activity(attributes, at_ms)
    execution.activity_ids[attributes.activity_id] = event_id
    execution.latest_activity_at = at_ms
    to_start = milliseconds(attributes.schedule_to_start_timeout)
    if to_start is not None:
        execution.open_deadline(at_ms + to_start, event_id, Deadline.ACTIVITY_SCHEDULE_TO_START)
    to_close = milliseconds(attributes.schedule_to_close_timeout)
    if to_close is not None:
        execution.open_deadline(at_ms + to_close, event_id, Deadline.ACTIVITY_SCHEDULE_TO_CLOSE)


@applies("ActivityTaskStarted")
def _started(
    execution: Execution, event_id: int, at_ms: int, attributes: ActivityTaskStartedEventAttributes
) -> None:
    activity = execution.activities[attributes.scheduled_event_id]
    assert activity.started_id == 0
    activity.started_id = event_id
    activity.started_at = at_ms
    activity.identity = attributes.identity
    execution.latest_activity_at = at_ms
    to_close = milliseconds(activity.scheduled.start_to_close_timeout)
    if to_close is not None:
        execution.open_deadline(
            at_ms + to_close, attributes.scheduled_event_id, Deadline.ACTIVITY_START_TO_CLOSE
        )
    _expect_heartbeat(execution, activity, attributes.scheduled_event_id, at_ms)


def _expect_heartbeat(execution: Execution, activity: Activity, scheduled_id: int, at_ms: int) -> None:
    timeout = milliseconds(activity.scheduled.heartbeat_timeout)
    if timeout is not None:
        activity.heartbeat_due_at = at_ms + timeout
        execution.open_deadline(activity.heartbeat_due_at, scheduled_id, Deadline.ACTIVITY_HEARTBEAT)


@applies("ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskCanceled", "ActivityTaskTimedOut")
def _closed(
    execution: Execution,
    _event_id: int,
    at_ms: int,
    attributes: ActivityTaskCompletedEventAttributes
    | ActivityTaskFailedEventAttributes
    | ActivityTaskCanceledEventAttributes
    | ActivityTaskTimedOutEventAttributes,
) -> None:
    activity = execution.activities.pop(attributes.scheduled_event_id)
    del execution.activity_ids[activity.scheduled.activity_id]
    execution.new_ends.append(activity)
    execution.latest_activity_at = at_ms


@applies("ActivityTaskCancelRequested")
def _cancel_requested(
    execution: Execution, event_id: int, at_ms: int, attributes: ActivityTaskCancelRequestedEventAttributes
) -> None:
    scheduled_id = execution.activity_ids[attributes.activity_id]
    execution.activities[scheduled_id].cancel_requested_id = event_id
    execution.latest_activity_at = at_ms


counts_failures("ScheduleActivityTaskFailed", "RequestCancelActivityTaskFailed")


@decides("ScheduleActivityTask")
def _schedule(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: ScheduleActivityTaskDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    """The causes in the order of SWF §5.1: type, deprecated, defaults, id in use, open limit, rate."""
    record = decision_context.activity_type(attributes.activity_type.name, attributes.activity_type.version)
    if record is None:
        return "ACTIVITY_TYPE_DOES_NOT_EXIST"
    if record.deprecated:
        return "ACTIVITY_TYPE_DEPRECATED"
    settings = activity_settings(attributes, record.defaults)
    if isinstance(settings, str):
        return undefined_cause(settings)
    if attributes.activity_id in execution.activity_ids:
        return "ACTIVITY_ID_ALREADY_IN_USE"
    if len(execution.activities) >= decision_context.limits.max_open_activities:
        return "OPEN_ACTIVITIES_LIMIT_EXCEEDED"
    if not decision_context.admits("ScheduleActivityTask", settings.task_list.name):
        return "ACTIVITY_CREATION_RATE_EXCEEDED"
    execution.record(
        at_ms,
        success(ActivityTaskScheduledEventAttributes, attributes, completed_id, **settings._asdict()),
    )
    return None


@decides("RequestCancelActivityTask")
def _request_cancel(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: RequestCancelActivityTaskDecisionAttributes,
    _decision_context: DecisionContext,
) -> str | None:
    """A task that has not been started is canceled at once; a worker is asked with the reply to its next heartbeat
    (SWF §5.3).
    """
    scheduled_id = execution.activity_ids.get(attributes.activity_id)
    if scheduled_id is None:
        return "ACTIVITY_ID_UNKNOWN"
    execution.record(at_ms, success(ActivityTaskCancelRequestedEventAttributes, attributes, completed_id))
    if execution.activities[scheduled_id].started_id == 0:
        cancel(execution, at_ms, scheduled_id, details=None)
    return None


def _times_out(timeout_type: ActivityTaskTimeoutType) -> Expire:
    def time_out(execution: Execution, at_ms: int, scheduled_id: int) -> None:
        activity = execution.activities[scheduled_id]
        execution.record(
            at_ms,
            ActivityTaskTimedOutEventAttributes(
                details=activity.heartbeat_details,
                scheduled_event_id=scheduled_id,
                started_event_id=activity.started_id,
                timeout_type=timeout_type,
            ),
        )

    return time_out


def _is_unstarted(execution: Execution, scheduled_id: int, _due_at: int) -> bool:
    activity = execution.activities.get(scheduled_id)
    return activity is not None and activity.started_id == 0


def _is_open(execution: Execution, scheduled_id: int, _due_at: int) -> bool:
    return scheduled_id in execution.activities


def _missed_heartbeat(execution: Execution, scheduled_id: int, due_at: int) -> bool:
    activity = execution.activities.get(scheduled_id)
    return activity is not None and activity.heartbeat_due_at == due_at


expires(Deadline.ACTIVITY_SCHEDULE_TO_START, live=_is_unstarted)(_times_out("SCHEDULE_TO_START"))
expires(Deadline.ACTIVITY_SCHEDULE_TO_CLOSE, live=_is_open)(_times_out("SCHEDULE_TO_CLOSE"))
expires(Deadline.ACTIVITY_START_TO_CLOSE, live=_is_open)(_times_out("START_TO_CLOSE"))
expires(Deadline.ACTIVITY_HEARTBEAT, live=_missed_heartbeat)(_times_out("HEARTBEAT"))
