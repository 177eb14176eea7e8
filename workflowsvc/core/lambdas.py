"""Lambda tasks: scheduled, started by the service itself, closed once (SWF §9).

Owns the decision ScheduleLambdaFunction and what an invocation records. Invoking the function is the engine's
work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.decisions import success
from workflowsvc.core.failed_decisions import counts_failures
from workflowsvc.core.rules import Deadline, applies, decides, expires
from workflowsvc.core.state import LambdaTask
from workflowsvc.model.shapes import (
    LambdaFunctionCompletedEventAttributes,
    LambdaFunctionFailedEventAttributes,
    LambdaFunctionScheduledEventAttributes,
    LambdaFunctionStartedEventAttributes,
    LambdaFunctionTimedOutEventAttributes,
    ScheduleLambdaFunctionDecisionAttributes,
    StartLambdaFunctionFailedEventAttributes,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution

DEFAULT_TIMEOUT_SECONDS = 900  # SWF §9.1


def start(execution: Execution, at_ms: int, scheduled_id: int) -> LambdaTask:
    """The service is about to invoke the function."""
    execution.record(at_ms, LambdaFunctionStartedEventAttributes(scheduled_event_id=scheduled_id))
    return execution.lambdas[scheduled_id]


def timeout_seconds(scheduled: LambdaFunctionScheduledEventAttributes) -> int:
    """Seconds from the Started event on; the Scheduled event shows only what the decision gave (SWF §6.9)."""
    return int(scheduled.start_to_close_timeout or DEFAULT_TIMEOUT_SECONDS)


def start_failed(execution: Execution, at_ms: int, scheduled_id: int, message: str) -> None:
    """The role could not be used; there is no Started event."""
    execution.record(
        at_ms,
        StartLambdaFunctionFailedEventAttributes(
            cause="ASSUME_ROLE_FAILED", message=message, scheduled_event_id=scheduled_id
        ),
    )


def complete(execution: Execution, at_ms: int, scheduled_id: int, result: str | None) -> None:
    """`result` is the function's JSON answer as text."""
    task = execution.lambdas[scheduled_id]
    execution.record(
        at_ms,
        LambdaFunctionCompletedEventAttributes(
            result=result, scheduled_event_id=scheduled_id, started_event_id=task.started_id
        ),
    )


def fail(execution: Execution, at_ms: int, scheduled_id: int, *, reason: str, details: str | None) -> None:
    """`reason` is Handled, Unhandled or the error code of the invocation."""
    task = execution.lambdas[scheduled_id]
    execution.record(
        at_ms,
        LambdaFunctionFailedEventAttributes(
            details=details,
            reason=reason,
            scheduled_event_id=scheduled_id,
            started_event_id=task.started_id,
        ),
    )


@applies("LambdaFunctionScheduled")
def _scheduled(
    execution: Execution, event_id: int, at_ms: int, attributes: LambdaFunctionScheduledEventAttributes
) -> None:
    execution.lambdas[event_id] = LambdaTask(attributes, at_ms)


@applies("LambdaFunctionStarted")
def _started(
    execution: Execution, event_id: int, at_ms: int, attributes: LambdaFunctionStartedEventAttributes
) -> None:
    task = execution.lambdas[attributes.scheduled_event_id]
    assert task.started_id == 0
    task.started_id = event_id
    task.started_at = at_ms
    due_at = at_ms + timeout_seconds(task.scheduled) * 1000
    execution.open_deadline(due_at, attributes.scheduled_event_id, Deadline.LAMBDA)


@applies(
    "LambdaFunctionCompleted", "LambdaFunctionFailed", "LambdaFunctionTimedOut", "StartLambdaFunctionFailed"
)
def _closed(
    execution: Execution,
    _event_id: int,
    _at_ms: int,
    attributes: LambdaFunctionCompletedEventAttributes
    | LambdaFunctionFailedEventAttributes
    | LambdaFunctionTimedOutEventAttributes,
) -> None:
    del execution.lambdas[attributes.scheduled_event_id]


counts_failures("ScheduleLambdaFunctionFailed")


@expires(Deadline.LAMBDA, live=lambda execution, scheduled_id, _due_at: scheduled_id in execution.lambdas)
def _times_out(execution: Execution, at_ms: int, scheduled_id: int) -> None:
    task = execution.lambdas[scheduled_id]
    execution.record(
        at_ms,
        LambdaFunctionTimedOutEventAttributes(
            scheduled_event_id=scheduled_id, started_event_id=task.started_id, timeout_type="START_TO_CLOSE"
        ),
    )


@decides("ScheduleLambdaFunction")
def _schedule(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: ScheduleLambdaFunctionDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    """An id that is open already is accepted, as measured on the live service (SWF §15.13)."""
    if len(execution.lambdas) >= decision_context.limits.max_open_lambdas:
        return "OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED"
    if not decision_context.admits("ScheduleLambdaFunction"):
        return "LAMBDA_FUNCTION_CREATION_RATE_EXCEEDED"
    execution.record(at_ms, success(LambdaFunctionScheduledEventAttributes, attributes, completed_id))
    return None
