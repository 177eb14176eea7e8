"""The registries of the rules: what each event does, what each decision does, what each deadline does.

Owns the tables `APPLY`, `DECIDE`, `EXPIRE` and `WAKES_DECIDER`. The files that hold the rules fill them at import;
importing `workflowsvc.core` fails when an event, a decision or a deadline of the model has no rule. Must not know any
rule. docs/state-machine.md shows what the tables hold.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

from workflowsvc.model.shapes import DECISIONS, EVENTS

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution

Apply = Callable[["Execution", int, int, Any], None]
"""(execution, event id, at_ms, attributes): folds one event into the state."""

Decide = Callable[["Execution", int, int, Any, "DecisionContext"], str | None]
"""(execution, at_ms, decisionTaskCompletedEventId, attributes, decision context): records events, or returns the
cause of failure.
"""

Live = Callable[["Execution", int, int], bool]
"""(execution, event id, due at in ms): whether the thing that opened this deadline still waits for it."""

Expire = Callable[["Execution", int, int], None]
"""(execution, at_ms, event id): records what an expired deadline does."""


class Deadline(IntEnum):
    """What may expire. The numbers order the deadlines of one event that are due together (SWF §15.23)."""

    EXECUTION = 0
    DECISION_SCHEDULE_TO_START = 1
    DECISION_START_TO_CLOSE = 2
    ACTIVITY_SCHEDULE_TO_START = 3
    ACTIVITY_SCHEDULE_TO_CLOSE = 4
    ACTIVITY_START_TO_CLOSE = 5
    ACTIVITY_HEARTBEAT = 6
    TIMER = 7
    LAMBDA = 8


APPLY: dict[str, Apply] = {}
DECIDE: dict[str, Decide] = {}
EXPIRE: dict[Deadline, tuple[Live, Expire]] = {}

A = TypeVar("A", bound=Apply)
D = TypeVar("D", bound=Decide)
E = TypeVar("E", bound=Expire)


def applies(*event_types: str) -> Callable[[A], A]:
    """Registers the one function that folds these event types."""

    def register(function: A) -> A:
        for event_type in event_types:
            assert event_type not in APPLY, event_type
            APPLY[event_type] = function
        return function

    return register


def changes_nothing(*event_types: str) -> None:
    """Registers event types that leave the state as it is: they are there for the decider to read."""

    @applies(*event_types)
    def ignore(_execution: Execution, _event_id: int, _at_ms: int, _attributes: object) -> None:
        pass


def decides(decision_type: str) -> Callable[[D], D]:
    """Registers the rules of one decision type."""

    def register(function: D) -> D:
        assert decision_type not in DECIDE, decision_type
        DECIDE[decision_type] = function
        return function

    return register


def expires(deadline: Deadline, live: Live) -> Callable[[E], E]:
    """Registers what happens when a deadline passes that is still live, and the test of that."""

    def register(function: E) -> E:
        assert deadline not in EXPIRE, deadline
        EXPIRE[deadline] = (live, function)
        return function

    return register


WAKES_DECIDER: frozenset[str] = frozenset(
    {f"{decision_type}Failed" for decision_type in DECISIONS}
    | {
        "WorkflowExecutionStarted",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionCancelRequested",
        "DecisionTaskTimedOut",
        "ActivityTaskCompleted",
        "ActivityTaskFailed",
        "ActivityTaskCanceled",
        "ActivityTaskTimedOut",
        "TimerFired",
        "ChildWorkflowExecutionStarted",
        "ChildWorkflowExecutionCompleted",
        "ChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionCanceled",
        "ChildWorkflowExecutionTimedOut",
        "ChildWorkflowExecutionTerminated",
        "ExternalWorkflowExecutionSignaled",
        "ExternalWorkflowExecutionCancelRequested",
        "LambdaFunctionCompleted",
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "StartLambdaFunctionFailed",
    }
)
"""The trigger rule of SWF §4.2: each of these events is followed by DecisionTaskScheduled, unless such a task waits
already.
"""


def require_complete() -> None:
    """Fails at import when an event, decision or deadline of the model has no rule."""
    missing = (EVENTS.keys() - APPLY.keys()) | (DECISIONS.keys() - DECIDE.keys())
    missing |= {deadline.name for deadline in Deadline if deadline not in EXPIRE}
    unknown = (APPLY.keys() - EVENTS.keys()) | (WAKES_DECIDER - EVENTS.keys())
    assert not missing, f"rules missing: {sorted(missing)}"
    assert not unknown, f"rules for what the model does not know: {sorted(unknown)}"
