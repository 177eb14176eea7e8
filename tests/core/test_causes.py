"""Decisions that are forbidden or beyond their rate fail: no default installation shows these causes."""

from __future__ import annotations

import pytest

from tests.core.decision_context import LIST, SmallWorld, begun
from workflowsvc.core import decision_tasks
from workflowsvc.core.execution import Execution
from workflowsvc.model import shapes
from workflowsvc.model.shapes import DECISIONS, Decision, Shape

MADE: dict[str, Shape] = {
    "ScheduleActivityTask": shapes.ScheduleActivityTaskDecisionAttributes(
        activity_id="a", activity_type=shapes.ActivityType(name="t", version="1"), task_list=LIST
    ),
    "RequestCancelActivityTask": shapes.RequestCancelActivityTaskDecisionAttributes(activity_id="a"),
    "StartTimer": shapes.StartTimerDecisionAttributes(timer_id="t", start_to_fire_timeout="1"),
    "CancelTimer": shapes.CancelTimerDecisionAttributes(timer_id="t"),
    "RecordMarker": shapes.RecordMarkerDecisionAttributes(marker_name="m"),
    "SignalExternalWorkflowExecution": shapes.SignalExternalWorkflowExecutionDecisionAttributes(
        signal_name="s", workflow_id="other"
    ),
    "RequestCancelExternalWorkflowExecution": shapes.RequestCancelExternalWorkflowExecutionDecisionAttributes(
        workflow_id="other"
    ),
    "StartChildWorkflowExecution": shapes.StartChildWorkflowExecutionDecisionAttributes(
        workflow_id="c", workflow_type=shapes.WorkflowType(name="t", version="1")
    ),
    "ScheduleLambdaFunction": shapes.ScheduleLambdaFunctionDecisionAttributes(id="f", name="f"),
    "CompleteWorkflowExecution": shapes.CompleteWorkflowExecutionDecisionAttributes(),
    "FailWorkflowExecution": shapes.FailWorkflowExecutionDecisionAttributes(),
    "CancelWorkflowExecution": shapes.CancelWorkflowExecutionDecisionAttributes(),
    "ContinueAsNewWorkflowExecution": shapes.ContinueAsNewWorkflowExecutionDecisionAttributes(),
}

RATE_CAUSES = {
    "ScheduleActivityTask": "ACTIVITY_CREATION_RATE_EXCEEDED",
    "StartTimer": "TIMER_CREATION_RATE_EXCEEDED",
    "SignalExternalWorkflowExecution": "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "RequestCancelExternalWorkflowExecution": "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "StartChildWorkflowExecution": "CHILD_CREATION_RATE_EXCEEDED",
    "ScheduleLambdaFunction": "LAMBDA_FUNCTION_CREATION_RATE_EXCEEDED",
    "ContinueAsNewWorkflowExecution": "CONTINUE_AS_NEW_WORKFLOW_EXECUTION_RATE_EXCEEDED",
}


def decided(decision_type: str, world: SmallWorld) -> Execution:
    """A run whose first decision task was answered with this one decision."""
    execution = begun()
    decision_tasks.start(execution, 2_000, identity=None)
    decision = Decision(
        decision_type=decision_type, **{DECISIONS[decision_type].attribute: MADE[decision_type]}
    )
    decision_tasks.complete(
        execution,
        3_000,
        decisions=[decision],
        execution_context=None,
        task_list=None,
        schedule_to_start=None,
        decision_context=world,
    )
    return execution


@pytest.mark.parametrize("decision_type", DECISIONS)
def test_a_forbidden_decision_fails_and_is_reported_to_the_decider(decision_type: str) -> None:
    execution = decided(decision_type, SmallWorld(permitted=False))
    failed, scheduled = execution.take_new_events()[-2:]
    assert failed.type == f"{decision_type}Failed"
    assert failed.attributes.cause == "OPERATION_NOT_PERMITTED"  # type: ignore[attr-defined]
    assert failed.attributes.decision_task_completed_event_id == 4  # type: ignore[attr-defined]
    assert scheduled.type == "DecisionTaskScheduled"
    assert execution.is_open


@pytest.mark.parametrize("decision_type", DECISIONS)
def test_a_decision_past_its_rate_fails_where_it_has_one(decision_type: str) -> None:
    execution = decided(decision_type, SmallWorld(admitted=False))
    events = execution.take_new_events()
    causes = [event.attributes.cause for event in events if event.type == f"{decision_type}Failed"]  # type: ignore[attr-defined]
    if decision_type in RATE_CAUSES:
        assert causes == [RATE_CAUSES[decision_type]]
        assert events[-1].type == "DecisionTaskScheduled"
    else:
        assert not [cause for cause in causes if "RATE" in cause]


def test_every_decision_is_made_here() -> None:
    assert MADE.keys() == DECISIONS.keys()
