"""Rules that AWS gives only in prose (SWF §3.4, §3.5, §10.2): each member that has one is held to it."""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec
import pytest

from tests.wire import swf_model
from workflowsvc.faults import ValidationException
from workflowsvc.model import constraints, shapes, wire

RULED = [(structure, path) for structure, members in constraints.MEMBERS.items() for path in members]

SECONDS_BAD = [
    "-1",
    "1.5",
    " 1",
    "1 ",
    "+1",
    "1e3",
    "٣٠٠",
    "²",
    "3_0",
    "none",
    "None",
    "0x10",
    "31536001",
    "99999999",
]
TIMER_BAD = ["-1", "1.5", " 1", "+1", "٣٠٠", "3_0", "none", "a"]
NAMES_BAD = [
    *("a:b", "a/b", "a|b", ":", "/", "|", "a\x00b", "a\x1fb", "a\x7fb", "a\x9fb", "a\nb", "\ta"),
    *(" a", "a ", "\u3000a", "a\u00a0", "arn"),
]
NAMES_GOOD = [
    "a",
    "timer 2",
    "learning",
    "ARN",
    "arn1",
    "日本",
    "a\u00a0b",
    "a=b+c,d;e@f#g\\h\"i'j<k>",
    "_simpleflow_wake_up_timer",
]
IDS_GOOD = [
    *("delayed_task-0-0:t", "22abc+/d=:1", "name:version:domain:hash"),  # seen at the real service (SWF §3.4)
    *("CronExampleActivities.doSomeWork: */10 * * * * *", "arn", " a|b ", ":", *NAMES_GOOD),
]
PRIORITY_BAD = ["2147483648", "-2147483649", "1.0", " 1", "1_0", "NONE", "-", "٣", "9" * 5000]
GOOD_AND_BAD: dict[str, tuple[list[str], list[str]]] = {
    "name": (NAMES_GOOD, NAMES_BAD),
    "no control characters": (IDS_GOOD, ["a\x00b", "\x1f", "\x85"]),
    "priority": (["0", "-2147483648", "2147483647", "007", "-0"], PRIORITY_BAD),
    "seconds or NONE": (["0", "300", "0300", "31536000", "NONE"], SECONDS_BAD),
    "seconds of an execution": (["0", "31536000"], [*SECONDS_BAD, "NONE"]),
    "seconds of an execution or NONE": (["0", "31536000", "NONE"], SECONDS_BAD),
    "timer seconds": (["0", "2", "99999999"], [*TIMER_BAD, "NONE"]),
    "timer seconds or NONE": (["0", "99999999", "NONE"], TIMER_BAD),
    "lambda seconds": (["1", "900"], ["0", "901", "NONE", "-1", "1.5"]),
    "retention days": (["NONE", "0", "7", "90"], ["91", "-1", "none", "1.5", " 1", "٧"]),
}


def request_with(structure: str, path: str, value: Any) -> tuple[str, str, dict[str, Any]]:
    """An operation, the path of the member in its request, and the request with that value there."""
    holder: dict[str, Any] = swf_model.example(swf_model.SERVICE.shape_for(structure))
    outer, _, inner = path.partition(".")
    if inner:
        shape = swf_model.SERVICE.shape_for(structure).members[outer]
        holder[outer] = {**swf_model.example(shape), inner: value}
    else:
        holder[outer] = value
    if structure.endswith("DecisionAttributes"):
        kind = structure.removesuffix("DecisionAttributes")
        member = f"{swf_model.lower_first(kind)}DecisionAttributes"
        marker = {
            "decisionType": "RecordMarker",
            "recordMarkerDecisionAttributes": {"markerName": "a:b/c|\x00"},
        }
        decisions = [marker, {"decisionType": kind, member: holder}]
        request = {"taskToken": "t", "decisions": decisions}
        return "RespondDecisionTaskCompleted", f"decisions.2.member.{member}.{path}", request
    operation = structure.removesuffix("Input")
    return operation, path, swf_model.legal(operation, holder)


def decoded(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    return msgspec.to_builtins(wire.decode(operation, msgspec.json.encode(request)))


@pytest.mark.parametrize(("structure", "path"), RULED)
def test_every_ruled_member_takes_what_is_legal_and_echoes_it(structure: str, path: str) -> None:
    for good in GOOD_AND_BAD.get(constraints.MEMBERS[structure][path], ([], []))[0]:
        operation, _, request = request_with(structure, path, good)
        assert decoded(operation, copy.deepcopy(request)) == request


@pytest.mark.parametrize(("structure", "path"), RULED)
def test_every_ruled_member_refuses_what_is_not(structure: str, path: str) -> None:
    for bad in GOOD_AND_BAD.get(constraints.MEMBERS[structure][path], ([], []))[1]:
        operation, where, request = request_with(structure, path, bad)
        with pytest.raises(ValidationException) as refused:
            decoded(operation, request)
        if constraints.RULES[constraints.MEMBERS[structure][path]].text:
            assert f"Value '{bad}' at '{where}'" in str(refused.value.message)
        else:
            assert refused.value.message == f"Invalid {path}: {bad}"


# An empty string stands for an absent value wherever it can stand (SWF §3.2, last bullet).
MAY_BE_EMPTY = {"VersionOptional", "WorkflowRunIdOptional", "DurationInSecondsOptional", "TaskPriority"}


def test_empty_strings_are_absent_in_exactly_the_optional_ids_timeouts_and_priorities() -> None:
    seen = 0
    for structure in all_request_structures():
        for name, shape in structure.members.items():
            if shape.type_name != "string" or "enum" in shape.metadata or shape.metadata.get("min"):
                continue
            for path in paths_to(structure, name):
                operation, _, request = request_with(*path, "")
                kept = '"' + name + '":""' in msgspec.json.encode(decoded(operation, request)).decode()
                assert kept == (shape.name not in MAY_BE_EMPTY), (structure.name, name)
                seen += 1
    assert seen > 40


def all_request_structures() -> list[Any]:
    found: dict[str, Any] = {}

    def visit(shape: Any) -> None:
        if shape.type_name == "list":
            visit(shape.member)
        elif shape.type_name == "structure" and shape.name not in found:
            found[shape.name] = shape
            for member in shape.members.values():
                visit(member)

    for operation in swf_model.OPERATIONS:
        visit(swf_model.input_of(operation))
    return list(found.values())


def paths_to(structure: Any, name: str) -> list[tuple[str, str]]:
    """The member as part of a request: its own structure, or a structure that holds it."""
    if structure.name.endswith(("Input", "DecisionAttributes")):
        return [(structure.name, name)]
    return [
        (holder.name, f"{member}.{name}")
        for holder in all_request_structures()
        if holder.name.endswith(("Input", "DecisionAttributes"))
        for member, shape in holder.members.items()
        if shape.name == structure.name
    ]


# ---- The table covers what the documentation of the model states


def said_of(structure: str, member: str) -> str:
    said = swf_model.RAW["shapes"][structure]["members"][member].get("documentation", "")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", said))


def documented(pattern: str) -> set[str]:
    return {
        f"{structure.name}.{member}"
        for structure in all_request_structures()
        for member in structure.members
        if re.search(pattern, said_of(structure.name, member))
    }


def ruled(*rules: str) -> set[str]:
    return {
        f"{structure}.{path.partition('.')[0]}"
        for structure, members in constraints.MEMBERS.items()
        for path, rule in members.items()
        if rule in rules
    }


def test_every_documented_rule_for_names_is_applied() -> None:
    stated = documented(r"vertical bar")
    decided = {member for member in stated if "DecisionAttributes." in member}
    # Clients and recordings show that the service applies it neither to ids nor inside decisions (SWF §3.4).
    assert stated - ruled("name") == decided | {"StartWorkflowExecutionInput.workflowId"}
    assert stated <= ruled("name", "no control characters")
    # Where the documentation is silent although a list is named as well.
    assert ruled("name") - stated == {
        "RegisterActivityTypeInput.defaultTaskList",
        "RegisterWorkflowTypeInput.defaultTaskList",
        "RespondDecisionTaskCompletedInput.taskList",
    }


def test_ids_and_lists_that_a_decision_makes_are_held_to_control_characters_alone() -> None:
    made = {
        f"{structure}DecisionAttributes.{member}"
        for structure, member in (
            ("ContinueAsNewWorkflowExecution", "taskList"),
            ("ScheduleActivityTask", "activityId"),
            ("ScheduleActivityTask", "taskList"),
            ("ScheduleLambdaFunction", "id"),
            ("StartChildWorkflowExecution", "taskList"),
            ("StartChildWorkflowExecution", "workflowId"),
            ("StartTimer", "timerId"),
        )
    }
    assert ruled("no control characters") == made | {"StartWorkflowExecutionInput.workflowId"}


def test_every_duration_and_priority_of_a_request_has_a_rule() -> None:
    numbers = {
        f"{structure.name}.{name}": shape.name
        for structure in all_request_structures()
        for name, shape in structure.members.items()
        if shape.name.startswith("Duration") or shape.name == "TaskPriority"
    }
    priorities = {member for member, shape in numbers.items() if shape == "TaskPriority"}
    assert ruled("priority") == priorities
    assert (
        ruled(*(rule for rule in constraints.RULES if "seconds" in rule or "days" in rule))
        == set(numbers) - priorities
    )


def test_none_is_taken_where_the_documentation_offers_it() -> None:
    offered = documented(r"(use|value) NONE") - documented(r"cannot specify a value of")
    taken = ruled(*(rule for rule in constraints.RULES if "NONE" in rule), "retention days")
    # The override of a task list: documentation silent, SWF §3.5 says yes.
    assert taken - offered == {"RespondDecisionTaskCompletedInput.taskListScheduleToStartTimeout"}
    assert offered <= taken


def test_every_member_of_the_table_is_in_the_model() -> None:
    for structure, path in RULED:
        shape = swf_model.SERVICE.shape_for(structure)
        for name in path.split("."):
            shape = shape.members[name]


# ---- Resource tags (SWF §2.6)


@pytest.mark.parametrize(
    ("key", "value"), [("team", "a b"), ("日本", None), ("_.:/=+-@", ""), ("٣", "é\u3000ß"), ("a", "x" * 256)]
)
def test_resource_tags_of_letters_digits_spaces_and_some_signs_are_taken(key: str, value: str | None) -> None:
    tag = {"key": key} if value is None else {"key": key, "value": value}
    request = {"name": "d", "workflowExecutionRetentionPeriodInDays": "1", "tags": [tag]}
    assert decoded("RegisterDomain", request) == request


@pytest.mark.parametrize(
    "tag", [{"key": "a,b"}, {"key": "a", "value": "b\x00"}, {"key": "a", "value": "b😀"}]
)
def test_other_characters_in_resource_tags_are_refused(tag: dict[str, str]) -> None:
    request = {"resourceArn": "arn", "tags": [{"key": "good"}, tag]}
    with pytest.raises(ValidationException, match="Tags may only contain unicode letters"):
        decoded("TagResource", request)


def test_names_of_markers_signals_and_tags_have_no_rule() -> None:
    name = " a:b/c|d\x00 "
    signal = {"domain": "d", "workflowId": "w", "signalName": name}
    assert decoded("SignalWorkflowExecution", signal) == signal
    kind = {"name": "n", "version": "1"}
    start = {"domain": "d", "workflowId": "w", "workflowType": kind, "tagList": [name, "arn"]}
    assert decoded("StartWorkflowExecution", start) == start


def test_lookups_are_not_held_to_the_rule_for_names() -> None:
    """A name that cannot exist is unknown; only creating it is refused."""
    request = {"domain": "a:b", "execution": {"workflowId": "c/d", "runId": "e|f"}}
    assert decoded("DescribeWorkflowExecution", request) == request


# ---- Filters (SWF §10.2)

MOMENT = {"oldestDate": 0}
TYPE, TAG, EXECUTION, STATUS = {"name": "n"}, {"tag": "t"}, {"workflowId": "w"}, {"status": "FAILED"}
OPEN = ["ListOpenWorkflowExecutions", "CountOpenWorkflowExecutions"]
CLOSED = ["ListClosedWorkflowExecutions", "CountClosedWorkflowExecutions"]


def message_of(operation: str, **filters: Any) -> str:
    with pytest.raises(ValidationException) as refused:
        decoded(operation, {"domain": "d", **filters})
    return str(refused.value.message)


@pytest.mark.parametrize("operation", OPEN)
def test_open_queries_take_one_filter_beside_the_time(operation: str) -> None:
    for one in ({}, {"typeFilter": TYPE}, {"tagFilter": TAG}, {"executionFilter": EXECUTION}):
        decoded(operation, {"domain": "d", "startTimeFilter": MOMENT, **one})
    said = message_of(operation, startTimeFilter=MOMENT, typeFilter=TYPE, tagFilter=TAG)
    assert said == "Cannot specify more than one exclusive filters in the same query: [typeFilter, tagFilter]"
    assert "Value null at 'startTimeFilter'" in message_of(operation, typeFilter=TYPE)


@pytest.mark.parametrize("operation", CLOSED)
def test_closed_queries_take_one_time_and_one_other_filter(operation: str) -> None:
    for time in ("startTimeFilter", "closeTimeFilter"):
        decoded(operation, {"domain": "d", time: MOMENT, "closeStatusFilter": STATUS})
        said = message_of(operation, **{time: MOMENT}, executionFilter=EXECUTION, closeStatusFilter=STATUS)
        assert said.endswith("[closeStatusFilter, executionFilter]")
    assert message_of(operation) == "Must specify time filter"
    both = message_of(operation, startTimeFilter=MOMENT, closeTimeFilter=MOMENT)
    assert both == "Cannot specify both a startTimeFilter and a closeTimeFilter"


def test_prose_is_looked_at_after_the_constraints_of_the_model() -> None:
    request = {"name": "a:b", "workflowExecutionRetentionPeriodInDays": "123456789"}
    with pytest.raises(ValidationException, match="length less than or equal to 8") as refused:
        decoded("RegisterDomain", request)
    assert "a:b" not in str(refused.value.message)


def test_only_the_attributes_of_the_stated_decision_type_are_held_to_prose() -> None:
    other = {"timerId": "a:b", "startToFireTimeout": "soon"}
    request = {
        "taskToken": "t",
        "decisions": [{"decisionType": "CompleteWorkflowExecution", "startTimerDecisionAttributes": other}],
    }
    read = wire.decode("RespondDecisionTaskCompleted", msgspec.json.encode(request))
    assert isinstance(read, shapes.RespondDecisionTaskCompletedInput)
