"""Lambda tasks from decision to end, in one process: events, endings, time-outs (SWF §9, §14.7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.world_fixture import ROLE, WorldFixture, attributes, decision, only
from workflowsvc.engine.invoker import Failed
from workflowsvc.faults import ValidationException
from workflowsvc.model.explain import MAX_DATA_CHARACTERS
from workflowsvc.testing import LATER, World

OPENING = [
    "WorkflowExecutionStarted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskCompleted",
]


def invoke(id: str = "f", **members: Any) -> dict[str, Any]:
    return decision("ScheduleLambdaFunction", **{"id": id, "name": "f"} | members)


def stage(**functions: Any) -> WorldFixture:
    return WorldFixture(World(functions=functions))


def run(on: WorldFixture, *decisions: dict[str, Any], role: str | None = ROLE) -> str:
    """A run whose first decisions these are."""
    run_id = on.start(**({} if role is None else {"lambdaRole": role}))
    on.decide(*decisions)
    return run_id


def test_a_function_that_returns_completes_its_task() -> None:
    on = stage(f=lambda event: event["a"] + event["b"])
    run_id = run(on, invoke(input='{"a": 40, "b": 2}', control="mine", startToCloseTimeout="30"))
    on.decide(decision("CompleteWorkflowExecution"))
    events = on.history(run_id)
    assert [event["eventType"] for event in events] == [
        *OPENING,
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionCompleted",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
        "DecisionTaskCompleted",
        "WorkflowExecutionCompleted",
    ]
    assert attributes(events[4]) == {
        "control": "mine",
        "decisionTaskCompletedEventId": 4,
        "id": "f",
        "input": '{"a": 40, "b": 2}',
        "name": "f",
        "startToCloseTimeout": "30",
    }
    assert attributes(events[5]) == {"scheduledEventId": 5}
    assert attributes(events[6]) == {"result": "42", "scheduledEventId": 5, "startedEventId": 6}
    assert events[6]["eventTimestamp"] == events[7]["eventTimestamp"]


def test_a_function_without_input_is_given_an_empty_object() -> None:
    given: list[Any] = []
    on = stage(f=given.append)
    events = on.history(run(on, invoke()))
    assert given == [{}]
    assert only(events, "LambdaFunctionCompleted")["result"] == "null"
    assert "input" not in only(events, "LambdaFunctionScheduled")


def test_input_that_is_no_json_fails_as_lambda_itself_says_it() -> None:
    on = stage(f=lambda event: event)
    failed = only(on.history(run(on, invoke(input="{"))), "LambdaFunctionFailed")
    assert failed["reason"] == "InvalidRequestContentException"


def test_a_function_that_raises_fails_its_task_as_unhandled() -> None:
    def broken(event: Any) -> None:
        raise KeyError("width")

    on = stage(f=broken)
    failed = only(on.history(run(on, invoke())), "LambdaFunctionFailed")
    assert (failed["reason"], failed["scheduledEventId"], failed["startedEventId"]) == ("Unhandled", 5, 6)
    assert json.loads(failed["details"]) == {"errorMessage": "'width'", "errorType": "KeyError"}


def test_a_function_may_fail_for_a_reason_of_its_own() -> None:
    on = stage(f=lambda event: Failed("Handled", '{"errorMessage":"no"}'))
    failed = only(on.history(run(on, invoke())), "LambdaFunctionFailed")
    assert (failed["reason"], failed["details"]) == ("Handled", '{"errorMessage":"no"}')


def test_a_function_that_is_not_mapped_is_started_and_then_not_found() -> None:
    on = stage(other=lambda event: event)
    events = on.history(run(on, invoke()))
    assert [event["eventType"] for event in events[4:7]] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionFailed",
    ]
    assert only(events, "LambdaFunctionFailed")["reason"] == "ResourceNotFoundException"


def test_a_pattern_stands_for_many_functions_and_an_exact_name_wins() -> None:
    on = stage(**{"report-*": lambda event: "some", "report-daily": lambda event: "daily"})
    run_id = run(on, invoke("a", name="report-daily"), invoke("b", name="report-weekly"))
    results = [
        attributes(event)["result"]
        for event in on.history(run_id)
        if event["eventType"] == "LambdaFunctionCompleted"
    ]
    assert results == ['"daily"', '"some"']


def test_a_run_without_a_role_cannot_start_a_function() -> None:
    called: list[Any] = []
    on = stage(f=called.append)
    events = on.history(run(on, invoke(), role=None))
    assert only(events, "StartLambdaFunctionFailed") == {
        "cause": "ASSUME_ROLE_FAILED",
        "message": "No IAM role is attached to the current workflow execution.",
        "scheduledEventId": 5,
    }
    assert "LambdaFunctionStarted" not in [event["eventType"] for event in events]
    assert events[-1]["eventType"] == "DecisionTaskScheduled"
    assert called == []


@pytest.mark.parametrize("role", [ROLE, None])
def test_without_a_map_no_function_can_be_started(role: str | None) -> None:
    on = WorldFixture(World())
    events = on.history(run(on, invoke(), role=role))
    failed = only(events, "StartLambdaFunctionFailed")
    assert failed["cause"] == "ASSUME_ROLE_FAILED"
    assert ("No IAM role is attached" in failed["message"]) == (role is None)
    assert events[-1]["eventType"] == "DecisionTaskScheduled"


def test_the_role_may_come_from_the_type() -> None:
    on = stage(f=lambda event: 1)
    kind = {"name": "with-role", "version": "1"}
    on.ask(
        "RegisterWorkflowType",
        **kind,
        defaultTaskList={"name": "list"},
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="60",
        defaultLambdaRole=ROLE,
    )
    run_id = on.start(workflowType=kind)
    on.decide(invoke())
    assert "LambdaFunctionCompleted" in on.types(run_id)


def test_a_function_that_does_not_answer_times_out_when_its_task_says_so() -> None:
    on = stage(f=lambda event: LATER)
    run_id = run(on, invoke(startToCloseTimeout="7"))
    on.world.advance(ms=6_999)
    assert on.types(run_id)[-1] == "LambdaFunctionStarted"
    on.world.advance(ms=1)
    events = on.history(run_id)
    assert only(events, "LambdaFunctionTimedOut") == {
        "scheduledEventId": 5,
        "startedEventId": 6,
        "timeoutType": "START_TO_CLOSE",
    }
    assert events[-1]["eventType"] == "DecisionTaskScheduled"


def test_a_task_that_says_nothing_has_fifteen_minutes() -> None:
    on = stage(f=lambda event: LATER)
    run_id = run(on, invoke())
    on.world.advance(ms=899_999)
    assert "LambdaFunctionTimedOut" not in on.types(run_id)
    on.world.advance(ms=1)
    assert "LambdaFunctionTimedOut" in on.types(run_id)


def test_an_answer_that_comes_later_completes_the_task() -> None:
    on = stage(f=lambda event: LATER)
    run_id = run(on, invoke())
    on.world.advance(seconds=100)
    on.world.answer(on.world.unanswered[0], "late")
    events = on.history(run_id)
    assert only(events, "LambdaFunctionCompleted")["result"] == '"late"'
    assert events[6]["eventTimestamp"] - events[5]["eventTimestamp"] == 100


def test_an_answer_after_the_time_out_is_dropped() -> None:
    on = stage(f=lambda event: LATER)
    run_id = run(on, invoke(startToCloseTimeout="1"))
    on.world.advance(seconds=2)
    before = on.history(run_id)
    on.world.answer(on.world.unanswered[0], "too late")
    assert on.history(run_id) == before


def test_an_answer_for_a_closed_run_is_dropped() -> None:
    on = stage(f=lambda event: LATER)
    run_id = run(on, invoke())
    on.ask("TerminateWorkflowExecution", workflowId="w")
    before = on.history(run_id)
    on.world.answer(on.world.unanswered[0], "too late")
    assert on.history(run_id) == before


def test_an_answer_does_not_reach_the_run_that_continues() -> None:
    on = stage(f=lambda event: LATER)
    run(on, invoke())
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    on.decide(decision("ContinueAsNewWorkflowExecution", lambdaRole=ROLE))
    on.world.answer(on.world.unanswered[0], "too late")
    listed = on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})["executionInfos"]
    assert on.types(listed[0]["execution"]["runId"]) == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]


def test_a_result_that_fits_into_no_event_fails_the_task() -> None:
    on = stage(f=lambda event: "x" * event["size"])
    fits, too_long = MAX_DATA_CHARACTERS - 2, MAX_DATA_CHARACTERS - 1  # the quotes of JSON count
    events = on.history(
        run(on, invoke("a", input=f'{{"size": {fits}}}'), invoke("b", input=f'{{"size": {too_long}}}'))
    )
    assert len(only(events, "LambdaFunctionCompleted")["result"]) == MAX_DATA_CHARACTERS
    assert only(events, "LambdaFunctionFailed")["reason"] == "ResponseTooLarge"


def test_details_and_reasons_are_cut_to_what_an_event_holds() -> None:
    on = stage(f=lambda event: Failed("r" * 1_000, "d" * 100_000))
    failed = only(on.history(run(on, invoke())), "LambdaFunctionFailed")
    assert (len(failed["reason"]), len(failed["details"])) == (256, MAX_DATA_CHARACTERS)


def test_an_id_may_be_used_again_while_it_is_open() -> None:
    """SWF §15.13: measured on the live service, though the model has a cause against it."""
    on = stage(f=lambda event: LATER)
    run_id = run(on, invoke("same"), invoke("same"))
    described = on.ask("DescribeWorkflowExecution", execution={"workflowId": "w", "runId": run_id})
    assert described["openCounts"]["openLambdaFunctions"] == 2
    second, first = reversed(on.world.unanswered)
    on.world.answer(second, 2)
    on.world.answer(first, 1)
    ended = [
        (attributes(event)["scheduledEventId"], attributes(event)["result"])
        for event in on.history(run_id)
        if event["eventType"] == "LambdaFunctionCompleted"
    ]
    assert ended == [(6, "2"), (5, "1")]


def test_scheduling_a_function_goes_not_together_with_closing() -> None:
    """15.8."""
    on = stage(f=lambda event: 1)
    on.start(lambdaRole=ROLE)
    with pytest.raises(ValidationException, match="incompatible with close decision"):
        on.decide(invoke(), decision("CompleteWorkflowExecution"))
