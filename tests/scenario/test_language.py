"""Scenario files mean what they seem to mean, and a wrong expectation is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario import runner
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.decisions import decisions
from workflowsvc.testing.scenarios.names import Names

HERE = Path("somewhere.txt")

STORY = """
# a remark
== A timer fires
SWF §5.9 [A] CAS
checklist a line

start w
    w#1
@1 decide: RecordMarker m;
    StartTimer t 2
@3 history w from 6
    6 TimerStarted +1 decisionTaskCompletedEventId=4 startToFireTimeout=2 timerId=t
    7 TimerFired +3 startedEventId=6 timerId=t
    8 DecisionTaskScheduled +3
"""


def test_a_story_has_a_title_sections_a_grade_commands_and_answers() -> None:
    (scenario,) = language.read_text(HERE, STORY)
    assert (scenario.title, scenario.citation, scenario.grade) == ("A timer fires", "SWF §5.9", "A")
    assert scenario.checklist == ["a line"]
    assert [(step.text, len(step.expected)) for step in scenario.steps] == [
        ("start w", 1),
        ("@1 decide: RecordMarker m; StartTimer t 2", 0),
        ("@3 history w from 6", 3),
    ]


def test_a_story_that_happens_as_written_differs_in_nothing() -> None:
    (scenario,) = language.read_text(HERE, STORY)
    assert runner.differences(scenario, runner.play(scenario, runner.in_process)) == ""


@pytest.mark.parametrize(
    ("written", "wrong"),
    [("+3", "+4"), ("timerId=t", "timerId=u"), ("7 TimerFired", "7 TimerCanceled"), ("w#1", "w#2")],
)
def test_a_wrong_expectation_is_found(written: str, wrong: str) -> None:
    (scenario,) = language.read_text(HERE, STORY.replace(written, wrong, 1))
    assert wrong in runner.differences(scenario, runner.play(scenario, runner.in_process))


def test_an_unexpected_answer_is_found_and_so_is_a_missing_one() -> None:
    (scenario,) = language.read_text(HERE, STORY.replace("    8 DecisionTaskScheduled +3\n", ""))
    assert "+ 8 DecisionTaskScheduled" in runner.differences(
        scenario, runner.play(scenario, runner.in_process)
    )
    (scenario,) = language.read_text(HERE, STORY + "    9 Nothing\n")
    assert "- 9 Nothing" in runner.differences(scenario, runner.play(scenario, runner.in_process))


def test_rewriting_puts_the_answers_in_place_and_leaves_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "story.txt"
    file.write_text(STORY.replace("w#1", "w#7").replace("    8 DecisionTaskScheduled +3\n", ""))
    runner.rewrite(file)
    assert file.read_text() == STORY


@pytest.mark.parametrize("path", runner.files(), ids=lambda path: path.name)
def test_the_files_are_as_rewriting_would_leave_them(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    expected = {step.line: step.expected for scenario in language.read(path) for step in scenario.steps}
    language.rewrite(copy, expected)
    assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "start w\n",
        "== A title\nstart w\n",
        "== A title\nSWF §4.2 [F]\nstart w\n",
        "== A title\nSWF §4.2 [A]\n    an answer to nothing\n",
        "== A title\nSWF §4.2 [A]\nstart w\n  w#1\n",
    ],
)
def test_a_file_that_cannot_be_read_says_where(text: str) -> None:
    with pytest.raises(language.Broken, match=r"somewhere\.txt:\d"):
        language.read_text(HERE, text)


def test_words_are_places_and_members_and_json_may_hold_blanks() -> None:
    assert language.words('a work@2 input="x y" details="" list=[1, 2] b') == (
        ["a", "work@2", "b"],
        {"input": "x y", "details": "", "list": [1, 2]},
    )
    with pytest.raises(language.Broken):
        language.words('input="x')


def test_decisions_are_cut_at_semicolons_outside_of_quotes() -> None:
    names = Names(lambda workflow_id: [])
    made = decisions('RecordMarker "a;b"; CompleteWorkflowExecution; StartTimer t 5 control=c', names, 0)
    assert made == [
        {"decisionType": "RecordMarker", "recordMarkerDecisionAttributes": {"markerName": "a;b"}},
        {"decisionType": "CompleteWorkflowExecution"},
        {
            "decisionType": "StartTimer",
            "startTimerDecisionAttributes": {"timerId": "t", "startToFireTimeout": "5", "control": "c"},
        },
    ]


def test_a_second_run_is_named_so_in_whichever_order_runs_are_seen() -> None:
    first, second = (f"22{letter * 43}=" for letter in "ab")
    names = Names(lambda workflow_id: [first, second])
    assert names.alias(second, "w") == "w#2"
    assert names.execution("w#1") == {"workflowId": "w", "runId": first}
    assert names.execution("w")["runId"] == second
    assert names.target("w") == {"workflowId": "w"}
    assert names.plain(f"runId={first}]") == "runId=w#1]"
