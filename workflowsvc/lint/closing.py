"""Findings about the end of an execution (rules H5, H6, H9; SWF §8.8 to §8.11).

Knows the closing events and the first event's settings, no tasks and no decisions.
"""

from collections.abc import Iterator

from workflowsvc.lint.history import Event, Finding, History
from workflowsvc.lint.tables import CLOSING

__all__ = ["check"]

# A batch of decisions that would exceed the limit is refused as a whole, so the end may come somewhat before it;
# official clients send at most 100 decisions in a request (SWF §4.6).
_ROOM_FOR_A_BATCH = 1_000
_WITH_OWN_POLICY = ("CHILD_POLICY_APPLIED", "EVENT_LIMIT_EXCEEDED")


def check(history: History) -> Iterator[Finding]:
    """All findings about how the execution ends."""
    for event in history.events:
        if event.type in CLOSING:
            if event.id < len(history.events):
                yield event.breaks("H5", f"closes the execution, but event {event.id + 1} follows")
            yield from _check_settings(history.start, event, history.limits.execution_seconds * 1000)
    yield from _check_limit(history)


def _check_limit(history: History) -> Iterator[Finding]:
    last, limit = history.events[-1], history.limits.events
    at_limit = last.type == "WorkflowExecutionTerminated" and last.text("cause") == "EVENT_LIMIT_EXCEEDED"
    if at_limit and last.id <= limit - _ROOM_FOR_A_BATCH:
        yield last.breaks("H6", f"EVENT_LIMIT_EXCEEDED, but the limit is {limit} events")
    # The real service exceeds the limit within a batch (event 25,044 was recorded) but hands out no task after it.
    if last.id > limit and not at_limit and history.complete:
        yield last.breaks("H6", f"the limit is {limit} events, but the execution was not terminated")
    for event in history.events[limit:]:
        if event.type in ("DecisionTaskStarted", "ActivityTaskStarted"):
            yield event.breaks("H6", f"a task was handed out beyond the limit of {limit} events")
            return


def _check_settings(start: Event, event: Event, longest_ms: int) -> Iterator[Finding]:
    if start.type != "WorkflowExecutionStarted":
        return
    if event.type == "WorkflowExecutionTimedOut":
        allowed = start.milliseconds("executionStartToCloseTimeout")
        allowed = longest_ms if allowed is None else min(allowed, longest_ms)
        if event.at_ms - start.at_ms < allowed:
            elapsed = event.at_ms - start.at_ms
            yield event.breaks("H9", f"times out {elapsed} ms after the start, allowed are {allowed} ms")
    # All other settings of ContinuedAsNew are the new execution's; only the name of the type stays (SWF §8.7).
    name = start.inner("workflowType", "name")
    if event.type == "WorkflowExecutionContinuedAsNew" and event.inner("workflowType", "name") != name:
        yield event.breaks("H9", f"workflowType name must stay {name!r}")
    # A call to TerminateWorkflowExecution may name another policy, nothing else may (SWF §2.24).
    own = event.type == "WorkflowExecutionTimedOut" or event.text("cause") in _WITH_OWN_POLICY
    if own and event.text("childPolicy") != start.text("childPolicy"):
        yield event.breaks("H9", f"childPolicy must be the execution's own, {start.text('childPolicy')}")
