"""Findings about what one completed decision task did (rules D5, D7, D9).

Knows the batch of a DecisionTaskCompleted, not the things that its decisions start or stop.
"""

from collections.abc import Iterator

from workflowsvc.lint.history import Batch, Event, Finding, History, is_async_failure
from workflowsvc.lint.tables import CLOSING, EVENTS

__all__ = ["check"]

_CLOSE_FAILED = frozenset({
    "CompleteWorkflowExecutionFailed",
    "FailWorkflowExecutionFailed",
    "CancelWorkflowExecutionFailed",
    "ContinueAsNewWorkflowExecutionFailed",
})  # fmt: skip
_CLOSED_BY_DECISION = frozenset(event_type for event_type in CLOSING if EVENTS[event_type].in_block)

_NOT_WITH_A_CLOSE = frozenset({  # SWF §4.6; Lambda by its guess (SWF §15.8)
    "ActivityTaskScheduled",
    "ScheduleActivityTaskFailed",
    "TimerStarted",
    "StartTimerFailed",
    "LambdaFunctionScheduled",
    "ScheduleLambdaFunctionFailed",
})  # fmt: skip


def check(history: History) -> Iterator[Finding]:
    """All findings about batches of decisions."""
    yield from _check_place(history)
    for batch in history.batches:
        for member in batch.members:
            if member.at_ms != batch.completed.at_ms:
                late = member.at_ms - batch.completed.at_ms
                yield member.breaks("D5", f"is {late} ms after {batch.completed.shown}, must be 0")
        yield from _check_close(history, batch)


def _check_place(history: History) -> Iterator[Finding]:
    for event in history.events:
        shape = EVENTS.get(event.type)
        decided = shape is not None and shape.in_block and not is_async_failure(event)
        if decided and event.id not in history.batch_of:
            named = event.number("decisionTaskCompletedEventId")
            yield event.breaks(
                "D5", f"does not stand in the batch of its DecisionTaskCompleted, event {named}"
            )


def _check_close(history: History, batch: Batch) -> Iterator[Finding]:
    for place, member in enumerate(batch.members):
        if member.type not in _CLOSE_FAILED and member.type not in _CLOSED_BY_DECISION:
            continue
        before, behind = batch.members[:place], batch.members[place + 1 :]
        if behind:
            yield behind[0].breaks("D9", f"stands behind {member.shown}, which must be the last of its batch")
        for other in before:
            if other.type in _NOT_WITH_A_CLOSE:
                yield other.breaks("D9", f"{other.type} cannot share a batch with {member.shown}")
        yield from _check_unhandled(member, _unseen(history, batch, before))


def _unseen(history: History, batch: Batch, before: list[Event]) -> str:
    """What the decider has not seen when it decides to close; "" if it has seen all."""
    waiting = history.waiting_before[batch.completed.id - 1]
    if waiting:
        return f"event {waiting} DecisionTaskScheduled waits"
    # A trigger event of the same batch counts like any other one (SWF §4.5 step 6).
    unseen = next((event for event in before if EVENTS[event.type].wakes), None)
    return f"{unseen.shown} of the same batch is unseen" if unseen else ""


def _check_unhandled(event: Event, unseen: str) -> Iterator[Finding]:
    if event.type in _CLOSED_BY_DECISION and unseen:
        yield event.breaks("D7", f"closes although {unseen}; it had to fail with UNHANDLED_DECISION")
    if event.text("cause") == "UNHANDLED_DECISION" and not unseen:
        yield event.breaks("D7", "gives UNHANDLED_DECISION as cause, but the decider has seen everything")
