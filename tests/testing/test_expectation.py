"""What a test may expect of a history as text, and what it is told of a difference."""

from __future__ import annotations

import pytest

from workflowsvc.testing import WrongExpectation
from workflowsvc.testing.expectation import difference, read
from workflowsvc.testing.histories import history
from workflowsvc.testing.history import History

STORY = """
    start order-1 workflowType=order@1 input="two apples" tagList=red,blue
    decide: StartTimer remind 2592000 control="{\\"a\\": [1, 2]}"
    @2592000.5 decide: CompleteWorkflowExecution result=done
"""


@pytest.fixture(scope="module")
def told() -> History:
    return history(STORY)


def test_the_text_of_a_history_is_what_may_be_expected_of_it(told: History) -> None:
    assert difference(told, read(str(told))) == ""
    assert str(told).splitlines()[4:6] == [
        '5 TimerStarted +0 control="{\\"a\\": [1, 2]}" decisionTaskCompletedEventId=4 startToFireTimeout=2592000'
        " timerId=remind",
        "6 TimerFired +2592000 startedEventId=5 timerId=remind",
    ]


@pytest.mark.parametrize(
    "expected",
    [
        "...",
        "…\nWorkflowExecutionCompleted\n",
        'WorkflowExecutionStarted input="two apples" tagList=["red", "blue"]\n...',
        "WorkflowExecutionStarted tagList=[red, blue] taskList=deciders\n...",
        "...\nTimerStarted control=...\n...\nWorkflowExecutionCompleted +30d",
        "...\n6 TimerFired +2592000s\n...\n10 WorkflowExecutionCompleted +2592000.5 result=done",
        "...\nTimerFired +720h\n# a remark\n\n...",
    ],
)
def test_what_a_line_leaves_out_is_not_compared(told: History, expected: str) -> None:
    assert difference(told, read(expected)) == ""


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (
            "...\nTimerStarted startToFireTimeout=60\nTimerFired\n...",
            "    ^ startToFireTimeout is 2592000, not 60",
        ),
        ("...\n7 TimerFired\n...", "    ^ its id is 6, not 7"),
        ("...\nTimerFired +29d\n...", "it is at +2592000, not +29d"),
        ("...\nWorkflowExecutionCompleted +2592000.4", "it is at +2592000.5, not +2592000.4"),
        ("...\nTimerStarted\nTimerFired\nDecisionTaskScheduled", "  + 8 DecisionTaskStarted +2592000.5"),
        ("...\nTimerCanceled\n...", "  - TimerCanceled"),
        ("...\nTimerFired timerId=a\n...\nTimerFired timerId=b\n...", "  - TimerFired timerId=a"),
        ("...\nWorkflowExecutionCompleted\nWorkflowExecutionTerminated", "  - WorkflowExecutionTerminated"),
        ("WorkflowExecutionStarted tagList=[red]\n...", "^ tagList is [red, blue], not [red]"),
        ("WorkflowExecutionStarted lambdaRole=x\n...", "^ it has no lambdaRole"),
    ],
)
def test_a_difference_is_told_in_place(told: History, expected: str, said: str) -> None:
    different = difference(told, read(expected))
    assert any(said in line for line in different.splitlines()), different


def test_what_is_as_expected_stands_in_the_difference_too(told: History) -> None:
    expected = "WorkflowExecutionStarted\n...\nTimerFired timerId=other\n...\nWorkflowExecutionCompleted"
    assert difference(told, read(expected)).splitlines() == [
        "    WorkflowExecutionStarted",
        "    ...",
        "  - TimerFired timerId=other",
        "  + 6 TimerFired +2592000 startedEventId=5 timerId=remind",
        "    ^ timerId is remind, not other",
        "    ...",
        "    WorkflowExecutionCompleted",
    ]


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("", "empty"),
        (
            "TimerFird",
            "line 1 of the expected history.* no event type 'TimerFird'. Did you mean TimerFired",
        ),
        ("\nTimerFired timer=t", "TimerFired has no member 'timer'. Did you mean timerId"),
        ("TimerFired +soon", r"\+soon is no time"),
        ("TimerFired timerId", "'timerId' is not name=value"),
        ("(TimerFired)", "write an event as"),
    ],
)
def test_a_text_that_cannot_be_meant_is_refused(expected: str, said: str) -> None:
    with pytest.raises(WrongExpectation, match=said):
        read(expected)
