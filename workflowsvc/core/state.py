"""The parts of an execution's state: one small structure for each kind of thing that can be open.

Owns the structures alone. Must not know which event changes them (the files named after the things do, by
`apply`), nor the execution that holds them.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from workflowsvc.model.shapes import (
    ActivityTaskScheduledEventAttributes,
    LambdaFunctionScheduledEventAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
)


class DecisionTask(NamedTuple):
    """A decision task that is scheduled or started."""

    scheduled_id: int
    started_id: int  # event id, 0 until started
    task_list: str
    priority: int
    start_to_close: str
    temporary: bool  # on an override list, with a schedule-to-start timeout (SWF §4.8)
    due_at: int | None  # ms since the epoch: the time-out of the task as it stands, scheduled or started
    scheduled_at: int
    started_at: int = 0  # 0 until started
    identity: str | None = None  # of the decider that has it


class Override(NamedTuple):
    """The task list that the last completion asked for (SWF §4.8). Temporary when it has a timeout."""

    task_list: str
    schedule_to_start: str | None


class Activity(Struct):
    """An open activity task."""

    scheduled: ActivityTaskScheduledEventAttributes
    scheduled_at: int
    started_id: int = 0
    started_at: int = 0  # 0 until started
    identity: str | None = None  # of the worker that has it
    cancel_requested_id: int = 0  # event id of the latest request, 0 if none
    heartbeat_due_at: int | None = None
    heartbeat_at: int | None = None
    heartbeat_details: str | None = None


class Child(Struct):
    """A child workflow from its Initiated event until the parent records how it ended."""

    initiated: StartChildWorkflowExecutionInitiatedEventAttributes
    initiated_at: int
    started_id: int = 0
    run_id: str | None = None  # None until started


class Timer(NamedTuple):
    """A timer that has neither fired nor been canceled."""

    timer_id: str
    started_at: int
    fires_at: int


ExternalInitiated = (
    SignalExternalWorkflowExecutionInitiatedEventAttributes
    | RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
)


class External(NamedTuple):
    """A signal or cancel request under way."""

    initiated: ExternalInitiated
    initiated_at: int


class LambdaTask(Struct):
    """An open Lambda task."""

    scheduled: LambdaFunctionScheduledEventAttributes
    scheduled_at: int
    started_id: int = 0
    started_at: int = 0  # 0 until started


class Failures(NamedTuple):
    """Decisions of one type that failed with one cause, in the whole life of a run."""

    times: int
    first_id: int
    first_at: int
    last_id: int
    last_at: int
    subject: str  # what the last of them was about: a timerId, a type, a workflowId


class DecisionTimeouts(NamedTuple):
    """Decision tasks that timed out one after another, with none completed between."""

    times: int
    first_id: int
    first_at: int
    last_id: int
    last_at: int
    identity: str | None  # of the decider that had the last one; None: it was never started
