"""What DescribeWorkflowExecution says is compared with what the history says."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lint.written import read_histories, shift
from workflowsvc.lint import lint_history

HISTORIES = read_histories()
RUN = {"workflowId": "w", "runId": "22w="}
CONFIGURATION = {
    "childPolicy": "TERMINATE",
    "executionStartToCloseTimeout": "300",
    "taskList": {"name": "list"},
    "taskStartToCloseTimeout": "300",
}
# The real answer for the history of SWF §14.1 (SWF §10.4): the activity stays open, the request is forgotten.
CANCELED: dict[str, Any] = {
    "executionConfiguration": CONFIGURATION,
    "executionInfo": {
        "cancelRequested": False,
        "closeStatus": "CANCELED",
        "closeTimestamp": shift(2.067),
        "execution": RUN,
        "executionStatus": "CLOSED",
        "startTimestamp": shift(0),
        "workflowType": {"name": "basic", "version": "example"},
    },
    "latestActivityTaskTimestamp": shift(0.767),
    "openCounts": {
        "openActivityTasks": 1,
        "openChildWorkflowExecutions": 0,
        "openDecisionTasks": 0,
        "openLambdaFunctions": 0,
        "openTimers": 0,
    },
}


def describe(**changes: Any) -> dict[str, Any]:
    """CANCELED with some members changed, named `a__b`; None takes one out."""
    answer = copy.deepcopy(CANCELED)
    for path, value in changes.items():
        *outer, last = path.split("__")
        held = answer
        for name in outer:
            held = held[name]
        held[last] = value
        if value is None:
            del held[last]
    return answer


OPEN = {"executionInfo__executionStatus": "OPEN", "executionInfo__closeStatus": None}
OPEN |= {"executionInfo__closeTimestamp": None}


def found(name: str, answer: dict[str, Any], stop: int | None = None) -> set[str]:
    return {finding.rule for finding in lint_history(HISTORIES[name][:stop], execution=answer)}


def test_the_real_answer_agrees() -> None:
    assert found("14.1", CANCELED) == set()


def test_the_answer_agrees_as_boto3_reads_it() -> None:
    times = {
        "executionInfo__startTimestamp": datetime.fromtimestamp(shift(0), UTC),
        "executionInfo__closeTimestamp": datetime.fromtimestamp(shift(2.067), UTC),
        "latestActivityTaskTimestamp": datetime.fromtimestamp(shift(0.767), UTC),
    }
    assert found("14.1", describe(**times, ResponseMetadata={"HTTPStatusCode": 200})) == set()


def test_an_open_execution_that_was_asked_to_cancel_says_so() -> None:
    asked = describe(**OPEN, executionInfo__cancelRequested=True, openCounts__openDecisionTasks=1)
    assert found("14.1", asked, stop=8) == set()
    assert found("14.1", describe(**OPEN, openCounts__openDecisionTasks=1), stop=8) == {"W4"}


def test_a_decision_task_that_is_worked_on_is_not_counted() -> None:
    asked = describe(**OPEN, executionInfo__cancelRequested=True)
    assert found("14.1", asked, stop=9) == set()
    assert found("14.1", describe(**OPEN, openCounts__openDecisionTasks=1), stop=9) == {"W2", "W4"}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("W1", {"executionInfo__executionStatus": "OPEN"}),
        ("W1", {"executionInfo__closeStatus": "COMPLETED"}),
        ("W1", {"executionInfo__closeStatus": None}),
        ("W1", {"executionInfo__closeTimestamp": shift(2.066)}),
        ("W1", {"executionInfo__startTimestamp": "now"}),
        ("W2", {"openCounts__openActivityTasks": 0}),
        ("W2", {"openCounts__openTimers": None}),
        ("W2", {"openCounts__openChildWorkflowExecutions": 1}),
        ("W2", {"openCounts__openLambdaFunctions": 1}),
        ("W2", {"openCounts__openDecisionTasks": 1}),
        ("W3", {"executionConfiguration__childPolicy": "ABANDON"}),
        ("W3", {"executionConfiguration__taskList": {"name": "other"}}),
        ("W3", {"executionConfiguration__taskPriority": "0"}),
        ("W3", {"executionInfo__tagList": ["t"]}),
        ("W3", {"executionInfo__parent": RUN}),
        ("W3", {"executionInfo__workflowType": {"name": "basic", "version": "2"}}),
        ("W4", {"executionInfo__cancelRequested": True}),
        ("W5", {"latestActivityTaskTimestamp": shift(0.588)}),
        ("W5", {"latestActivityTaskTimestamp": None}),
        ("W6", {"latestExecutionContext": ""}),
    ],
)
def test_an_answer_that_disagrees_is_found(rule: str, changes: dict[str, Any]) -> None:
    assert found("14.1", describe(**changes)) == {rule}


def test_the_last_context_stays_although_later_completions_sent_none() -> None:
    answer = describe(
        executionInfo__closeStatus="COMPLETED",
        executionInfo__closeTimestamp=shift(13.388),
        openCounts__openActivityTasks=0,
        latestActivityTaskTimestamp=shift(12.7),
        latestExecutionContext="",
    )
    assert found("14.5", answer) == set()
    assert found("14.5", {**answer, "latestExecutionContext": "{}"}) == {"W6"}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("14.3", {"openChildWorkflowExecutions": 0}),
        ("children", {"openChildWorkflowExecutions": 1}),
        ("14.4", {"openTimers": 0}),
        ("refused", {"openTimers": 1, "openActivityTasks": 1, "openDecisionTasks": 1}),
        ("lambdas", {"openLambdaFunctions": 0, "openDecisionTasks": 1}),
        ("14.11", {"openDecisionTasks": 1, "openActivityTasks": 0}),
    ],
)
def test_open_counts_are_those_of_the_end(name: str, counts: dict[str, int]) -> None:
    said = dict.fromkeys(CANCELED["openCounts"], 0) | counts
    findings = lint_history(HISTORIES[name], execution=describe(openCounts=said))
    assert "W2" not in {finding.rule for finding in findings}


def test_an_empty_answer_is_judged_and_never_raises() -> None:
    assert {finding.rule for finding in lint_history(HISTORIES["14.1"], execution={})} >= {"W1", "W2", "W3"}
    odd = {"executionInfo": 5, "openCounts": [], "executionConfiguration": None}
    assert lint_history(HISTORIES["14.1"], execution=odd)
