"""What is valid and probably not meant is said, with its position; a good policy has no warning."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.asking import DOMAIN, policy_of, statement
from workflowsvc.access.capabilities import can_have, resource_form
from workflowsvc.access.known_names import ACTIONS, CONDITION_KEYS, SWF_DECISIONS, find_key
from workflowsvc.access.policy_warnings import warnings
from workflowsvc.access.vocabulary import ENTRIES

START = "swf:StartWorkflowExecution"


@pytest.mark.parametrize(
    ("elements", "warning"),
    [
        (
            {"Action": START, "Condition": {"StringEquals": {"swf:typeFilter.name": "x"}}},
            "Statement[0].Condition.StringEquals.swf:typeFilter.name: no action of this statement ever has",
        ),
        (
            {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
            "Statement[0].Condition.Bool.aws:MultiFactorAuthPresent: no action of this statement ever has",
        ),
        (
            {"Action": "swf:*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
            "Statement[0].Condition.IpAddress.aws:SourceIp: decisions never have aws:SourceIp",
        ),
        (
            {"Effect": "Deny", "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
            "Statement[0].Condition.NotIpAddress.aws:SourceIp: decisions never have aws:SourceIp, so this",
        ),
        (
            {"Condition": {"ForAllValues:StringEquals": {"aws:username": "x"}}},
            "Statement[0].Condition.ForAllValues:StringEquals.aws:username: aws:username has one value",
        ),
        (
            {"Action": "swf:TagResource", "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}},
            "Statement[0].Condition.ForAllValues:StringEquals.aws:TagKeys: is true without any value",
        ),
        ({"NotAction": "swf:Poll*"}, "Statement[0].NotAction: allows all other actions"),
    ],
)
def test_warnings(elements: Any, warning: str) -> None:
    found = warnings(policy_of(statement(**elements)))
    assert any(each.startswith(warning) for each in found), found


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"Action": START, "Resource": DOMAIN, "Condition": {"StringEquals": {"swf:workflowType.name": "x"}}},
        {"Action": "swf:*", "Condition": {"StringEquals": {"swf:taskList.name": "x"}}},
        {"Action": "swf:*", "Condition": {"IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Effect": "Deny", "Action": START, "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {
            "Effect": "Deny",
            "Condition": {
                "NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                "Null": {"aws:SourceIp": "false"},
            },
        },
        {"Action": START, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}},
    ],
)
def test_what_is_usual_has_no_warning(elements: Any) -> None:
    assert not warnings(policy_of(statement(**elements)))


def test_a_variable_in_the_old_version_is_plain_text() -> None:
    policy = policy_of(statement(Resource="arn:aws:swf:*:*:/domain/${aws:username}"), version="2008-10-17")
    assert warnings(policy) == ['Version: "${…}" is plain text in 2008-10-17; variables need 2012-10-17']


def test_an_account_as_principal_gives_nothing() -> None:
    principal = {"AWS": "123456789012"}
    policy = policy_of(statement(Principal=principal), resource_policy=True)
    assert warnings(policy)[0].startswith(
        "Statement[0].Principal: an account gives its users nothing by itself"
    )
    assert not warnings(policy_of(statement(Effect="Deny", Principal=principal), resource_policy=True))


# --- the names ---


def test_known_names_are_those_of_the_vocabulary() -> None:
    assert set(ACTIONS) == ENTRIES.keys()
    assert set(SWF_DECISIONS) == {name for name, entry in ENTRIES.items() if entry.is_decision}
    of_actions = {key for entry in ENTRIES.values() for key in entry.keys}
    assert of_actions == {key.lower() for key in CONDITION_KEYS if key.startswith("swf:")}


def test_a_condition_key_has_its_name_in_any_case() -> None:
    assert find_key("AWS:principalTAG/Team") is find_key("aws:PrincipalTag/team")
    assert find_key("swf:TASKLIST.name")
    for name in (
        "",
        "/",
        "aws:PrincipalTag",
        "aws:PrincipalTag/",
        "aws:PrincipalTag/" + "x" * 129,
        "swf:tagList.5",
    ):
        assert find_key(name) is None


@pytest.mark.parametrize(
    ("action", "key", "answer"),
    [
        (START, "swf:taskList.name", True),
        (START, "swf:tagList.member.4", True),
        (START, "swf:tagFilter.tag", False),
        ("swf:StartTimer", "aws:SourceIp", False),
        ("swf:StartTimer", "aws:CurrentTime", True),
        ("swf:StartTimer", "aws:ResourceTag/team", True),
        ("swf:TagResource", "aws:RequestTag/team", True),
        ("swf:UntagResource", "aws:RequestTag/team", False),
        ("swf:UntagResource", "aws:TagKeys", True),
        ("swf:ListDomains", "aws:ResourceTag/team", False),
        ("swf:DescribeDomain", "aws:ResourceTag/team", True),
        ("workflowsvc:StartBatch", "AWS:SOURCEIP", True),
        ("swf:ListDomains", "aws:MultiFactorAuthPresent", False),
        ("swf:ContinueAsNewWorkflowExecution", "swf:workflowTypeVersion", True),
    ],
)
def test_which_action_has_which_key(action: str, key: str, answer: bool) -> None:
    assert can_have(action, key) is answer


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("swf:DescribeDomain", "arn:aws:swf:REGION:ACCOUNT:/domain/NAME"),
        ("swf:TagResource", "arn:aws:swf:REGION:ACCOUNT:/domain/NAME"),
        ("swf:RespondActivityTaskCompleted", "arn:aws:swf:REGION:ACCOUNT:/domain/NAME"),
        ("swf:StartTimer", "arn:aws:swf:REGION:ACCOUNT:/domain/NAME"),
        ("swf:ListDomains", "arn:aws:swf:REGION:ACCOUNT:/domain/*"),
    ],
)
def test_which_action_has_which_resource(action: str, form: str) -> None:
    assert resource_form(action) == form


def test_every_action_has_a_resource_that_a_policy_can_name() -> None:
    for action in ACTIONS:
        form = resource_form(action).replace("ACCOUNT", "123456789012").replace("REGION", "us-east-1")
        policy_of(statement(Action=action, Resource=form))
