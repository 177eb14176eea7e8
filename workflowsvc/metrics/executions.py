"""The metrics that SWF has at CloudWatch, in snake case and with its dimensions as labels (QUALITY §6.5).

Owns their names. CloudWatch's times are milliseconds; these are seconds, as Prometheus has them.
"""

from __future__ import annotations

from typing import TypeVar

from workflowsvc.engine.execution_figures import (
    ActivityTypeFigures,
    ExecutionFigures,
    TypeLabels,
    WorkflowTypeFigures,
)
from workflowsvc.metrics.families import Families, counter, counters, histograms

_Figures = TypeVar("_Figures", WorkflowTypeFigures, ActivityTypeFigures)

TENANT = ("account", "region")
WORKFLOW_TYPE = (*TENANT, "domain", "workflow_type_name", "workflow_type_version")
ACTIVITY_TYPE = (*TENANT, "domain", "activity_type_name", "activity_type_version")


def execution_families(figures: ExecutionFigures) -> Families:
    most = figures.max_types
    yield from _workflows(_distinct(figures.workflow_types, figures.other_workflow_types, most))
    yield from _activities(_distinct(figures.activity_types, figures.other_activity_types, most))
    yield counter("workflowsvc_events", "Events that this node has recorded.", figures.events.value)
    yield histograms(
        "workflowsvc_timer_lag_seconds",
        "How late a timer or time-out was when it took effect.",
        (),
        [((), figures.timer_lag)],
    )


def _distinct(
    known: dict[tuple[int, str, str], _Figures], other: _Figures, most: int
) -> list[tuple[tuple[str, ...], _Figures]]:
    """With the values of their labels. Two domains of one name, of which one was deleted, share their figures."""
    by_labels = {figures.labels: figures for figures in list(known.values())}
    if len(known) >= most:
        by_labels[other.labels] = other
    return [(values_of(labels), figures) for labels, figures in by_labels.items()]


def tenant_of(key: str) -> tuple[str, str]:
    """Account and region of a tenant as stores have it; `other` has the same for both."""
    account, _, region = key.partition("/")
    return account, region or account


def values_of(labels: TypeLabels) -> tuple[str, ...]:
    return (*tenant_of(labels.tenant), labels.domain, labels.name, labels.version)


def _workflows(types: list[tuple[tuple[str, ...], WorkflowTypeFigures]]) -> Families:
    yield histograms(
        "swf_workflow_start_to_close_time_seconds",
        "From the start of an execution to its close, whatever its close status.",
        WORKFLOW_TYPE,
        [(labels, figures.start_to_close) for labels, figures in types],
    )
    for status, what in _CLOSED.items():
        yield counters(
            f"swf_workflows_{status.lower()}",
            f"Executions that {what}.",
            WORKFLOW_TYPE,
            [(labels, figures.closed[status].value) for labels, figures in types],
        )
    yield histograms(
        "swf_decision_task_schedule_to_start_time_seconds",
        "Time that a decision task waited for a decider, of those that were started.",
        WORKFLOW_TYPE,
        [(labels, figures.decision_schedule_to_start) for labels, figures in types],
    )
    yield histograms(
        "swf_decision_task_start_to_close_time_seconds",
        "Time that a decider took for a decision task, of those that were completed.",
        WORKFLOW_TYPE,
        [(labels, figures.decision_start_to_close) for labels, figures in types],
    )
    yield counters(
        "swf_decision_tasks_completed",
        "Decision tasks that were completed.",
        WORKFLOW_TYPE,
        [(labels, figures.decision_start_to_close.observations) for labels, figures in types],
    )
    yield counters(
        "swf_started_decision_tasks_timed_out_on_close",
        "Decision tasks that a decider took and did not complete in time.",
        WORKFLOW_TYPE,
        [(labels, figures.decisions_timed_out.value) for labels, figures in types],
    )


_CLOSED = {
    "COMPLETED": "were completed",
    "FAILED": "have failed",
    "CANCELED": "were canceled",
    "TERMINATED": "were terminated",
    "CONTINUED_AS_NEW": "were continued as a new run",
    "TIMED_OUT": "have timed out",
}

_ENDED = {
    "completed": ("activity_tasks_completed", "that were completed"),
    "failed": ("activity_tasks_failed", "that have failed"),
    "canceled": ("activity_tasks_canceled", "that were canceled"),
    "scheduled_timed_out_on_start": (
        "scheduled_activity_tasks_timed_out_on_start",
        "that no worker took in time",
    ),
    "scheduled_timed_out_on_close": (
        "scheduled_activity_tasks_timed_out_on_close",
        "that were not closed in time, counted from when they were scheduled",
    ),
    "started_timed_out_on_close": (
        "started_activity_tasks_timed_out_on_close",
        "that a worker took and did not close in time",
    ),
    "started_timed_out_on_heartbeat": (
        "started_activity_tasks_timed_out_on_heartbeat",
        "whose worker sent no heartbeat in time",
    ),
}


def _activities(types: list[tuple[tuple[str, ...], ActivityTypeFigures]]) -> Families:
    yield histograms(
        "swf_activity_task_schedule_to_start_time_seconds",
        "Time that an activity task waited for a worker, of those that were started.",
        ACTIVITY_TYPE,
        [(labels, figures.schedule_to_start) for labels, figures in types],
    )
    yield histograms(
        "swf_activity_task_start_to_close_time_seconds",
        "From the start of an activity task to its close, however it ended.",
        ACTIVITY_TYPE,
        [(labels, figures.start_to_close) for labels, figures in types],
    )
    yield histograms(
        "swf_activity_task_schedule_to_close_time_seconds",
        "From when an activity task was scheduled to its close, however it ended.",
        ACTIVITY_TYPE,
        [(labels, figures.schedule_to_close) for labels, figures in types],
    )
    for end, (name, what) in _ENDED.items():
        yield counters(
            f"swf_{name}",
            f"Activity tasks {what}.",
            ACTIVITY_TYPE,
            [(labels, figures.ended[end].value) for labels, figures in types],
        )
