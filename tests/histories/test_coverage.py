"""The scenarios show all that can happen: every event, cause, operation, fault, recorded history, checklist line.

What cannot happen here is named with the reason.
"""

from __future__ import annotations

import re
from typing import get_args

import pytest

from tests.scenario import runner
from workflowsvc.model import shapes
from workflowsvc.testing.scenarios import language

SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]
LINES = [line for scenario in SCENARIOS for step in scenario.steps for line in step.expected]
TEXTS = [step.text for scenario in SCENARIOS for step in scenario.steps]

# Without authorization nothing is forbidden (SWF §13.4).
NEVER_FORBIDDEN = "OPERATION_NOT_PERMITTED"
# Request rates are another profile's business, shown where that is tested (SWF §12.3).
RATES = re.compile(r".*_RATE_EXCEEDED")
CANNOT_OCCUR = {
    # Measured on the live service: the id of an open Lambda task may be used again (SWF §15.13).
    ("ScheduleLambdaFunctionFailed", "ID_ALREADY_IN_USE"),
    # A single installation is one region (SWF §9.2).
    ("ScheduleLambdaFunctionFailed", "LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION"),
}

# SWF §16.6, line by line. Scenarios name the lines that they show.
CHECKLIST = (runner.FOLDER / "checklist.md").read_text(encoding="utf-8")


def test_every_event_is_shown() -> None:
    shown = {words[1] for line in LINES if len(words := line.split(maxsplit=2)) > 1 and words[0].isdigit()}
    assert shapes.EVENTS.keys() - shown == {"RecordMarkerFailed"}, (
        "it only fails when it is forbidden (SWF §5.8)"
    )


def test_every_decision_is_shown() -> None:
    shown = {name for name in shapes.DECISIONS for text in TEXTS if re.search(rf"\b{name}\b", text)}
    assert shown == set(shapes.DECISIONS)


def test_every_operation_is_called() -> None:
    called = {text.split("call ", 1)[1].split()[0] for text in TEXTS if "call " in text}
    verbs = {
        "start": {"StartWorkflowExecution"},
        "signal": {"SignalWorkflowExecution"},
        "request-cancel": {"RequestCancelWorkflowExecution"},
        "terminate": {"TerminateWorkflowExecution"},
        "describe": {"DescribeWorkflowExecution"},
        "history": {"GetWorkflowExecutionHistory"},
        "poll": {"PollForDecisionTask", "PollForActivityTask"},
        "respond": {"RespondDecisionTaskCompleted"},
        "complete": {"RespondActivityTaskCompleted"},
        "fail": {"RespondActivityTaskFailed"},
        "cancel": {"RespondActivityTaskCanceled"},
        "heartbeat": {"RecordActivityTaskHeartbeat"},
        "list": {"ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"},
        "count": {
            "CountOpenWorkflowExecutions",
            "CountClosedWorkflowExecutions",
            "CountPendingActivityTasks",
            "CountPendingDecisionTasks",
        },
        "register": {"RegisterDomain", "RegisterWorkflowType", "RegisterActivityType"},
        "deprecate": {"DeprecateDomain", "DeprecateWorkflowType", "DeprecateActivityType"},
        "undeprecate": {"UndeprecateDomain", "UndeprecateWorkflowType", "UndeprecateActivityType"},
        "delete": {"DeleteWorkflowType", "DeleteActivityType"},
    }
    for operations in verbs.values():
        called |= operations
    assert called == shapes.OPERATIONS.keys()


@pytest.mark.parametrize(
    "event", [name for name, shape in shapes.EVENTS.items() if "cause" in shape.attributes.__struct_fields__]
)
def test_every_cause_of_an_event_that_can_occur_is_shown(event: str) -> None:
    causes = set(get_args(getattr(shapes, f"{event}Cause")))
    expected = {
        cause
        for cause in causes
        if cause != NEVER_FORBIDDEN and not RATES.fullmatch(cause) and (event, cause) not in CANNOT_OCCUR
    }
    shown = {
        found[1] for line in LINES if f" {event} " in line and (found := re.search(r"cause=(\w+)", line))
    }
    assert expected <= shown <= causes


@pytest.mark.parametrize("number", range(1, 14))
def test_every_history_of_section_14_is_a_scenario(number: int) -> None:
    section = f"14.{number}"
    showing = [scenario for scenario in SCENARIOS if section in re.findall(r"[0-9.]+", scenario.citation)]
    assert len(showing) >= (13 if number == 12 else 1)


def test_every_line_of_the_checklist_is_shown() -> None:
    listed = set(re.findall(r"^- (.*)$", CHECKLIST.replace("\n  ", " "), re.MULTILINE))
    elsewhere = {line for line in listed if " -> " in line}
    shown = {line for scenario in SCENARIOS for line in scenario.checklist}
    assert shown == listed - elsewhere
    for line in elsewhere:
        for file, test in re.findall(r"(tests/\S+\.py)::(\w+)", line):
            assert f"def {test}(" in (runner.FOLDER.parent.parent / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("status", get_args(shapes.CloseStatus))
def test_every_close_status_is_shown(status: str) -> None:
    assert any(f"closeStatus={status}" in line for line in LINES)


@pytest.mark.parametrize("timeout", get_args(shapes.ActivityTaskTimeoutType))
def test_every_timeout_of_an_activity_is_shown(timeout: str) -> None:
    assert any(" ActivityTaskTimedOut " in line and f"timeoutType={timeout}" in line for line in LINES)


def test_every_modelled_fault_is_shown() -> None:
    modelled = {fault for operation in shapes.OPERATIONS.values() for fault in operation.faults}
    shown = {line.split(":")[0] for line in LINES}
    # Nothing is forbidden without authorization (SWF §13.4).
    assert modelled - shown == {"OperationNotPermittedFault"}


def test_no_file_expects_a_scenario_that_cannot_be_played() -> None:
    assert not [line for line in LINES if line.startswith("BROKEN")]


def test_titles_are_told_once() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) == len(set(names))
