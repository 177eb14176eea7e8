"""The calls of one tenant: every operation and decision, with names that all tenants share and texts of its own.

Owns the order of calls; the player carries them out and sends back the answers. Every free text holds the tenant's
mark, so that a leaked text is recognised in any answer.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from tests.world_fixture import ROLE, decision


class Call(NamedTuple):
    """One request; `refused` says that the answer is a fault."""

    operation: str
    members: dict[str, Any]
    refused: bool = False


Story = Generator[Call, Any, Any]

DOMAIN = "shared"
LIST = {"name": "shared"}
WORKFLOW = {"name": "shared", "version": "1"}
ACTIVITY = {"name": "shared", "version": "1"}
EVER = {"startTimeFilter": {"oldestDate": 0}}


def story(mark: str) -> Story:
    """All calls."""
    yield from names(mark)
    yield from listings(mark)
    yield from tags(mark)
    yield from retired_types(mark)
    yield from runs(mark)
    yield from visibility(mark)
    yield from refusals(mark)


def ask(operation: str, **members: Any) -> Call:
    """Within the domain that all share."""
    return Call(operation, {"domain": DOMAIN} | members)


def names(mark: str) -> Story:
    for name in (DOMAIN, f"own {mark}", f"old {mark}"):
        yield Call(
            "RegisterDomain",
            {
                "name": name,
                "description": f"domain {mark}",
                "workflowExecutionRetentionPeriodInDays": "7",
                "tags": [{"key": "owner", "value": mark}],
            },
        )
    yield Call("DeprecateDomain", {"name": f"old {mark}"})
    yield Call("DeprecateDomain", {"name": f"own {mark}"})
    yield Call("UndeprecateDomain", {"name": f"own {mark}"})
    for name in ("shared", f"own {mark}", f"old {mark}"):
        yield ask(
            "RegisterWorkflowType",
            name=name,
            version="1",
            description=f"workflow {mark}",
            defaultTaskList=LIST,
            defaultChildPolicy="TERMINATE",
            defaultTaskStartToCloseTimeout="NONE",
            defaultExecutionStartToCloseTimeout="86400",
            defaultLambdaRole=f"{ROLE}-{mark}",
        )
        yield ask(
            "RegisterActivityType",
            name=name,
            version="1",
            description=f"activity {mark}",
            defaultTaskList=LIST,
            defaultTaskScheduleToStartTimeout="NONE",
            defaultTaskScheduleToCloseTimeout="NONE",
            defaultTaskStartToCloseTimeout="NONE",
            defaultTaskHeartbeatTimeout="NONE",
        )


def pages(operation: str, **members: Any) -> Story:
    """One item a page, to the end."""
    page: dict[str, Any] = {"nextPageToken": None}
    while "nextPageToken" in page:
        page = yield Call(
            operation, members | {"maximumPageSize": 1, "nextPageToken": page["nextPageToken"] or ""}
        )


def listings(mark: str) -> Story:
    yield Call("DescribeDomain", {"name": DOMAIN})
    yield ask("DescribeWorkflowType", workflowType=WORKFLOW)
    yield ask("DescribeActivityType", activityType=ACTIVITY)
    for status in ("REGISTERED", "DEPRECATED"):
        yield from pages("ListDomains", registrationStatus=status)
    yield from pages("ListWorkflowTypes", domain=DOMAIN, registrationStatus="REGISTERED")
    yield from pages("ListActivityTypes", domain=DOMAIN, registrationStatus="REGISTERED", reverseOrder=True)


def tags(mark: str) -> Story:
    described = yield Call("DescribeDomain", {"name": DOMAIN})
    arn = described["domainInfo"]["arn"]
    yield Call("TagResource", {"resourceArn": arn, "tags": [{"key": f"key {mark}", "value": "v"}]})
    yield Call("ListTagsForResource", {"resourceArn": arn})
    yield Call("UntagResource", {"resourceArn": arn, "tagKeys": [f"key {mark}", "unknown"]})
    yield Call("ListTagsForResource", {"resourceArn": arn})


def retired_types(mark: str) -> Story:
    old = {"name": f"old {mark}", "version": "1"}
    own = {"name": f"own {mark}", "version": "1"}
    for kind in ("Workflow", "Activity"):
        member = f"{kind.lower()}Type"
        yield ask(f"Deprecate{kind}Type", **{member: old})
        yield ask(f"Delete{kind}Type", **{member: old})
        yield ask(f"Deprecate{kind}Type", **{member: own})
        yield ask(f"List{kind}Types", registrationStatus="DEPRECATED")
        yield ask(f"Undeprecate{kind}Type", **{member: own})


def start(workflow_id: str, mark: str) -> Call:
    return ask(
        "StartWorkflowExecution",
        workflowId=workflow_id,
        workflowType=WORKFLOW,
        input=f"input {mark}",
        tagList=["shared", f"tag {mark}"],
    )


def decide(mark: str, *decisions: dict[str, Any]) -> Story:
    """The next decision task of the shared list, its history page by page."""
    asked = {"taskList": LIST, "identity": f"decider {mark}", "maximumPageSize": 2}
    yield ask("CountPendingDecisionTasks", taskList=LIST)
    task = yield ask("PollForDecisionTask", **asked)
    token, page = task["taskToken"], task
    while "nextPageToken" in page:
        page = yield ask("PollForDecisionTask", **asked, nextPageToken=page["nextPageToken"])
    yield Call(
        "RespondDecisionTaskCompleted",
        {"taskToken": token, "decisions": list(decisions), "executionContext": f"context {mark}"},
    )
    return task["workflowExecution"]


def activity(id: str, mark: str) -> dict[str, Any]:
    return decision(
        "ScheduleActivityTask",
        activityId=id,
        activityType=ACTIVITY,
        input=f"work {mark}",
        control=f"control {mark}",
    )


def runs(mark: str) -> Story:
    """Two runs of shared workflowIds; one speaks to the other, and to a child that closes."""
    yield start("target", mark)
    yield from decide(mark)
    yield start("main", mark)
    others = {"workflowId": "target", "control": f"control {mark}"}
    yield from decide(
        mark,
        *(activity(str(number), mark) for number in range(4)),
        decision("RecordMarker", markerName=f"marker {mark}", details=f"details {mark}"),
        decision("StartTimer", timerId="t", startToFireTimeout="3600", control=f"timer {mark}"),
        decision("StartTimer", timerId="u", startToFireTimeout="3600"),
        decision("CancelTimer", timerId="u"),
        decision("CancelTimer", timerId=f"unknown {mark}"),
        decision("RequestCancelActivityTask", activityId="3"),
        decision(
            "ScheduleLambdaFunction", id="f", name=f"echo-{mark}", input=f'"event {mark}"', control=mark
        ),
        decision("SignalExternalWorkflowExecution", signalName=f"signal {mark}", input=mark, **others),
        decision("RequestCancelExternalWorkflowExecution", **others),
        decision(
            "StartChildWorkflowExecution",
            workflowId="child",
            workflowType=WORKFLOW,
            input=f"child {mark}",
            taskList={"name": "children"},
        ),
        decision(
            "StartChildWorkflowExecution", workflowId="none", workflowType={"name": mark, "version": "1"}
        ),
    )
    yield from activities(mark)
    yield from child(mark)
    yield ask("SignalWorkflowExecution", workflowId="main", signalName=f"signal {mark}", input=f"in {mark}")
    yield ask("RequestCancelWorkflowExecution", workflowId="target")
    yield from endings(mark)


def activities(mark: str) -> Story:
    """One ends well, one badly, one canceled; the last is still open when its run ends."""
    yield ask("CountPendingActivityTasks", taskList=LIST)
    for operation, members in (
        ("RespondActivityTaskCompleted", {"result": f"result {mark}"}),
        ("RespondActivityTaskFailed", {"reason": f"reason {mark}", "details": f"details {mark}"}),
        ("RespondActivityTaskCanceled", {"details": f"details {mark}"}),
    ):
        task = yield ask("PollForActivityTask", taskList=LIST, identity=f"worker {mark}")
        token = {"taskToken": task["taskToken"]}
        yield Call("RecordActivityTaskHeartbeat", token | {"details": f"progress {mark}"})
        yield Call(operation, token | members)
        yield Call("RecordActivityTaskHeartbeat", token, refused=True)


def child(mark: str) -> Story:
    task = yield ask("PollForDecisionTask", taskList={"name": "children"}, identity=f"child {mark}")
    failed = decision("FailWorkflowExecution", reason=f"reason {mark}", details=f"details {mark}")
    yield Call("RespondDecisionTaskCompleted", {"taskToken": task["taskToken"], "decisions": [failed]})


def endings(mark: str) -> Story:
    """`main` continues and then completes; `target` is canceled; a third is terminated."""
    endings = {
        "main": decision("ContinueAsNewWorkflowExecution", input=f"again {mark}", tagList=[f"tag {mark}"]),
        "target": decision("CancelWorkflowExecution", details=f"details {mark}"),
        "again": decision("CompleteWorkflowExecution", result=f"result {mark}"),
    }
    while endings:
        task = yield ask("PollForDecisionTask", taskList=LIST, identity=f"decider {mark}")
        name = task["workflowExecution"]["workflowId"]
        ending = endings.pop(name if name in endings else "again")
        yield Call("RespondDecisionTaskCompleted", {"taskToken": task["taskToken"], "decisions": [ending]})
    yield start("ended", mark)
    reason = {"reason": f"reason {mark}", "details": f"details {mark}"}
    yield ask("TerminateWorkflowExecution", workflowId="ended", **reason)
    yield start("open", mark)
    yield start("open too", mark)


def visibility(mark: str) -> Story:
    for state in ("Open", "Closed"):
        yield ask(f"Count{state}WorkflowExecutions", **EVER)
        yield ask(f"Count{state}WorkflowExecutions", **EVER, tagFilter={"tag": "shared"})
        yield from pages(f"List{state}WorkflowExecutions", domain=DOMAIN, **EVER)
        yield from pages(
            f"List{state}WorkflowExecutions", domain=DOMAIN, **EVER, tagFilter={"tag": f"tag {mark}"}
        )
        listed = yield ask(f"List{state}WorkflowExecutions", **EVER)
        for info in listed["executionInfos"]:
            named = info["execution"]
            yield ask("DescribeWorkflowExecution", execution=named)
            yield from pages("GetWorkflowExecutionHistory", domain=DOMAIN, execution=named, reverseOrder=True)


def refusals(mark: str) -> Story:
    """Faults have texts too."""
    unknown = {"name": f"unknown {mark}", "version": "1"}
    yield Call("DescribeDomain", {"name": f"unknown {mark}"}, refused=True)
    yield Call(
        "RegisterDomain", {"name": DOMAIN, "workflowExecutionRetentionPeriodInDays": "7"}, refused=True
    )
    yield ask("RegisterActivityType", **ACTIVITY)._replace(refused=True)
    yield ask("DescribeWorkflowType", workflowType=unknown)._replace(refused=True)
    yield start("open", mark)._replace(refused=True)
    yield ask("TerminateWorkflowExecution", workflowId=f"unknown {mark}")._replace(refused=True)
    yield Call("RespondActivityTaskCompleted", {"taskToken": f"token {mark}"}, refused=True)
    yield ask("ListOpenWorkflowExecutions", **EVER, nextPageToken=f"token {mark}")._replace(refused=True)
