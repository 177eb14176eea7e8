"""Findings about what a run waits for: running activities, timers, children, Lambda tasks, external calls.

Owns how single things are named, and that a run with thousands of them gets a readable list.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.finding import MAX_OF_A_KIND, Finding, quoted, spoken
from workflowsvc.core.rules import EXPIRE, Deadline
from workflowsvc.core.state import Activity
from workflowsvc.model.shapes import SignalExternalWorkflowExecutionInitiatedEventAttributes


def findings(execution: Execution, now: int) -> Iterator[Finding]:
    """Of an open run."""
    yield from _short(list(_activities(execution, now)), "activities run")
    yield from _short(list(_timers(execution, now)), "timers are open")
    yield from _short(list(_children(execution, now)), "children are open")
    yield from _short(list(_lambdas(execution, now)), "Lambda tasks are open")
    yield from _short(list(_externals(execution, now)), "signals or cancel requests are under way")


def has_pending(execution: Execution) -> bool:
    """Something will happen to this run without a caller of the API."""
    return bool(
        execution.scheduled_task
        or execution.started_task
        or execution.activities
        or execution.timers
        or execution.children
        or execution.lambdas
        or execution.externals
    )


def execution_due_at(execution: Execution) -> int | None:
    """When the run itself times out."""
    return next((due for due, _, what in execution.deadlines if what is Deadline.EXECUTION), None)


def live_deadlines(execution: Execution) -> dict[int, list[tuple[int, Deadline]]]:
    """The live deadlines of each open thing, by the event that opened it; the earliest first."""
    live: dict[int, list[tuple[int, Deadline]]] = {}
    for due, event_id, what in sorted(execution.deadlines):
        if EXPIRE[what][0](execution, event_id, due):
            live.setdefault(event_id, []).append((due, what))
    return live


def _short(found: list[Finding], what: str) -> Iterator[Finding]:
    """The first few, and the number of the others."""
    found.sort(key=lambda finding: finding.until or finding.since or 0)
    yield from found[:MAX_OF_A_KIND]
    rest = found[MAX_OF_A_KIND:]
    if rest:
        yield Finding(rest[0].code, "INFO", f"{len(rest)} more {what}.", number=len(rest))


def _activities(execution: Execution, now: int) -> Iterator[Finding]:
    live = live_deadlines(execution)
    for scheduled_id, activity in execution.activities.items():
        if activity.started_id:
            due_at = live[scheduled_id][0][0] if scheduled_id in live else None
            yield _running(scheduled_id, activity, due_at, now)


def _running(scheduled_id: int, activity: Activity, due_at: int | None, now: int) -> Finding:
    scheduled = activity.scheduled
    who = activity.identity or "a worker without identity"
    if activity.heartbeat_at is not None:
        heartbeat = f"; its last heartbeat is {spoken(now - activity.heartbeat_at)} old"
    elif (scheduled.heartbeat_timeout or "NONE") == "NONE":
        heartbeat = "; it need not send heartbeats"
    else:
        heartbeat = "; it has not sent a heartbeat yet"
    return Finding(
        "ACTIVITY_RUNNING",
        "INFO",
        f"The activity {quoted(scheduled.activity_id)} ({scheduled.activity_type.name}) has been with {who} for "
        f"{spoken(now - activity.started_at)}{heartbeat}.",
        since=activity.started_at,
        until=due_at,
        event_ids=[scheduled_id, activity.started_id],
        task_list=scheduled.task_list.name,
        kind="activity",
        subject=scheduled.activity_id,
    )


def _timers(execution: Execution, now: int) -> Iterator[Finding]:
    for event_id, timer in execution.timers.items():
        yield Finding(
            "WAITS_FOR_TIMER",
            "INFO",
            f"The timer {quoted(timer.timer_id)} fires in {spoken(timer.fires_at - now)}.",
            since=timer.started_at,
            until=timer.fires_at,
            event_ids=[event_id],
            subject=timer.timer_id,
        )


def _children(execution: Execution, now: int) -> Iterator[Finding]:
    for event_id, child in execution.children.items():
        initiated = child.initiated
        state = "has not closed" if child.started_id else "is about to be started"
        yield Finding(
            "WAITS_FOR_CHILD",
            "INFO",
            f"The child {quoted(initiated.workflow_id)} ({initiated.workflow_type.name}) {state}; it was asked for "
            f"{spoken(now - child.initiated_at)} ago.",
            "Explain the child: its findings say why it does not go on.",
            since=child.initiated_at,
            event_ids=[event_id],
            subject=initiated.workflow_id,
        )


def _lambdas(execution: Execution, now: int) -> Iterator[Finding]:
    live = live_deadlines(execution)
    for event_id, task in execution.lambdas.items():
        state = "has been called" if task.started_id else "is about to be called"
        yield Finding(
            "WAITS_FOR_LAMBDA",
            "INFO",
            f"The Lambda function {quoted(task.scheduled.name)} {state}; its task was scheduled "
            f"{spoken(now - task.scheduled_at)} ago.",
            since=task.scheduled_at,
            until=live[event_id][0][0] if event_id in live else None,
            event_ids=[event_id],
            subject=task.scheduled.id,
        )


def _externals(execution: Execution, now: int) -> Iterator[Finding]:
    for event_id, external in execution.externals.items():
        initiated = external.initiated
        signal = isinstance(initiated, SignalExternalWorkflowExecutionInitiatedEventAttributes)
        what = f"signal {quoted(initiated.signal_name)}" if signal else "cancel request"
        yield Finding(
            "WAITS_FOR_EXTERNAL",
            "INFO",
            f"The {what} to {quoted(initiated.workflow_id)} has been under way for "
            f"{spoken(now - external.initiated_at)}.",
            since=external.initiated_at,
            event_ids=[event_id],
            subject=initiated.workflow_id,
        )
