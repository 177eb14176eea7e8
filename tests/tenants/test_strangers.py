"""Ids, tokens and ARNs of another tenant are answered like ones that never existed.

Every operation that takes such a name is tried with a real one of another tenant and with one that is made up, by a
stranger who has a domain, runs and lists of the same names. The answers are alike, and nothing changes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import pytest

from tests.tenants.play import Refusal
from tests.world_fixture import LIST, WORKFLOW, Stage, attributes, decision
from workflowsvc.faults import Fault
from workflowsvc.model.shapes import OPERATIONS
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

OWNER = Tenant("111111111111", "us-east-1")
STRANGERS = [Tenant("222222222222", "us-east-1"), Tenant("111111111111", "eu-west-1")]
MADE_UP_RUN = "22" + b64encode(bytes(range(32))).decode()
MADE_UP_TOKEN = b64encode(bytes(range(100))).decode()
EVER: dict[str, Any] = {"startTimeFilter": {"oldestDate": 0}}

# Operations with a domain, by the members that let them answer with several pages.
PAGED: dict[str, dict[str, Any]] = {
    "ListActivityTypes": {"domain": "d", "registrationStatus": "REGISTERED"},
    "ListWorkflowTypes": {"domain": "d", "registrationStatus": "REGISTERED"},
    "ListDomains": {"registrationStatus": "REGISTERED"},
    "ListOpenWorkflowExecutions": {"domain": "d", **EVER},
    "ListClosedWorkflowExecutions": {"domain": "d", **EVER},
    "GetWorkflowExecutionHistory": {"domain": "d"},
    "PollForDecisionTask": {"domain": "d", "taskList": LIST},
}
WITH_TOKENS = (
    "RecordActivityTaskHeartbeat",
    "RespondActivityTaskCanceled",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondDecisionTaskCompleted",
)
WITH_RUNS = (
    "DescribeWorkflowExecution",
    "GetWorkflowExecutionHistory",
    "RequestCancelWorkflowExecution",
    "SignalWorkflowExecution",
    "TerminateWorkflowExecution",
)
WITH_ARNS = ("ListTagsForResource", "TagResource", "UntagResource")


def test_every_operation_that_takes_a_name_of_the_service_is_tried() -> None:
    takes = {
        operation
        for operation, shape in OPERATIONS.items()
        if shape.input.__struct_fields__
        and {"next_page_token", "task_token", "run_id", "execution", "resource_arn"}
        & set(shape.input.__struct_fields__)
    }
    assert takes == {*PAGED, *WITH_TOKENS, *WITH_RUNS, *WITH_ARNS}


@pytest.fixture(params=STRANGERS, ids=["another account", "another region"])
def stranger(request: pytest.FixtureRequest) -> Stage:
    return fill(Stage(World(), tenant=request.param))


@pytest.fixture
def owner(stranger: Stage) -> Stage:
    return fill(Stage(stranger.world, tenant=OWNER))


def fill(on: Stage) -> Stage:
    """Adds more than one of each kind, so that every list has several pages."""
    on.call("RegisterDomain", name="d2", workflowExecutionRetentionPeriodInDays="1")
    on.ask("RegisterActivityType", name="another", version="1")
    on.ask("RegisterWorkflowType", name="another", version="1")
    for name in ("closed", "closed too"):
        on.start(name)
        on.ask("TerminateWorkflowExecution", workflowId=name)
    on.start("w2", taskList={"name": "elsewhere"})
    return on


def tried(on: Stage, operation: str, members: dict[str, Any]) -> Any:
    try:
        return on.call(operation, **members)
    except Fault as fault:
        return Refusal(fault.code, fault.message)


def state(on: Stage) -> list[Any]:
    """All that a tenant can know of its runs."""
    known: list[Any] = []
    for which in ("Open", "Closed"):
        listed = on.ask(f"List{which}WorkflowExecutions", **EVER)["executionInfos"]
        known.append(listed)
        known += [on.history(info["execution"]["runId"], info["execution"]["workflowId"]) for info in listed]
    known.append(on.ask("CountPendingDecisionTasks", taskList=LIST))
    known.append(on.ask("CountPendingActivityTasks", taskList=LIST))
    return known


def with_run(operation: str, run_id: str) -> dict[str, Any]:
    named = {"workflowId": "w", "runId": run_id}
    if operation in ("DescribeWorkflowExecution", "GetWorkflowExecutionHistory"):
        return {"domain": "d", "execution": named}
    return {"domain": "d", **named} | ({"signalName": "s"} if operation.startswith("Signal") else {})


@pytest.mark.parametrize("operation", WITH_RUNS)
def test_the_run_of_another_is_unknown(owner: Stage, stranger: Stage, operation: str) -> None:
    run_id = owner.start()
    before = state(owner)
    answers = []
    for attempt in (run_id, MADE_UP_RUN):
        answer = tried(stranger, operation, with_run(operation, attempt))
        assert isinstance(answer, Refusal)
        assert answer.message is not None
        answers.append((answer.code, answer.message.replace(attempt, "…")))
    assert answers[0] == answers[1]
    assert answers[0] == (
        "UnknownResourceFault",
        "Unknown execution: WorkflowExecution=[workflowId=w, runId=…]",
    )
    assert state(owner) == before
    tried_by_owner = tried(owner, operation, with_run(operation, run_id))
    assert not isinstance(tried_by_owner, Refusal)


@pytest.mark.parametrize("operation", WITH_TOKENS)
def test_the_task_token_of_another_is_no_token(owner: Stage, stranger: Stage, operation: str) -> None:
    owner.start()
    stranger.start()
    kind = "decision" if "Decision" in operation else "activity"
    tokens = {}
    for on in (owner, stranger):
        task = on.next_task()
        if kind == "activity":
            schedule = decision(
                "ScheduleActivityTask", activityId="a", activityType={"name": "activity", "version": "1"}
            )
            on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[schedule])
            task = on.ask("PollForActivityTask", taskList=LIST)
        tokens[on] = task["taskToken"]
    before = state(owner)
    for attempt in (tokens[owner], MADE_UP_TOKEN, "nonsense"):
        answer = tried(stranger, operation, {"taskToken": attempt})
        assert answer == Refusal("ValidationException", "Invalid token")
    assert state(owner) == before
    assert not isinstance(tried(stranger, operation, {"taskToken": tokens[stranger]}), Refusal)
    assert not isinstance(tried(owner, operation, {"taskToken": tokens[owner]}), Refusal)


@pytest.mark.parametrize("operation", sorted(PAGED))
def test_the_page_token_of_another_is_no_token(owner: Stage, stranger: Stage, operation: str) -> None:
    first: dict[Stage, Any] = {}
    for on in (owner, stranger):
        run_id = on.start()
        members = PAGED[operation] | {"maximumPageSize": 1}
        if operation == "GetWorkflowExecutionHistory":
            members["execution"] = {"workflowId": "w", "runId": run_id}
        page = on.call(operation, **members)
        first[on] = members | {"nextPageToken": page["nextPageToken"]}
    refused = Refusal("ValidationException", "Invalid token")
    stolen = first[stranger] | {"nextPageToken": first[owner]["nextPageToken"]}
    assert tried(stranger, operation, stolen) == refused
    assert tried(stranger, operation, stolen | {"nextPageToken": MADE_UP_TOKEN}) == refused
    whole = tried(stranger, operation, first[owner])
    assert whole == refused or (operation, whole.code) == (
        "GetWorkflowExecutionHistory",
        "UnknownResourceFault",
    )
    for on in (owner, stranger):
        assert not isinstance(tried(on, operation, first[on]), Refusal)


@pytest.mark.parametrize("operation", WITH_ARNS)
def test_the_domain_of_another_has_no_tags_for_strangers(
    owner: Stage, stranger: Stage, operation: str
) -> None:
    arn = owner.call("DescribeDomain", name="d")["domainInfo"]["arn"]
    assert re.fullmatch(r"arn:aws:swf:us-east-1:111111111111:/domain/d", arn)
    owner.call("TagResource", resourceArn=arn, tags=[{"key": "k", "value": "v"}])
    more: dict[str, Any] = {
        "TagResource": {"tags": [{"key": "k", "value": "stolen"}]},
        "UntagResource": {"tagKeys": ["k"]},
        "ListTagsForResource": {},
    }[operation]
    own = stranger.call("DescribeDomain", name="d")["domainInfo"]["arn"]
    for attempt in (arn, own + "-unknown"):
        answer = tried(stranger, operation, {"resourceArn": attempt} | more)
        assert answer == Refusal("UnknownResourceFault", f"Unknown resource: {attempt}")
    assert owner.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    assert stranger.call("ListTagsForResource", resourceArn=own)["tags"] == []


@pytest.mark.parametrize(
    ("decision_type", "failed"),
    [
        ("SignalExternalWorkflowExecution", "SignalExternalWorkflowExecutionFailed"),
        ("RequestCancelExternalWorkflowExecution", "RequestCancelExternalWorkflowExecutionFailed"),
    ],
)
@pytest.mark.parametrize("with_run_id", [True, False])
def test_a_message_never_leaves_its_tenant(
    owner: Stage, stranger: Stage, decision_type: str, failed: str, with_run_id: bool
) -> None:
    target = owner.start("only the owner's")
    before = state(owner)
    run_id = stranger.start()
    members: dict[str, Any] = {"workflowId": "only the owner's"} | ({"runId": target} if with_run_id else {})
    if decision_type.startswith("Signal"):
        members["signalName"] = "s"
    stranger.decide(decision(decision_type, **members))
    causes = [
        attributes(event)["cause"] for event in stranger.history(run_id) if event["eventType"] == failed
    ]
    assert causes == ["UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"]
    assert state(owner) == before


def test_a_workflow_id_of_another_is_free(owner: Stage, stranger: Stage) -> None:
    owner.start("w")
    assert stranger.start("w")
    run_id = stranger.start("parent")
    owner.start("child")
    stranger.next_task()
    stranger.decide(decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW))
    assert "ChildWorkflowExecutionStarted" in stranger.types(run_id, "parent")


def test_a_poll_never_gets_the_task_of_another(owner: Stage, stranger: Stage) -> None:
    """Lists of one name belong to their domain, and so to their tenant."""
    waiting = stranger.world.poll("PollForDecisionTask", stranger.tenant, domain="d", taskList=LIST)
    owner.start()
    assert not waiting.done
    run_id = stranger.start()
    assert waiting.result()["workflowExecution"] == {"workflowId": "w", "runId": run_id}
    assert owner.next_task()["startedEventId"] == 3


def test_a_policy_reaches_only_own_children(owner: Stage, stranger: Stage) -> None:
    for on in (owner, stranger):
        on.start("parent", childPolicy="TERMINATE")
        on.decide(decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW))
    stranger.ask("TerminateWorkflowExecution", workflowId="parent")
    opened = {"executionFilter": {"workflowId": "child"}, **EVER}
    assert owner.ask("CountOpenWorkflowExecutions", **opened)["count"] == 1
    assert stranger.ask("CountOpenWorkflowExecutions", **opened)["count"] == 0


def test_a_deprecated_domain_is_deprecated_for_its_tenant_alone(owner: Stage, stranger: Stage) -> None:
    stranger.call("DeprecateDomain", name="d")
    assert owner.start()
    assert owner.ask("DescribeWorkflowType", workflowType=WORKFLOW)["typeInfo"]["status"] == "REGISTERED"
