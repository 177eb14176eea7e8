"""RerunExecution: a new run as a closed one was started, with whatever is given in place of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.own_api.asking import own, state
from tests.own_api.conftest import Stage
from tests.world_fixture import ROLE, WORKFLOW, WorldFixture, attributes, decision
from workflowsvc.faults import (
    DomainDeprecatedFault,
    OperationNotPermittedFault,
    TypeDeprecatedFault,
    UnknownResourceFault,
    ValidationException,
    WorkflowExecutionAlreadyStartedFault,
)

SETTINGS = {
    "input": "two apples",
    "tagList": ["red", "green"],
    "taskList": {"name": "deciders"},
    "taskPriority": "7",
    "executionStartToCloseTimeout": "3600",
    "taskStartToCloseTimeout": "30",
    "childPolicy": "REQUEST_CANCEL",
    "lambdaRole": ROLE,
}


def started(on: WorldFixture, run_id: str, workflow_id: str = "w") -> dict[str, Any]:
    return attributes(on.history(run_id, workflow_id)[0])


def closed(on: WorldFixture, **members: Any) -> str:
    run_id = on.start(**members)
    on.ask("TerminateWorkflowExecution", workflowId="w")
    return run_id


def rerun(on: WorldFixture, **members: Any) -> dict[str, str]:
    return own(on, "RerunExecution", **({"execution": {"workflowId": "w"}} | members))["execution"]


def test_a_rerun_is_started_exactly_as_the_first_run_was(stage: Stage) -> None:
    on = stage()
    first = closed(on, **SETTINGS)
    again = rerun(on, execution={"workflowId": "w", "runId": first})
    assert again["workflowId"] == "w"
    assert again["runId"] != first
    assert started(on, again["runId"]) == started(on, first)
    assert state(on)["execution"] == again


def test_whatever_is_given_takes_the_place_of_the_first_event(stage: Stage) -> None:
    on = stage()
    on.ask("RegisterWorkflowType", name="other", version="2")
    closed(on, **SETTINGS)
    given = {
        "input": "three pears",
        "tagList": ["blue"],
        "taskList": {"name": "others"},
        "taskPriority": "-1",
        "executionStartToCloseTimeout": "60",
        "taskStartToCloseTimeout": "NONE",
        "childPolicy": "ABANDON",
        "lambdaRole": ROLE + "2",
        "workflowType": {"name": "other", "version": "2"},
    }
    again = rerun(on, workflowId="copy", **given)
    assert again["workflowId"] == "copy"
    found = started(on, again["runId"], "copy")
    assert {name: found[name] for name in given} == given


def test_a_child_is_run_again_without_its_parent(stage: Stage) -> None:
    on = stage()
    on.start("parent")
    on.decide(decision("StartChildWorkflowExecution", workflowId="w", workflowType=WORKFLOW, input="i"))
    on.ask("TerminateWorkflowExecution", workflowId="w")
    found = started(on, rerun(on)["runId"])
    assert found["input"] == "i"
    assert found["parentInitiatedEventId"] == 0
    assert "parentWorkflowExecution" not in found


def test_the_newest_run_is_meant_without_a_run_id(stage: Stage) -> None:
    on = stage()
    closed(on, input="old")
    on.world.advance(seconds=1)
    closed(on, input="new")
    assert started(on, rerun(on)["runId"])["input"] == "new"


def test_what_start_refuses_is_refused_here_and_nothing_is_started(stage: Stage) -> None:
    on = stage()
    run_id = closed(on)
    named = {"workflowId": "w", "runId": run_id}
    with pytest.raises(UnknownResourceFault):
        rerun(on, workflowType={"name": "none", "version": "1"})
    with pytest.raises(ValidationException, match="Invalid workflowId: a\x01b"):
        rerun(on, workflowId="a\x01b")
    with pytest.raises(ValidationException, match="executionStartToCloseTimeout"):
        rerun(on, executionStartToCloseTimeout="-1")
    with pytest.raises(ValidationException, match="taskPriority"):
        rerun(on, taskPriority="high")
    on.ask("DeprecateWorkflowType", workflowType=WORKFLOW)
    with pytest.raises(TypeDeprecatedFault):
        rerun(on)
    on.ask("UndeprecateWorkflowType", workflowType=WORKFLOW)
    on.start()
    with pytest.raises(WorkflowExecutionAlreadyStartedFault):
        rerun(on, execution=named)
    on.ask("TerminateWorkflowExecution", workflowId="w")
    on.call("DeprecateDomain", name=on.domain)
    with pytest.raises(DomainDeprecatedFault):
        rerun(on)
    assert own(on, "CountExecutions")["count"] == 2


def test_an_open_or_unknown_run_is_not_run_again(stage: Stage) -> None:
    on = stage()
    on.start()
    with pytest.raises(OperationNotPermittedFault, match="The execution is open"):
        rerun(on)
    with pytest.raises(UnknownResourceFault, match="Unknown execution"):
        rerun(on, execution={"workflowId": "none"})
    with pytest.raises(UnknownResourceFault, match="Unknown domain"):
        on.call("WorkflowSvc.RerunExecution", domain="none", execution={"workflowId": "w"})
