"""Runs that have hostile texts in every field that a client can fill.

Owns which fields there are. The texts are `hostile.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.console.hostile import as_name
from tests.world_fixture import WorldFixture, decision

Decision = dict[str, Any]

PER_RUN = 30
LIMIT = 32_000  # letters of a payload; SWF allows 32,768


def parts(corpus: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(corpus), PER_RUN):
        part = list(corpus[first : first + PER_RUN])
        yield part if len(part) > 10 else [*corpus[:10], *part]


def hostile_run(stage: WorldFixture, texts: Sequence[str]) -> tuple[str, str]:
    """The workflowId and runId of an open run with all of these texts in each kind of field."""
    names = [as_name(text) for text in texts]
    workflow, activity = (
        {"name": names[0], "version": names[1][:64].strip()},
        {"name": names[2], "version": names[3][:64].strip()},
    )
    stage.ask("RegisterWorkflowType", **workflow, description=texts[4][:1000])
    stage.ask("RegisterActivityType", **activity, description=texts[5][:1000])
    lists = {"name": f"{names[6][:200]}.decisions"}, {"name": f"{names[7][:200]}.activities"}
    run_id = stage.ask(
        "StartWorkflowExecution",
        workflowId=names[0],
        workflowType=workflow,
        taskList=lists[0],
        input=texts[8],
        tagList=[name[:200] for name in dict.fromkeys(names)][:5],
        executionStartToCloseTimeout="80000",
        taskStartToCloseTimeout="NONE",
        childPolicy="ABANDON",
    )["runId"]
    for text, name in zip(texts, names, strict=True):
        stage.ask("SignalWorkflowExecution", workflowId=names[0], signalName=name, input=text)
    _decide(
        stage, lists[0], texts, [_activity(name, activity, lists[1], text) for name, text in _pairs(texts)]
    )
    for number, text in enumerate(texts):
        _work(stage, lists[1], number, text, names[number])
    _decide(stage, lists[0], texts, _others(texts, workflow, lists[0]))
    stage.world.advance(seconds=3)
    return names[0], run_id


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    """An id of its own for each text."""
    return [(f"{as_name(text)[:240]}{number}", text) for number, text in enumerate(texts)]


def _decide(
    stage: WorldFixture, list_: dict[str, str], texts: Sequence[str], decisions: list[Decision]
) -> None:
    task = stage.ask("PollForDecisionTask", taskList=list_, identity=texts[0][:256])
    stage.call(
        "RespondDecisionTaskCompleted",
        taskToken=task["taskToken"],
        decisions=decisions,
        executionContext=texts[1][:LIMIT],
    )


def _activity(name: str, activity: dict[str, str], list_: dict[str, str], text: str) -> Decision:
    return decision(
        "ScheduleActivityTask",
        activityId=name,
        activityType=activity,
        input=text,
        control=text,
        taskList=list_,
        heartbeatTimeout="NONE",
        scheduleToCloseTimeout="NONE",
        scheduleToStartTimeout="NONE",
        startToCloseTimeout="NONE",
    )


def _work(stage: WorldFixture, list_: dict[str, str], number: int, text: str, name: str) -> None:
    """Completes, fails or only begins an activity."""
    task = stage.ask("PollForActivityTask", taskList=list_, identity=name)
    match number % 3:
        case 0:
            stage.call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result=text)
        case 1:
            stage.call(
                "RespondActivityTaskFailed", taskToken=task["taskToken"], reason=text[:256], details=text
            )
        case _:
            stage.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details=text[:2048])


def _others(texts: Sequence[str], workflow: dict[str, str], list_: dict[str, str]) -> list[Decision]:
    decisions: list[Decision] = []
    for name, text in _pairs(texts):
        decisions += [
            decision("RecordMarker", markerName=name, details=text),
            decision("StartTimer", timerId=name, startToFireTimeout="60000", control=text),
            decision(
                "SignalExternalWorkflowExecution", workflowId=name, signalName=name, input=text, control=text
            ),
            decision("RequestCancelExternalWorkflowExecution", workflowId=name, control=text),
            decision("ScheduleLambdaFunction", id=name, name=as_name(text)[:64], input=text),
        ]
    name, text = _pairs(texts)[0]
    decisions.append(
        decision(
            "StartChildWorkflowExecution",
            workflowId=name,
            workflowType=workflow,
            input=text,
            control=text,
            taskList=list_,
            executionStartToCloseTimeout="70000",
            taskStartToCloseTimeout="NONE",
            childPolicy="ABANDON",
        )
    )
    return decisions
