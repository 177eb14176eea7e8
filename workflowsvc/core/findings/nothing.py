"""The finding that nothing is pending: the decider has answered and left nothing open, so nothing will happen.

Owns how the last thing before that answer is named: it is what the decider has ignored, most often.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.finding import Finding, Knowledge, quoted, shortened, spoken
from workflowsvc.core.findings.pollers import unasked
from workflowsvc.core.findings.waits import execution_due_at, has_pending
from workflowsvc.model.events import Event


def findings(execution: Execution, knowledge: Knowledge, now: int) -> Iterator[Finding]:
    """Of an open run."""
    if has_pending(execution):
        return
    due_at = execution_due_at(execution)
    news = knowledge.event(execution.news_id) if execution.news_id else None
    said = "" if news is None else _said(news, knowledge)
    ends = "" if due_at is None else f" in {spoken(due_at - now)}"
    answered = f"he decider answered {spoken(now - execution.decided_at)} ago and left nothing open"
    yield Finding(
        "NOTHING_PENDING",
        "WARNING",
        f"{f'After {said}, t' if said else 'T'}{answered}: the run waits for a signal, a cancel request, or its "
        f"time-out{ends}.",
        _action(execution, knowledge, now, news),
        since=execution.decided_at,
        until=due_at,
        event_ids=[event_id for event_id in (execution.news_id, execution.decided_id) if event_id],
    )


def _action(execution: Execution, knowledge: Knowledge, now: int, news: Event | None) -> str:
    if news is None:  # one sentence for many runs
        return (
            "Send the signal that it waits for. If it waits for none, the decider has a bug: it must close the run, or "
            "schedule something, with each answer."
        )
    nobody = unasked(execution, knowledge, now)
    if _is_bad(news):
        return (
            f"{nobody}Let the decider deal with that: it must close the run, or schedule something, with each "
            "answer. It is not asked again by itself: when it is mended, wake it with a signal, or terminate the run."
        )
    return (
        f"{nobody}Send the signal that the run waits for. If it waits for none, the decider has a bug: it must close "
        "the run, or schedule something, with each answer. When it is mended, a signal wakes it."
    )


def _is_bad(news: Event) -> bool:
    return news.type.endswith(("Failed", "TimedOut", "Terminated", "Canceled"))


def _said(news: Event, knowledge: Knowledge) -> str:
    """What the decider was asked about: `the timer "t" fired`."""
    about: Any = news.attributes
    kind = news.type
    if kind.startswith("ChildWorkflowExecution"):
        child = about.workflow_execution
        reason = getattr(about, "reason", None) or knowledge.reason_of(child.run_id)
        return f"the child {quoted(child.workflow_id)} {_ended(kind)}{_because(reason)}"
    if kind.startswith("ActivityTask"):
        scheduled: Any = _attributes(knowledge, about.scheduled_event_id)
        name = f" {quoted(scheduled.activity_id)}" if scheduled else ""
        return f"the activity{name} {_ended(kind)}{_because(getattr(about, 'reason', None))}"
    if kind.startswith("LambdaFunction"):
        scheduled = _attributes(knowledge, about.scheduled_event_id)
        name = f" {quoted(scheduled.id)}" if scheduled else ""
        return f"the Lambda task{name} {_ended(kind)}{_because(getattr(about, 'reason', None))}"
    if kind.endswith("Failed"):
        return f"{kind.removesuffix('Failed')} failed with {about.cause}"
    return {
        "WorkflowExecutionStarted": lambda: "the start of the run",
        "WorkflowExecutionSignaled": lambda: f"the signal {quoted(about.signal_name)}",
        "WorkflowExecutionCancelRequested": lambda: "the request to cancel the run",
        "TimerFired": lambda: f"the timer {quoted(about.timer_id)} fired",
        "ExternalWorkflowExecutionSignaled": lambda: "its own signal was delivered",
        "ExternalWorkflowExecutionCancelRequested": lambda: "its own cancel request was delivered",
    }[kind]()


def _attributes(knowledge: Knowledge, event_id: int) -> object:
    event = knowledge.event(event_id)
    return None if event is None else event.attributes


_ENDINGS = {
    "Completed": "completed",
    "Failed": "failed",
    "TimedOut": "timed out",
    "Canceled": "was canceled",
    "Terminated": "was terminated",
    "Started": "was started",
}


def _ended(kind: str) -> str:
    return next(words for suffix, words in _ENDINGS.items() if kind.endswith(suffix))


def _because(reason: str | None) -> str:
    return f" ({shortened(reason)})" if reason else ""
