"""How a closed run ended, in a sentence.

Owns the sentence and its urgency.
"""

from __future__ import annotations

from typing import Any

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.finding import Finding, quoted, shortened, spoken
from workflowsvc.model.shapes import Shape


def ending(execution: Execution, closing: Shape) -> Finding:
    """`closing`: the attributes of the closing event."""
    assert execution.closed_at is not None
    status = execution.close_status
    took = spoken(execution.closed_at - execution.started_at)
    how: Any = closing
    bad = status in ("FAILED", "TIMED_OUT", "TERMINATED")
    text, cause, action = f"The run {_VERBS[status or '']} after {took}", None, None
    if status == "FAILED":
        text += _because(how.reason)
    elif status == "TERMINATED":
        cause = how.cause
        text += {
            "EVENT_LIMIT_EXCEEDED": ", as its history had reached the most events that it may have",
            "CHILD_POLICY_APPLIED": " by the child policy of its parent",
        }.get(cause or "", " by a call of TerminateWorkflowExecution") + _because(how.reason)
        if cause == "EVENT_LIMIT_EXCEEDED":
            action = "Let the decider continue as new in time: ContinueAsNewWorkflowExecution begins a new history."
    elif status == "TIMED_OUT":
        text += _left_open(execution)
    elif status == "CONTINUED_AS_NEW":
        text += f" as {how.new_execution_run_id}"
    return Finding(
        "RUN_CLOSED",
        "WARNING" if bad else "INFO",
        f"{text}.",
        action,
        since=execution.closed_at,
        event_ids=[execution.next_event_id - 1],
        cause=cause,
    )


_VERBS = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELED": "was canceled",
    "TERMINATED": "was terminated",
    "CONTINUED_AS_NEW": "was continued as new",
    "TIMED_OUT": "timed out",
}


def _because(reason: str | None) -> str:
    return f": {shortened(reason)}" if reason else ""


def _left_open(execution: Execution) -> str:
    """What a run that timed out was waiting for."""
    assert execution.closed_at is not None
    task = execution.scheduled_task
    if task is not None and execution.started_task is None:
        waited = spoken(execution.closed_at - task.scheduled_at)
        return f"; a decision task had waited on the list {quoted(task.task_list)} for {waited}"
    open_things = [
        (len(execution.activities), "activities"),
        (len(execution.timers), "timers"),
        (len(execution.children), "children"),
        (len(execution.lambdas), "Lambda tasks"),
    ]
    left = [f"{number} {what}" for number, what in open_things if number]
    if execution.started_task is not None:
        left.insert(0, "a decision task that a decider had")
    return f"; it left open: {', '.join(left)}" if left else "; nothing was open"
