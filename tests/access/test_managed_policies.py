"""What each managed policy gives, action by action; an action that is added must be decided on here."""

from __future__ import annotations

import json

import pytest

from tests.access.asking import DOMAIN, request, verdict
from workflowsvc.access.book import NamedPolicy
from workflowsvc.access.known_names import ACTIONS, OWN_OPERATIONS, SWF_DECISIONS, SWF_OPERATIONS
from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.access.policy_text import parse_policy
from workflowsvc.access.policy_warnings import warnings

WORKER = {
    "swf:PollForActivityTask",
    "swf:RecordActivityTaskHeartbeat",
    "swf:RespondActivityTaskCanceled",
    "swf:RespondActivityTaskCompleted",
    "swf:RespondActivityTaskFailed",
}
DECIDER = {
    "swf:GetWorkflowExecutionHistory",
    "swf:PollForDecisionTask",
    "swf:RespondDecisionTaskCompleted",
    *SWF_DECISIONS,
}
STARTER = {
    "swf:CountClosedWorkflowExecutions",
    "swf:CountOpenWorkflowExecutions",
    "swf:DescribeWorkflowExecution",
    "swf:GetWorkflowExecutionHistory",
    "swf:RequestCancelWorkflowExecution",
    "swf:SignalWorkflowExecution",
    "swf:StartWorkflowExecution",
    "workflowsvc:CountExecutions",
    "workflowsvc:DescribeExecutionState",
}
OWN_READS = {
    "workflowsvc:CountExecutions",
    "workflowsvc:DescribeBatch",
    "workflowsvc:DescribeClock",
    "workflowsvc:DescribeExecutionState",
    "workflowsvc:DescribeFeed",
    "workflowsvc:DescribeRetention",
    "workflowsvc:DescribeService",
    "workflowsvc:DescribeTaskList",
    "workflowsvc:ExplainDomain",
    "workflowsvc:ExplainExecution",
    "workflowsvc:ListBatches",
    "workflowsvc:ListTaskLists",
    "workflowsvc:ReadFeed",
    "workflowsvc:SearchExecutions",
}
OWN_WRITES = {
    "workflowsvc:AdvanceClock",
    "workflowsvc:DeleteDomain",
    "workflowsvc:DeleteExecution",
    "workflowsvc:DeleteRetentionRule",
    "workflowsvc:FreezeClock",
    "workflowsvc:ImportHistory",
    "workflowsvc:PutRetentionRule",
    "workflowsvc:RerunExecution",
    "workflowsvc:RunClock",
    "workflowsvc:SetFeed",
    "workflowsvc:SkipClock",
    "workflowsvc:StartBatch",
    "workflowsvc:StopBatch",
    "workflowsvc:UpdateBatch",
}
READS = {
    name
    for name in SWF_OPERATIONS
    if name.removeprefix("swf:").startswith(("Count", "Describe", "Get", "List"))
} | OWN_READS
GIVES = {
    "SwfFullAccess": {*SWF_OPERATIONS, *SWF_DECISIONS, *OWN_READS, *OWN_WRITES},
    "SwfReadOnly": READS,
    "SwfWorker": WORKER,
    "SwfDecider": DECIDER,
    "SwfStarter": STARTER,
}


@pytest.mark.parametrize("name", GIVES)
def test_a_managed_policy_gives_what_its_name_says(name: str) -> None:
    policy = NamedPolicy(name, MANAGED[name])
    assert {action for action in ACTIONS if verdict(request(action, DOMAIN), policy).allowed} == GIVES[name]
    assert not warnings(policy.policy)


def test_all_are_listed() -> None:
    assert MANAGED.keys() == GIVES.keys()


@pytest.mark.parametrize("name", GIVES)
def test_a_managed_policy_is_a_document_that_can_be_copied(name: str) -> None:
    text = MANAGED[name].text
    assert json.dumps(json.loads(text), indent=2) + "\n" == text
    assert parse_policy(text.replace('"Resource": "*"', f'"Resource": "{DOMAIN}"')).statements


def test_no_managed_policy_gives_the_administration_of_access() -> None:
    """An own operation is in one of the two sets above, or is for administrators alone."""
    administration = set(OWN_OPERATIONS) - OWN_READS - OWN_WRITES
    for name, policy in MANAGED.items():
        for action in administration:
            assert not verdict(
                request(action, "arn:aws:iam::123456789012:user/x"), NamedPolicy(name, policy)
            ).allowed
