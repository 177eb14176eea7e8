"""docs/policies.md is fresh, and every policy on it is one that the service accepts without a warning."""

from __future__ import annotations

import json
import re

import pytest

from tests.access.asking import BOB, request, verdict
from tools import policy_page
from workflowsvc.access.book import NamedPolicy
from workflowsvc.access.conditions import OPERATORS
from workflowsvc.access.known_names import ACTIONS, SWF_DECISIONS
from workflowsvc.access.policy_text import Policy, PolicyError, parse_policy
from workflowsvc.access.policy_warnings import warnings

TEXT = policy_page.TARGET.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
WORKER, STARTER, NETWORK, TEAM, DOMAIN_POLICY = EXAMPLES


def example(text: str) -> NamedPolicy:
    return NamedPolicy("example", policy(text))


def policy(text: str) -> Policy:
    return parse_policy(text, resource_policy="rincipal" in text and "AWS" in text)


def test_the_page_is_fresh() -> None:
    assert policy_page.page() == TEXT, "run `python -m tools.policy_page`"


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_has_no_warning(text: str) -> None:
    assert json.loads(text)
    assert not warnings(policy(text))


def test_the_page_names_every_action_and_operator() -> None:
    for name in (*ACTIONS, *OPERATORS, "Null"):
        assert f"`{name}`" in TEXT, name


def test_the_refusals_are_those_of_the_service() -> None:
    for text in (
        '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},'
        ' {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEqualz": {}}}]}',
        '{"Statement": [{"Effect": "Allow", "Resource": "*", "Action": "swf:PolForActivityTask"}]}',
        '{\n "Version": "2012-10-17",\n}',
    ):
        with pytest.raises(PolicyError) as caught:
            parse_policy(text)
        assert str(caught.value) in TEXT


ORDERS = "arn:aws:swf:us-east-1:123456789012:/domain/orders"
ALL = NamedPolicy("all", parse_policy('{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'))


@pytest.mark.parametrize(
    ("text", "action", "context", "answer"),
    [
        (WORKER, "swf:PollForActivityTask", {"swf:taskList.name": "mail"}, True),
        (WORKER, "swf:PollForActivityTask", {"swf:taskList.name": "other"}, False),
        (WORKER, "swf:RespondActivityTaskFailed", {}, True),
        (WORKER, "swf:GetWorkflowExecutionHistory", {}, False),
        (
            STARTER,
            "swf:StartWorkflowExecution",
            {"swf:workflowType.name": "PlaceOrder", "swf:tagList.member.0": "bob", "aws:username": "bob"},
            True,
        ),
        (
            STARTER,
            "swf:StartWorkflowExecution",
            {"swf:workflowType.name": "PlaceOrder", "swf:tagList.member.0": "eve", "aws:username": "bob"},
            False,
        ),
        (STARTER, "swf:TerminateWorkflowExecution", {}, False),
    ],
)
def test_an_example_allows_what_the_page_says(
    text: str, action: str, context: dict[str, str], answer: bool
) -> None:
    assert verdict(request(action, ORDERS, context), example(text)).allowed is answer


def test_the_example_of_a_network_refuses_calls_from_elsewhere_and_no_decision() -> None:
    def allowed(action: str, address: str | None) -> bool:
        context = {"aws:SourceIp": address} if address else {}
        return verdict(request(action, ORDERS, context), ALL, example(NETWORK)).allowed

    for action in ACTIONS:
        if action in SWF_DECISIONS:
            assert allowed(action, None), action
        else:
            assert allowed(action, "198.51.100.7"), action
            assert not allowed(action, "203.0.113.7"), action


def test_the_example_of_a_team_gives_its_domains() -> None:
    for team, answer in (("orders", True), ("billing", False)):
        asked = request("swf:ListWorkflowTypes", ORDERS + "-test", {"aws:PrincipalTag/team": team})
        assert verdict(asked, example(TEAM)).allowed is answer


def test_the_example_of_a_domain_policy_speaks_of_two_users() -> None:
    ann = BOB.replace("bob", "ann")
    domain = example(DOMAIN_POLICY)
    assert verdict(request("swf:DescribeDomain"), domain=domain).allowed
    assert not verdict(
        request("swf:DescribeDomain"), domain=domain, principal=BOB.replace("bob", "eve")
    ).allowed
    assert not verdict(request("swf:TerminateWorkflowExecution"), ALL, domain=domain).allowed
    assert verdict(request("swf:TerminateWorkflowExecution"), ALL, domain=domain, principal=ann).allowed
