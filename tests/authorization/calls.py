"""A call of every action, and the condition keys that it must have, with their effective values.

Owns the table that `test_every_action.py` walks: written from AWS's documents (SWF §13.2, QUALITY §4.1), not from the
vocabulary that is under test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.authorization.guarded import LIST, D, Guarded
from tests.support.access import TENANT
from tests.world_fixture import ACTIVITY, WORKFLOW, decision

ACCOUNT = TENANT.domain_arn("*")
TAGS = {f"swf:{key}.{at}": f"t{at}" for key in ("tagList.member", "tagList") for at in range(5)}
ACTIVITY_KEYS = {"swf:activityType.name": "activity", "swf:activityType.version": "1"}
WORKFLOW_KEYS = {"swf:workflowType.name": "workflow", "swf:workflowType.version": "1"}
ON_LIST = {"swf:taskList.name": "list"}
GLOBAL = {
    "aws:SourceIp": "192.0.2.7",
    "aws:UserAgent": "a test",
    "aws:SecureTransport": "true",
    "aws:PrincipalAccount": TENANT.account,
    "aws:PrincipalArn": f"arn:aws:iam::{TENANT.account}:user/ann",
    "aws:username": "ann",
    "aws:userid": "AIDAANN",
    "aws:PrincipalTag/Role": "tester",
}
OF_DOMAIN = {"aws:ResourceTag/team": "orders"}
SINCE_EVER = {"oldestDate": 0}


class Case(NamedTuple):
    members: dict[str, Any]
    keys: Mapping[str, str] = {}
    """Beside those of every call on domain `d`."""
    resource: str = D
    tagged: bool = True
    """Whether it is about domain `d`, which has a tag."""


def _run(guarded: Guarded) -> Case:
    return Case({"domain": "d", "execution": guarded.start()})


def _workflow_id(guarded: Guarded) -> Case:
    guarded.start()
    return Case({"domain": "d", "workflowId": "w"})


def _signal(guarded: Guarded) -> Case:
    case = _workflow_id(guarded)
    return case._replace(members=case.members | {"signalName": "s"})


def _closed_run(guarded: Guarded) -> Case:
    case = _run(guarded)
    guarded.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    return case


def _decision_task(guarded: Guarded) -> Case:
    guarded.start()
    return Case({"taskToken": guarded.decision_task()["taskToken"]})


def _activity_task(guarded: Guarded) -> Case:
    guarded.start()
    activity = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY)
    guarded.decide(guarded.decision_task(), activity)
    task = guarded.call("PollForActivityTask", domain="d", taskList=LIST)
    return Case({"taskToken": task["taskToken"]})


def _deprecated(kind: str) -> Callable[[Guarded], Case]:
    def make(guarded: Guarded) -> Case:
        case = _of_type(kind)(guarded)
        guarded.call(f"Deprecate{kind}Type", **case.members)
        return case

    return make


def _of_type(kind: str) -> Callable[[Guarded], Case]:
    if kind == "Workflow":
        return always({"domain": "d", "workflowType": WORKFLOW}, WORKFLOW_KEYS)
    return always({"domain": "d", "activityType": ACTIVITY}, ACTIVITY_KEYS)


def always(
    members: dict[str, Any], keys: dict[str, str] | None = None, resource: str = D, *, tagged: bool = True
) -> Callable[[Guarded], Case]:
    return lambda guarded: Case(members, keys or {}, resource, tagged)


def _batch(guarded: Guarded) -> Case:
    guarded.start()
    batch = guarded.call(
        "WorkflowSvc.StartBatch", domain="d", operation="SIGNAL", signalName="s", reason="r", all=True
    )
    return Case({"domain": "d", "batchId": batch["batchId"]})


def _updated_batch(guarded: Guarded) -> Case:
    case = _batch(guarded)
    return case._replace(members=case.members | {"ratePerSecond": 5})


def _register(kind: str) -> Callable[[Guarded], Case]:
    keys = {"swf:name": "new", "swf:version": "2", "swf:defaultTaskList.name": "list"}
    return always({"domain": "d", "name": "new", "version": "2", "defaultTaskList": LIST}, keys)


_TYPES = always({"domain": "d", "registrationStatus": "REGISTERED"})
_TAG_FILTER = {"swf:tagFilter.tag": "t"}
_TYPE_FILTER = {"swf:typeFilter.name": "workflow", "swf:typeFilter.version": "1"}
_OPEN = {"domain": "d", "startTimeFilter": SINCE_EVER}

SWF_CALLS: dict[str, Callable[[Guarded], Case]] = {
    "RegisterDomain": always(
        {
            "name": "new",
            "workflowExecutionRetentionPeriodInDays": "1",
            "tags": [{"key": "Cost", "value": "7"}],
        },
        {"aws:RequestTag/cost": "7"},
        TENANT.domain_arn("new"),
        tagged=False,
    ),
    "DescribeDomain": always({"name": "d"}),
    "ListDomains": always({"registrationStatus": "REGISTERED"}, None, ACCOUNT, tagged=False),
    "DeprecateDomain": always({"name": "d"}),
    "UndeprecateDomain": always({"name": "d"}),
    "TagResource": always(
        {"resourceArn": D, "tags": [{"key": "Cost", "value": "7"}]}, {"aws:RequestTag/cost": "7"}
    ),
    "UntagResource": always({"resourceArn": D, "tagKeys": ["Cost"]}),
    "ListTagsForResource": always({"resourceArn": D}),
    "RegisterWorkflowType": _register("workflow"),
    "DescribeWorkflowType": _of_type("Workflow"),
    "ListWorkflowTypes": _TYPES,
    "DeprecateWorkflowType": _of_type("Workflow"),
    "UndeprecateWorkflowType": _deprecated("Workflow"),
    "DeleteWorkflowType": _deprecated("Workflow"),
    "RegisterActivityType": _register("activity"),
    "DescribeActivityType": _of_type("Activity"),
    "ListActivityTypes": _TYPES,
    "DeprecateActivityType": _of_type("Activity"),
    "UndeprecateActivityType": _deprecated("Activity"),
    "DeleteActivityType": _deprecated("Activity"),
    # The task list is that of the type: the request has none.
    "StartWorkflowExecution": always(
        {
            "domain": "d",
            "workflowId": "new",
            "workflowType": WORKFLOW,
            "tagList": [f"t{at}" for at in range(5)],
        },
        WORKFLOW_KEYS | ON_LIST | TAGS,
    ),
    "SignalWorkflowExecution": _signal,
    "RequestCancelWorkflowExecution": _workflow_id,
    "TerminateWorkflowExecution": _workflow_id,
    "DescribeWorkflowExecution": _run,
    "GetWorkflowExecutionHistory": _run,
    "ListOpenWorkflowExecutions": always(_OPEN | {"tagFilter": {"tag": "t"}}, _TAG_FILTER),
    "ListClosedWorkflowExecutions": always(_OPEN | {"typeFilter": WORKFLOW}, _TYPE_FILTER),
    "CountOpenWorkflowExecutions": always(_OPEN | {"typeFilter": WORKFLOW}, _TYPE_FILTER),
    "CountClosedWorkflowExecutions": always(_OPEN | {"tagFilter": {"tag": "t"}}, _TAG_FILTER),
    "PollForDecisionTask": always({"domain": "d", "taskList": LIST}, ON_LIST),
    "PollForActivityTask": always({"domain": "d", "taskList": LIST}, ON_LIST),
    "CountPendingDecisionTasks": always({"domain": "d", "taskList": LIST}, ON_LIST),
    "CountPendingActivityTasks": always({"domain": "d", "taskList": LIST}, ON_LIST),
    "RespondDecisionTaskCompleted": _decision_task,
    "RespondActivityTaskCompleted": _activity_task,
    "RespondActivityTaskFailed": _activity_task,
    "RespondActivityTaskCanceled": _activity_task,
    "RecordActivityTaskHeartbeat": _activity_task,
}

OWN_CALLS: dict[str, Callable[[Guarded], Case]] = {
    "DescribeService": always({}, None, ACCOUNT, tagged=False),
    "ListLogLevels": always({}, None, ACCOUNT, tagged=False),
    "SetLogLevel": always({"part": "SLOW"}, None, ACCOUNT, tagged=False),
    "DescribeClock": always({"domain": "d"}),
    "AdvanceClock": always({"domain": "d", "seconds": 1}),
    "FreezeClock": always({"domain": "d"}),
    "RunClock": always({"domain": "d"}),
    "SkipClock": always({"domain": "d"}),
    "PutRetentionRule": always({"domain": "d", "days": 7}),
    "DeleteRetentionRule": always({"domain": "d"}),
    "DescribeRetention": always({"domain": "d"}),
    "SetFeed": always({"domain": "d", "status": "ON"}),
    "DescribeFeed": always({"domain": "d"}),
    "ReadFeed": always({"domain": "d", "begin": "OLDEST"}),
    "CreateWebhook": always({"domain": "d", "name": "w", "url": "http://127.0.0.1:9/"}),
    "DeleteWebhook": always({"domain": "d", "name": "w"}),
    "ListWebhooks": always({"domain": "d"}),
    "TestWebhook": always({"domain": "d", "name": "w"}),
    "ListDeadLetters": always({"domain": "d", "name": "w"}),
    "ResendDeadLetters": always({"domain": "d", "name": "w", "ids": [1]}),
    "DeleteDeadLetters": always({"domain": "d", "name": "w", "ids": [1]}),
    "DescribeExecutionState": _run,
    "ExplainExecution": _run,
    "RerunExecution": _closed_run,
    "DeleteExecution": _closed_run,
    "DeleteDomain": always({"domain": "d", "force": True}),
    "ImportHistory": always(
        {"domain": "new", "workflowId": "w", "history": "{"}, None, TENANT.domain_arn("new"), tagged=False
    ),
    "StartBatch": always({"domain": "d", "operation": "TERMINATE", "reason": "r", "all": True}),
    "DescribeBatch": _batch,
    "ListBatches": always({"domain": "d"}),
    "UpdateBatch": _updated_batch,
    "StopBatch": _batch,
    "ExplainDomain": always({"domain": "d"}),
    "SearchExecutions": always({"domain": "d"}),
    "CountExecutions": always({"domain": "d"}),
    "ListTaskLists": always({"domain": "d"}),
    "DescribeTaskList": always({"domain": "d", "kind": "DECISION", "taskList": LIST}),
}

IAM = f"arn:aws:iam::{TENANT.account}:"
_ABOUT_USER, _ABOUT_GROUP, _ABOUT_POLICY = f"{IAM}user/bob", f"{IAM}group/deciders", f"{IAM}policy/p"
_ALL_POLICIES = f"{IAM}policy/*"
_USER, _GROUP, _POLICY = {"name": "bob"}, {"name": "deciders"}, {"name": "p"}
_KEY = {"userName": "bob", "accessKeyId": "AKIANONE"}
_MEMBER = {"userName": "bob", "groupName": "deciders"}
_TEXT = {"text": '{"Version": "2012-10-17", "Statement": []}'}


def _about(resource: str, members: dict[str, Any]) -> Callable[[Guarded], Case]:
    return always(members, None, resource, tagged=False)


ADMINISTRATION_CALLS: dict[str, Callable[[Guarded], Case]] = {
    "CreateUser": _about(_ABOUT_USER, _USER),
    "DescribeUser": _about(_ABOUT_USER, _USER),
    "ListUsers": _about(ACCOUNT, {}),
    "DeleteUser": _about(_ABOUT_USER, _USER),
    "TagUser": _about(_ABOUT_USER, _USER | {"tags": [{"key": "a", "value": "1"}]}),
    "UntagUser": _about(_ABOUT_USER, _USER | {"tagKeys": ["a"]}),
    "CreateAccessKey": _about(_ABOUT_USER, {"userName": "bob"}),
    "UpdateAccessKey": _about(_ABOUT_USER, _KEY | {"status": "INACTIVE"}),
    "DeleteAccessKey": _about(_ABOUT_USER, _KEY),
    "ListAccessKeys": _about(_ABOUT_USER, {"userName": "bob"}),
    "IssueTemporaryKey": _about(_ABOUT_USER, {"userName": "bob"}),
    "CreateGroup": _about(_ABOUT_GROUP, _GROUP),
    "DescribeGroup": _about(_ABOUT_GROUP, _GROUP),
    "ListGroups": _about(ACCOUNT, {}),
    "DeleteGroup": _about(_ABOUT_GROUP, _GROUP),
    "AddUserToGroup": _about(_ABOUT_GROUP, _MEMBER),
    "RemoveUserFromGroup": _about(_ABOUT_GROUP, _MEMBER),
    "PutPolicy": _about(_ABOUT_POLICY, _POLICY | _TEXT),
    "DescribePolicy": _about(_ABOUT_POLICY, _POLICY),
    "ListPolicies": _about(ACCOUNT, {}),
    "DeletePolicy": _about(_ABOUT_POLICY, _POLICY),
    "AttachPolicy": _about(_ABOUT_GROUP, {"groupName": "deciders", "policyName": "p"}),
    "DetachPolicy": _about(_ABOUT_USER, {"userName": "bob", "policyName": "p"}),
    "PutDomainPolicy": always({"domain": "d", **_TEXT}),
    "DescribeDomainPolicy": always({"domain": "d"}),
    "DeleteDomainPolicy": always({"domain": "d"}),
    "SimulateAccess": _about(_ABOUT_USER, {"userName": "bob", "action": "swf:ListDomains", "resource": "*"}),
    "ExportAccess": _about(_ALL_POLICIES, {}),
    "ImportAccess": _about(_ALL_POLICIES, {"document": "{}"}),
}

CALLS: dict[str, Callable[[Guarded], Case]] = {f"swf:{name}": make for name, make in SWF_CALLS.items()} | {
    f"workflowsvc:{name}": make for name, make in (OWN_CALLS | ADMINISTRATION_CALLS).items()
}
