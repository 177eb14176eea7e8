"""Findings about the decider: it does not answer, it repeats a decision that fails, it ignores a cancel request.

Owns from which number on a repetition is worth a finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.finding import Finding, Knowledge, quoted, spoken
from workflowsvc.core.findings.waits import has_pending

MIN_TIMEOUTS = 2  # in a row; a single one may be a decider that was stopped
MIN_FAILURES = 3  # of one decision with one cause
MANY = 10  # from here on a decider that fails without end, not one that corrects itself

_ACTIONS = {
    "ACTIVITY_TYPE_DEPRECATED": "Undeprecate the activity type, or have the decider schedule another version.",
    "ACTIVITY_TYPE_DOES_NOT_EXIST": "Register the activity type in this domain, or correct its name and version.",
    "WORKFLOW_TYPE_DEPRECATED": "Undeprecate the workflow type, or have the decider name another version.",
    "WORKFLOW_TYPE_DOES_NOT_EXIST": "Register the workflow type in this domain, or correct its name and version.",
    "TIMER_ID_ALREADY_IN_USE": "Let the decider look for the open timer in the history before it starts one, or "
    "give each timer an id of its own.",
    "ACTIVITY_ID_ALREADY_IN_USE": "Let the decider look for the open activity in the history before it schedules "
    "one, or give each activity an id of its own.",
    "UNHANDLED_DECISION": "Something new had happened while the decider was at work: let it read the new events and "
    "close the run with the next decision task.",
    "WORKFLOW_ALREADY_RUNNING": "Give the child a workflowId that is not open, or signal the run that is.",
}
_DEPRECATED = {"ACTIVITY_TYPE_DEPRECATED", "WORKFLOW_TYPE_DEPRECATED"}

ASKED_AGAIN = (
    " With nothing pending, the decider is not asked again until something comes: send the run a signal then."
)


def findings(execution: Execution, knowledge: Knowledge, now: int) -> Iterator[Finding]:
    """Of an open run."""
    yield from timed_out_tasks(execution)
    yield from failed_decisions(execution)
    yield from _running_task(execution, now)
    yield from _deprecated_types(execution, knowledge)
    yield from _ignored_cancel(execution, now)


def timed_out_tasks(execution: Execution) -> Iterator[Finding]:
    row = execution.decision_timeouts
    if row is None or row.times < MIN_TIMEOUTS:
        return
    who = f" (the last one by {row.identity})" if row.identity else ""
    seconds = execution.started.task_start_to_close_timeout
    yield Finding(
        "DECISION_TASK_TIMEOUTS",
        "CRITICAL" if execution.is_open else "WARNING",
        f"The last {row.times} decision tasks timed out one after another: a decider takes them{who} and does not "
        "answer.",
        "Look into the log of the decider: it raises an exception or ends before it calls "
        f"RespondDecisionTaskCompleted, or it needs longer than the {seconds} s that a decision task may take.",
        since=row.first_at,
        event_ids=_ends(row.first_id, row.last_id),
        number=row.times,
        subject=row.identity,
    )


def failed_decisions(execution: Execution) -> Iterator[Finding]:
    for (event_type, cause), failures in execution.failures.items():
        is_deprecation = cause in _DEPRECATED
        if failures.times < MIN_FAILURES and not is_deprecation:
            continue
        decision = event_type.removesuffix("Failed")
        # Failures of the last decision task, and many of them: this is what the decider does now.
        goes_on = execution.is_open and failures.last_id > execution.decided_id
        about = f", last for {quoted(failures.subject)}" if failures.subject else ""
        finding = Finding(
            "DECISION_FAILS",
            "CRITICAL" if goes_on and failures.times >= MANY else "WARNING",
            f"{decision} has failed {failures.times} times with {cause}{about}.",
            _ACTIONS.get(cause, "Let the decider read the cause in the history and decide something else.")
            + (ASKED_AGAIN if execution.is_open and not has_pending(execution) else ""),
            since=failures.first_at,
            event_ids=_ends(failures.first_id, failures.last_id),
            number=failures.times,
            cause=cause,
            subject=failures.subject or None,
        )
        if failures.times >= MIN_FAILURES:
            yield finding
        if is_deprecation:
            activity = cause == "ACTIVITY_TYPE_DEPRECATED"
            yield finding._replace(
                code=cause,
                severity="CRITICAL" if goes_on else "WARNING",
                message=f"The {'activity' if activity else 'workflow'} type {quoted(failures.subject)} is "
                f"deprecated, so {decision} fails.",
            )


def _running_task(execution: Execution, now: int) -> Iterator[Finding]:
    task = execution.started_task
    if task is None:
        return
    who = task.identity or "a decider without identity"
    yield Finding(
        "DECISION_TASK_RUNNING",
        "INFO",
        f"The decision task has been with {who} for {spoken(now - task.started_at)}.",
        since=task.started_at,
        until=task.due_at,
        event_ids=[task.started_id],
        task_list=task.task_list,
        kind="decision",
        subject=task.identity,
    )


def _deprecated_types(execution: Execution, knowledge: Knowledge) -> Iterator[Finding]:
    """The run goes on: only what starts a new run of the type is refused."""
    workflow_type = execution.started.workflow_type
    if knowledge.workflow_type_is_deprecated(workflow_type.name, workflow_type.version):
        name = f"{workflow_type.name} {workflow_type.version}"
        yield Finding(
            "WORKFLOW_TYPE_DEPRECATED",
            "INFO",
            f"The workflow type {quoted(name)} is deprecated: this run goes on, but it cannot continue as new in this "
            "version.",
            _ACTIONS["WORKFLOW_TYPE_DEPRECATED"],
            subject=name,
        )


def _ignored_cancel(execution: Execution, now: int) -> Iterator[Finding]:
    """The decider has answered a task that showed it the request, and has neither closed the run nor cancelled an
    activity since."""
    requested_id = execution.cancel_requested_id
    if not execution.cancel_requested or execution.previous_started_id < requested_id:
        return
    if any(activity.cancel_requested_id > requested_id for activity in execution.activities.values()):
        return
    yield Finding(
        "CANCEL_NOT_ACTED_ON",
        "WARNING",
        f"Cancellation was requested {spoken(now - execution.cancel_requested_at)} ago; the decider has answered since "
        "and has not acted on it.",
        "Let the decider look for WorkflowExecutionCancelRequested and answer with CancelWorkflowExecution, or "
        "terminate the run.",
        since=execution.cancel_requested_at,
        event_ids=[requested_id],
    )


def _ends(first_id: int, last_id: int) -> list[int]:
    return [first_id] if first_id == last_id else [first_id, last_id]
