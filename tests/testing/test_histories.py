"""Stories become the tasks that a decider would be given, and a story that cannot be is refused with its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from workflowsvc import lint
from workflowsvc.testing.histories import WrongStory, decision_task, history

PAID = """
    start order-1 workflowType=order@2 input="two apples"
    decide: ScheduleActivityTask charge activityType=charge@1; StartTimer patience 2592000
    a = poll activity
    complete a result=paid
"""


def test_a_story_ends_with_the_task_of_the_decider() -> None:
    task = decision_task(PAID)
    types = [event["eventType"] for event in task["events"]]
    assert types[4:] == [
        "ActivityTaskScheduled",
        "TimerStarted",
        "ActivityTaskStarted",
        "ActivityTaskCompleted",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
    ]
    assert task["workflowType"] == {"name": "order", "version": "2"}
    assert task["workflowExecution"]["workflowId"] == "order-1"
    assert (task["previousStartedEventId"], task["startedEventId"]) == (3, 10)
    assert task["taskToken"]
    assert lint.lint_history(json.loads(json.dumps(task))["events"]) == []


def test_time_passes_in_a_story() -> None:
    events = decision_task(PAID + "    decide:\n    advance 30d\n")["events"]
    fired = next(event for event in events if event["eventType"] == "TimerFired")
    assert fired["eventTimestamp"] - events[0]["eventTimestamp"] == 30 * 86_400


def test_boto3_gives_times_as_datetimes() -> None:
    event = decision_task("start w", as_boto3=True)["events"][0]
    assert event["eventTimestamp"] == datetime(2012, 1, 25, tzinfo=UTC)


def test_members_of_the_request_page_and_turn_the_history() -> None:
    task = decision_task(PAID, maximumPageSize=2, reverseOrder=True)
    assert [event["eventId"] for event in task["events"]] == [10, 9]
    assert task["nextPageToken"]


def test_one_of_several_runs_is_named() -> None:
    story = """
        start parent
        decide: StartChildWorkflowExecution child
    """
    assert decision_task(story, "child")["workflowExecution"]["workflowId"] == "child"
    assert "ChildWorkflowExecutionStarted" in history(story, "parent").types
    with pytest.raises(WrongStory, match="the story has no run of 'uncle'"):
        history(story, "uncle")


def test_answers_in_a_story_are_compared() -> None:
    assert history("start w\n    w#1").types == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    with pytest.raises(WrongStory, match=r"line 1 of the story, 'start w' is answered otherwise:\n  \+ w#1"):
        history("start w\n    w#2")


@pytest.mark.parametrize(
    ("story", "said"),
    [
        ("", "the story starts no run"),
        ("strt w", "line 1 of the story, 'strt w': there is no command 'strt'. Did you mean start"),
        ("start", "a word is missing"),
        ("start w\nstart w", "line 2 of the story, 'start w': WorkflowExecutionAlreadyStartedFault"),
        ("start w workflowTyp=x", "Did you mean workflowType"),
        ("start w\ndecide: StartTimer t x", "line 2 .*whole number of seconds"),
        ("start w\ndecide:\ndecide:", "line 3 of the story, 'decide:': there is no task"),
        ("start w\na = poll activity", "there is no task"),
        ("start w\ncomplete a", "Invalid token"),
        ("start w\nadvance soon", "soon is no span of time"),
        ("start w\n  w#1", "story:2: answers are indented by 4 blanks"),
        ("start w\ndecide: CompleteWorkflowExecution", "no decision task of w waits at the end of the story"),
    ],
)
def test_a_story_that_cannot_be_is_refused_with_its_line(story: str, said: str) -> None:
    with pytest.raises(WrongStory, match=said):
        decision_task(story)
