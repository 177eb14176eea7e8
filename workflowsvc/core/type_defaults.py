"""Settings of a run or an activity task: those of the request, else the defaults of the type (SWF §2.21, §5.1).

Owns that order, and which missing member is reported when neither has one. Nothing is ever inherited from the run that
starts a child or continues as new.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from workflowsvc.model.shapes import (
    ActivityTypeConfiguration,
    ChildPolicy,
    ScheduleActivityTaskDecisionAttributes,
    TaskList,
    WorkflowTypeConfiguration,
)


class WorkflowRequest(Protocol):
    """The members that StartWorkflowExecution and the two decisions that start runs have in common."""

    execution_start_to_close_timeout: str | None
    task_list: TaskList | None
    task_start_to_close_timeout: str | None
    child_policy: ChildPolicy | None
    task_priority: str | None
    lambda_role: str | None


class WorkflowSettings(NamedTuple):
    """The configuration of a run, resolved. Its field names are those of the event attributes."""

    execution_start_to_close_timeout: str
    task_list: TaskList
    task_start_to_close_timeout: str
    child_policy: ChildPolicy
    task_priority: str | None
    lambda_role: str | None


class ActivitySettings(NamedTuple):
    """The configuration of an activity task, resolved. Its field names are those of the event attributes."""

    task_list: TaskList
    schedule_to_start_timeout: str
    schedule_to_close_timeout: str
    start_to_close_timeout: str
    heartbeat_timeout: str
    task_priority: str | None


START_ORDER = ("execution_start_to_close_timeout", "task_list", "task_start_to_close_timeout", "child_policy")
"""StartWorkflowExecution reports the first missing member in this order (SWF §2.21)."""

DECISION_ORDER = (
    "task_list",
    "execution_start_to_close_timeout",
    "task_start_to_close_timeout",
    "child_policy",
)
"""A decision fails with the cause of the first missing member in this order (SWF §15.21)."""

ACTIVITY_ORDER = (
    "task_list",
    "schedule_to_start_timeout",
    "schedule_to_close_timeout",
    "start_to_close_timeout",
    "heartbeat_timeout",
)
"""The order of SWF §5.2."""


def workflow_settings(
    request: WorkflowRequest, defaults: WorkflowTypeConfiguration, order: tuple[str, ...]
) -> WorkflowSettings | str:
    """The resolved settings, or the name of the first mandatory member that neither request nor type gives."""
    timeout = request.execution_start_to_close_timeout or defaults.default_execution_start_to_close_timeout
    task_list = request.task_list or defaults.default_task_list
    task_timeout = request.task_start_to_close_timeout or defaults.default_task_start_to_close_timeout
    child_policy = request.child_policy or defaults.default_child_policy
    if timeout and task_list and task_timeout and child_policy:
        return WorkflowSettings(
            timeout,
            task_list,
            task_timeout,
            child_policy,
            request.task_priority or defaults.default_task_priority,
            request.lambda_role or defaults.default_lambda_role,
        )
    given = {
        "execution_start_to_close_timeout": timeout,
        "task_list": task_list,
        "task_start_to_close_timeout": task_timeout,
        "child_policy": child_policy,
    }
    return next(name for name in order if not given[name])


def activity_settings(
    request: ScheduleActivityTaskDecisionAttributes, defaults: ActivityTypeConfiguration
) -> ActivitySettings | str:
    """The resolved settings, or the name of the first mandatory member that neither request nor type gives."""
    task_list = request.task_list or defaults.default_task_list
    to_start = request.schedule_to_start_timeout or defaults.default_task_schedule_to_start_timeout
    to_close = request.schedule_to_close_timeout or defaults.default_task_schedule_to_close_timeout
    start_to_close = request.start_to_close_timeout or defaults.default_task_start_to_close_timeout
    heartbeat = request.heartbeat_timeout or defaults.default_task_heartbeat_timeout
    if task_list and to_start and to_close and start_to_close and heartbeat:
        priority = request.task_priority or defaults.default_task_priority
        return ActivitySettings(task_list, to_start, to_close, start_to_close, heartbeat, priority)
    given = dict(zip(ACTIVITY_ORDER, (task_list, to_start, to_close, start_to_close, heartbeat), strict=True))
    return next(name for name in ACTIVITY_ORDER if not given[name])


def undefined_cause(member: str) -> str:
    """`task_list` -> `DEFAULT_TASK_LIST_UNDEFINED`."""
    return f"DEFAULT_{member.upper()}_UNDEFINED"


def wire_name(member: str) -> str:
    """`task_list` -> `taskList`."""
    first, *others = member.split("_")
    return first + "".join(word.capitalize() for word in others)
