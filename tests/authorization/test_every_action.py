"""Every action: permitted, not permitted, and not permitted under a condition on each of its keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from tests.authorization.calls import CALLS, GLOBAL, OF_DOMAIN, Case
from tests.authorization.guarded import Guarded
from tests.conformance.dump import differences, dump
from tests.support.access import TENANT, Statement, allow, deny
from workflowsvc.access.caller import Caller
from workflowsvc.access.vocabulary import ENTRIES
from workflowsvc.core.rules import DECIDE
from workflowsvc.faults import AccessDeniedException, Fault, UnknownResourceFault
from workflowsvc.model import own_shapes, shapes

ALSO = (
    "swf:TerminateWorkflowExecution",
    "swf:DeprecateDomain",
    "swf:StartWorkflowExecution",
    "swf:RegisterDomain",
)
"""What actions of our own carry out besides."""

WALKED = sorted(CALLS)


def test_the_vocabulary_has_every_action_and_every_decision_that_policies_know() -> None:
    actions = {f"swf:{name}" for name in shapes.OPERATIONS} | {
        f"workflowsvc:{name}" for name in own_shapes.OPERATIONS
    }
    decisions = {f"swf:{name}" for name in DECIDE if name != "ScheduleLambdaFunction"}
    assert ENTRIES.keys() == actions | decisions
    assert len(decisions) == 12
    assert all(name == entry.action for name, entry in ENTRIES.items())


def test_a_call_of_every_action_is_walked() -> None:
    assert set(WALKED) == {name for name, entry in ENTRIES.items() if not entry.is_decision}


def outcome(
    guarded: Guarded, action: str, caller: Caller, members: dict[str, Any]
) -> AccessDeniedException | None:
    """The refusal; any other fault shows that the caller was let in."""
    prefix, name = action.split(":")
    try:
        guarded.call(name if prefix == "swf" else f"WorkflowSvc.{name}", caller, **members)
    except AccessDeniedException as denied:
        return denied
    except Fault:
        return None
    return None


def user(guarded: Guarded, action: str, *statements: Statement) -> Caller:
    return guarded.user(*statements, allow(*(set(ALSO) - {action})), tags={"role": "tester"})


@pytest.mark.parametrize("action", WALKED)
def test_without_a_policy_that_allows_it_an_action_is_refused_and_changes_nothing(
    guarded: Guarded, action: str
) -> None:
    case = CALLS[action](guarded)
    caller = user(guarded, action)
    before = dump(guarded.world.store)  # type: ignore[arg-type]
    denied = outcome(guarded, action, caller, case.members)
    assert denied is not None
    assert denied.message == (
        f"User: arn:aws:iam::{TENANT.account}:user/ann is not authorized to perform: {action} on resource: "
        f"{case.resource} because no identity-based policy allows the {action} action"
    )
    assert differences(before, dump(guarded.world.store)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("action", WALKED)
def test_an_action_is_permitted_on_its_resource_alone(guarded: Guarded, action: str) -> None:
    case = CALLS[action](guarded)
    elsewhere = [
        TENANT.domain_arn("other"),
        TENANT.domain_arn("d2"),
        "arn:aws:swf:eu-central-1:999999999999:/domain/*",
    ]
    assert (
        outcome(guarded, action, user(guarded, action, allow(action, on=elsewhere)), case.members) is not None
    )
    assert (
        outcome(guarded, action, user(guarded, action, allow(action, on=case.resource)), case.members) is None
    )


@pytest.mark.parametrize("action", WALKED)
def test_an_explicit_deny_is_named_as_such(guarded: Guarded, action: str) -> None:
    case = CALLS[action](guarded)
    denied = outcome(guarded, action, user(guarded, action, allow("*"), deny(action)), case.members)
    assert str(denied).endswith("with an explicit deny in an identity-based policy")


def keys_of(case: Case) -> dict[str, str]:
    return {**case.keys, **GLOBAL} | (OF_DOMAIN if case.tagged else {})


def condition(key: str, value: str) -> dict[str, Any]:
    operator = {"aws:SourceIp": "IpAddress", "aws:SecureTransport": "Bool"}.get(key, "StringEquals")
    return {operator: {key: value}}


def other_value(key: str) -> str:
    return {"aws:SourceIp": "198.51.100.0/24", "aws:SecureTransport": "false"}.get(key, "other")


@pytest.mark.parametrize("action", WALKED)
def test_each_condition_key_has_its_effective_value(guarded: Guarded, action: str) -> None:
    """With a condition on any other value the action is refused, with one on all these values it is permitted."""
    case = CALLS[action](guarded)
    for key in keys_of(case):
        caller = user(guarded, action, allow(action, **condition(key, other_value(key))))
        assert outcome(guarded, action, caller, case.members) is not None, key
    wanted: dict[str, dict[str, str]] = {}
    for key, value in keys_of(case).items():
        for operator, values in condition(key, value).items():
            wanted.setdefault(operator, {}).update(values)
    assert outcome(guarded, action, user(guarded, action, allow(action, **wanted)), case.members) is None


@pytest.mark.parametrize("action", WALKED)
def test_an_action_has_no_other_condition_key_of_swf(guarded: Guarded, action: str) -> None:
    case = CALLS[action](guarded)
    absent = dict.fromkeys(SWF_KEYS - case.keys.keys(), "true")
    caller = user(guarded, action, allow(action, Null=absent))
    assert outcome(guarded, action, caller, case.members) is None


SWF_KEYS = {
    *(f"swf:tagList.member.{at}" for at in range(5)),
    *(f"swf:tagList.{at}" for at in range(5)),
    *(
        "swf:activityType.name",
        "swf:activityType.version",
        "swf:workflowType.name",
        "swf:workflowType.version",
    ),
    *("swf:workflowTypeVersion", "swf:name", "swf:version", "swf:defaultTaskList.name", "swf:taskList.name"),
    *("swf:tagFilter.tag", "swf:typeFilter.name", "swf:typeFilter.version"),
}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("TagResource", {"resourceArn": TENANT.domain_arn("d"), "tags": [{"key": "Cost", "value": "7"}]}),
        ("UntagResource", {"resourceArn": TENANT.domain_arn("d"), "tagKeys": ["Cost"]}),
        (
            "RegisterDomain",
            {
                "name": "n",
                "workflowExecutionRetentionPeriodInDays": "1",
                "tags": [{"key": "Cost", "value": "7"}],
            },
        ),
    ],
)
def test_the_keys_of_tags_can_be_limited(guarded: Guarded, operation: str, members: dict[str, Any]) -> None:
    limit = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Cost"]}}
    caller = guarded.user(allow("swf:*", **limit))
    guarded.call(operation, caller, **members)
    caller = guarded.user(allow("swf:*", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}))
    guarded.denied(operation, caller, **members)


@pytest.mark.parametrize("condition", ["aws:TagKeys", "aws:RequestTag/k"])
def test_more_tags_than_a_domain_may_have_are_not_held_against_policies(
    guarded: Guarded, condition: str
) -> None:
    """A megabyte of them would keep the event loop busy for a quarter of a second."""
    arn = TENANT.domain_arn("d")
    forbidden = deny("swf:*", **{"ForAnyValue:StringEquals": {condition: "x"}})
    caller = guarded.user(allow("swf:*"), forbidden)
    tags = [{"key": f"k{number}", "value": ""} for number in range(51)]
    guarded.call("TagResource", caller, resourceArn=arn, tags=tags[:45])
    guarded.denied("TagResource", caller, resourceArn=arn, tags=tags)
    if condition == "aws:TagKeys":
        keys = [tag["key"] for tag in tags]
        guarded.call("UntagResource", caller, resourceArn=arn, tagKeys=keys[:50])
        guarded.denied("UntagResource", caller, resourceArn=arn, tagKeys=keys)


def test_a_verdict_of_one_region_does_not_count_in_another(guarded: Guarded) -> None:
    """The ARN of a domain can be given to a call of any region, where it names none and has no policy."""
    caller = guarded.user(allow("swf:*"))
    guarded.users.give_domain("d", deny("swf:TagResource") | {"Principal": {"AWS": "*"}})
    request = {"resourceArn": TENANT.domain_arn("d"), "tags": [{"key": "k", "value": "v"}]}
    elsewhere = structs.replace(caller, tenant=TENANT._replace(region="eu-west-1"))
    with pytest.raises(UnknownResourceFault):
        guarded.call("TagResource", elsewhere, **request)
    guarded.denied("TagResource", caller, **request)


def test_times_are_those_of_the_call(guarded: Guarded) -> None:
    """A verdict that depends on the time is never kept."""
    until = {"DateLessThan": {"aws:CurrentTime": "2012-01-25T00:00:30Z"}}
    caller = guarded.user(allow("swf:DescribeDomain", **until))
    guarded.call("DescribeDomain", caller, name="d")
    guarded.world.advance(seconds=29)
    guarded.call("DescribeDomain", caller, name="d")
    guarded.world.advance(seconds=1)
    guarded.denied("DescribeDomain", caller, name="d")
    since = {"NumericGreaterThanEquals": {"aws:EpochTime": "1327449630"}}
    guarded.users.give("ann", allow("swf:DescribeDomain", **since))
    guarded.call("DescribeDomain", caller, name="d")


def test_a_denied_caller_learns_nothing_of_what_exists(guarded: Guarded) -> None:
    caller = guarded.user(allow("swf:*", on=TENANT.domain_arn("mine")))
    there = guarded.denied("DescribeDomain", caller, name="d")
    not_there = guarded.denied("DescribeDomain", caller, name="x")
    assert there.replace("/domain/d", "/domain/x") == not_there


def test_a_change_of_tags_counts_at_once(guarded: Guarded) -> None:
    caller = guarded.user(allow("swf:DescribeDomain", StringEquals={"aws:ResourceTag/Team": "orders"}))
    guarded.call("DescribeDomain", caller, name="d")
    tag = [{"key": "Team", "value": "billing"}]
    guarded.call("TagResource", resourceArn=TENANT.domain_arn("d"), tags=tag)
    guarded.denied("DescribeDomain", caller, name="d")


def test_tags_that_differ_in_case_alone_allow_nothing(guarded: Guarded) -> None:
    """Names of condition keys have no case, so it would be chance which value counts."""
    caller = guarded.user(allow("swf:DescribeDomain", StringEquals={"aws:ResourceTag/team": "orders"}))
    guarded.call("DescribeDomain", caller, name="d")
    tag = [{"key": "team", "value": "orders"}]
    guarded.call("TagResource", resourceArn=TENANT.domain_arn("d"), tags=tag)
    guarded.denied("DescribeDomain", caller, name="d")


def test_a_domain_policy_and_a_session_policy_are_held_against_the_call(guarded: Guarded) -> None:
    caller = guarded.user()
    everyone: Any = {"Principal": {"AWS": "*"}}
    guarded.users.give_domain("d", allow("swf:DescribeDomain") | everyone)
    guarded.call("DescribeDomain", caller, name="d")
    guarded.users.give("ann", allow("swf:*"))
    guarded.users.give_domain("d", deny("swf:DescribeDomain") | everyone)
    text = guarded.denied("DescribeDomain", caller, name="d")
    assert text.endswith("with an explicit deny in a resource-based policy")


@pytest.mark.parametrize(
    "action", ["workflowsvc:StartBatch", "workflowsvc:DeleteDomain", "workflowsvc:ImportHistory"]
)
def test_who_carries_out_swfs_actions_by_one_of_ours_needs_them_too(guarded: Guarded, action: str) -> None:
    case = CALLS[action](guarded)
    members = case.members
    if "history" in members:
        run = guarded.start()
        guarded.call("TerminateWorkflowExecution", domain="d", workflowId="w")
        members = members | {"history": json.dumps({"events": guarded.history(run)})}
    denied = outcome(guarded, action, guarded.user(allow("workflowsvc:*")), members)
    assert denied is not None
    assert "swf:" in str(denied)
    assert outcome(guarded, action, guarded.user(allow("workflowsvc:*", *ALSO)), members) is None
