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


class Override(NamedTuple):
    """The task list that the last completion asked for (SWF §4.8). Temporary when it has a timeout."""

    task_list: str
    schedule_to_start: str | None


class Activity(Struct):
    """An open activity task."""

    scheduled: ActivityTaskScheduledEventAttributes
    started_id: int = 0
    cancel_requested_id: int = 0  # event id of the latest request, 0 if none
    heartbeat_due_at: int | None = None
    heartbeat_at: int | None = None
    heartbeat_details: str | None = None


class Child(Struct):
    """A child workflow from its Initiated event until the parent records how it ended."""

    initiated: StartChildWorkflowExecutionInitiatedEventAttributes
    started_id: int = 0


External = (
    SignalExternalWorkflowExecutionInitiatedEventAttributes
    | RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
)
"""A signal or cancel request under way: the attributes of its Initiated event."""


class LambdaTask(Struct):
    """An open Lambda task."""

    scheduled: LambdaFunctionScheduledEventAttributes
    started_id: int = 0
