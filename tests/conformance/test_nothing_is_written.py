"""A refused request leaves no trace: every table of the store is the same before and after (issue 3, "Wrong input").

For every constraint that the model states there is one request that breaks it and nothing else; it comes from
`tests/wire/swf_model.py`, and `tests/wire/test_requests.py` checks the text. Here it is sent to a world in which, were it
not for that one member, it would be carried out: the controls at the end of this file show that.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.dump import differences, dump
from tests.conformance.furniture import ME, Furniture
from tests.conformance.refusals import refusals
from tests.scenario.in_process import InProcess
from tests.scenario.service import Refused
from tests.wire import swf_model, test_prose
from workflowsvc.settings import Settings

# What makes the least request of `swf_model.example`, in which every text is "1", one that is carried out here.
READY: dict[str, dict[str, Any]] = {
    "RegisterDomain": {"name": "2"},
    "RegisterWorkflowType": {"version": "2"},
    "RegisterActivityType": {"version": "2"},
    "UndeprecateDomain": {"name": "old"},
    "StartWorkflowExecution": {"workflowId": "2"},
    "DescribeWorkflowExecution": {"execution": {"workflowId": "1", "runId": "$run"}},
    "GetWorkflowExecutionHistory": {"execution": {"workflowId": "1", "runId": "$run"}},
    "RespondDecisionTaskCompleted": {"taskToken": "$decision"},
    **{
        operation: {"resourceArn": "arn:aws:swf:us-east-1:000000000000:/domain/1"}
        for operation in ("TagResource", "UntagResource", "ListTagsForResource")
    },
    **{
        f"{verb}{kind}Type": {f"{kind.lower()}Type": {"name": "1", "version": "old"}}
        for verb in ("Undeprecate", "Delete")
        for kind in ("Workflow", "Activity")
    },
    **{
        operation: {"taskToken": "$activity"}
        for operation in swf_model.OPERATIONS
        if operation.startswith("RespondActivity") or operation == "RecordActivityTaskHeartbeat"
    },
}
# Carried out, and nothing is different afterwards.
READING = {name for name in swf_model.OPERATIONS if name.startswith(("Describe", "List", "Count", "Get"))}


class Ready:
    """A world in which everything that is asked for is called "1"."""

    def __init__(self) -> None:
        self.service = InProcess(Settings())
        self.names: dict[str, str] = {}
        self._register()
        self.names["$run"] = self.call(
            "StartWorkflowExecution", domain="1", workflowId="1", workflowType=ONE
        )["runId"]
        self._decide()
        self.names["$activity"] = self._poll("Activity", "1")
        self.call("SignalWorkflowExecution", domain="1", workflowId="1", signalName="s")
        self.names["$decision"] = self._poll("Decision", "1")
        self.call("StartWorkflowExecution", domain="1", workflowId="waits", workflowType=ONE)

    def _register(self) -> None:
        for name in ("1", "old"):
            self.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="1")
        self.call(
            "TagResource", resourceArn=READY["TagResource"]["resourceArn"], tags=[{"key": "1", "value": "x"}]
        )
        self.call("DeprecateDomain", name="old")
        settings: dict[str, Any] = {
            "Workflow": {"defaultChildPolicy": "TERMINATE", "defaultExecutionStartToCloseTimeout": "86400"},
            "Activity": dict.fromkeys(ACTIVITY_TIMEOUTS, "NONE"),
        }
        for kind, defaults in settings.items():
            defaults |= {"defaultTaskList": {"name": "1"}, "defaultTaskStartToCloseTimeout": "NONE"}
            for version in ("1", "old"):
                self.call(f"Register{kind}Type", domain="1", name="1", version=version, **defaults)
            old = {f"{kind.lower()}Type": {"name": "1", "version": "old"}}
            self.call(f"Deprecate{kind}Type", domain="1", **old)

    def _decide(self) -> None:
        """One activity to be worked on, one that waits."""
        decisions = [
            {
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {"activityId": activity, "activityType": ONE},
            }
            for activity in ("a", "b")
        ]
        token = self._poll("Decision", "1")
        self.call("RespondDecisionTaskCompleted", taskToken=token, decisions=decisions)

    def _poll(self, kind: str, task_list: str) -> str:
        return self.call(f"PollFor{kind}Task", domain="1", taskList={"name": task_list})["taskToken"]

    def call(self, operation: str, **members: Any) -> Any:
        return self.service.call(operation, ME, members)

    def made_ready(self, operation: str, request: dict[str, Any], path: str = "") -> dict[str, Any]:
        """The request with what is needed to carry it out, but for the member that is to be wrong."""
        made = copy.deepcopy(request)
        for name, value in READY.get(operation, {}).items():
            if path.partition(".")[0] != name:
                made[name] = value
        return json.loads(_with_names(json.dumps(made), self.names))

    @property
    def store(self) -> Any:
        return self.service.world.store


ONE = {"name": "1", "version": "1"}
ACTIVITY_TIMEOUTS = [
    "defaultTaskHeartbeatTimeout",
    "defaultTaskScheduleToCloseTimeout",
    "defaultTaskScheduleToStartTimeout",
]


def _with_names(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f'"{name}"', json.dumps(value))
    return text


@pytest.fixture(scope="module")
def ready() -> Ready:
    return Ready()


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_a_request_that_breaks_one_constraint_of_the_model_writes_nothing(
    ready: Ready, operation: str
) -> None:
    before = dump(ready.store)
    for constraint in swf_model.constraints(operation):
        request = ready.made_ready(operation, constraint.request, constraint.path)
        with pytest.raises(Refused, match="ValidationException"):
            ready.call(operation, **request)
        assert differences(before, dump(ready.store)) == [], constraint
    ready.service.audit()


@pytest.mark.parametrize(("structure", "path"), test_prose.RULED)
def test_a_request_that_breaks_one_rule_of_the_documentation_writes_nothing(
    ready: Ready, structure: str, path: str
) -> None:
    """Bad names, durations, priorities and tags (reference 3.4, 3.5, 2.6)."""
    before = dump(ready.store)
    for bad in test_prose.GOOD_AND_BAD.get(test_prose.prose.MEMBERS[structure][path], ([], []))[1]:
        operation, where, request = test_prose.request_with(structure, path, bad)
        with pytest.raises(Refused, match="ValidationException"):
            ready.call(operation, **ready.made_ready(operation, request, where))
    assert differences(before, dump(ready.store)) == []


def test_a_request_that_the_state_of_things_forbids_writes_nothing(in_process: Furniture) -> None:
    """In this process, where what is in memory can be held against what is in the store, too."""
    before = dump(in_process.store)
    for refusal in refusals():
        with pytest.raises(Refused, match=refusal.fault):
            in_process.call(refusal.operation, refusal.tenant, **in_process.filled(refusal.members))
        assert differences(before, dump(in_process.store)) == [], refusal.title
    in_process.service.audit()


# --- the controls: what would have been written ---


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_the_same_request_without_the_broken_member_is_carried_out(operation: str) -> None:
    ready = Ready()
    before = dump(ready.store)
    request = swf_model.legal(operation, swf_model.example(swf_model.input_of(operation)))
    ready.call(operation, **ready.made_ready(operation, request))
    assert bool(differences(before, dump(ready.store))) == (operation not in READING)


def test_there_is_a_request_for_every_member_that_is_under_a_constraint() -> None:
    """Counted by another walk through the model than the one that breaks them."""
    broken = {
        (operation, re.sub(r"\.[0-9]+\.member", "[]", constraint.path))
        for operation in swf_model.OPERATIONS
        for constraint in swf_model.constraints(operation)
    }
    bounded = {
        (operation, path)
        for operation in swf_model.OPERATIONS
        for path, shape, required in members_of(swf_model.input_of(operation))
        if required or bounds_of(shape)
    }
    assert bounded <= broken
    assert {path for _, path in broken - bounded} == {"decisions[]", "tags[]"}, (
        "a null in a list of structures"
    )


def members_of(shape: Any, path: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Path, shape and whether it is required, of every member however deep."""
    if shape.type_name == "list" and shape.member.type_name == "structure":
        yield from members_of(shape.member, f"{path}[]")
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            inner = f"{path}.{name}" if path else name
            yield inner, member, name in shape.required_members
            yield from members_of(member, inner)


def bounds_of(shape: Any) -> bool:
    """Whether it has a length, a range or an enum that a value can break."""
    raw = swf_model.RAW["shapes"]
    own = raw[shape.name]
    if own["type"] == "list" and raw[own["member"]["shape"]]["type"] != "structure":
        own = {**own, **raw[own["member"]["shape"]]}  # a list of texts is refused as a whole
    return (
        "enum" in own
        or "max" in own
        or (own.get("min", 0) > 0)
        or (own["type"] == "integer" and "min" in own)
    )
