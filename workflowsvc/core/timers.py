"""Timers: open from TimerStarted until fired or canceled (SWF §5.9, §5.10, §8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.decisions import success
from workflowsvc.core.failed_decisions import counts_failures
from workflowsvc.core.rules import Deadline, applies, decides, expires
from workflowsvc.core.state import Timer
from workflowsvc.model.shapes import (
    CancelTimerDecisionAttributes,
    StartTimerDecisionAttributes,
    TimerCanceledEventAttributes,
    TimerFiredEventAttributes,
    TimerStartedEventAttributes,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution


@applies("TimerStarted")
def _started(
    execution: Execution, event_id: int, at_ms: int, attributes: TimerStartedEventAttributes
) -> None:
    assert attributes.timer_id not in execution.timer_ids
    fires_at = at_ms + int(attributes.start_to_fire_timeout) * 1000
    execution.timers[event_id] = Timer(attributes.timer_id, at_ms, fires_at)
    execution.timer_ids[attributes.timer_id] = event_id
    execution.open_deadline(fires_at, event_id, Deadline.TIMER)


@applies("TimerFired", "TimerCanceled")
def _closed(
    execution: Execution,
    _event_id: int,
    _at_ms: int,
    attributes: TimerFiredEventAttributes | TimerCanceledEventAttributes,
) -> None:
    del execution.timers[attributes.started_event_id]
    del execution.timer_ids[attributes.timer_id]


counts_failures("StartTimerFailed", "CancelTimerFailed")


@expires(Deadline.TIMER, live=lambda execution, event_id, _due_at: event_id in execution.timers)
def _fires(execution: Execution, at_ms: int, event_id: int) -> None:
    execution.record(
        at_ms,
        TimerFiredEventAttributes(started_event_id=event_id, timer_id=execution.timers[event_id].timer_id),
    )


@decides("StartTimer")
def _start(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: StartTimerDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    if attributes.timer_id in execution.timer_ids:
        return "TIMER_ID_ALREADY_IN_USE"
    if len(execution.timers) >= decision_context.limits.max_open_timers:
        return "OPEN_TIMERS_LIMIT_EXCEEDED"
    if not decision_context.admits("StartTimer"):
        return "TIMER_CREATION_RATE_EXCEEDED"
    execution.record(at_ms, success(TimerStartedEventAttributes, attributes, completed_id))
    return None


@decides("CancelTimer")
def _cancel(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: CancelTimerDecisionAttributes,
    _decision_context: DecisionContext,
) -> str | None:
    started_id = execution.timer_ids.get(attributes.timer_id)
    if started_id is None:
        return "TIMER_ID_UNKNOWN"
    execution.record(
        at_ms, success(TimerCanceledEventAttributes, attributes, completed_id, started_event_id=started_id)
    )
    return None
