"""Which of several policies decides, and what a verdict names (QUALITY §4.2, SWF §13.5.10)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.asking import BOB, DOMAIN, named, policy_of, request, statement, verdict
from workflowsvc.access.evaluation import SESSION_POLICY
from workflowsvc.access.policy import Verdict

ALLOW = named("allows", statement(Sid="Yes"))
DENY = named("denies", statement(), statement(Effect="Deny", Sid="No"))
OTHER = named("other", statement(Action="swf:StartWorkflowExecution"))
EVE = "arn:aws:iam::123456789012:user/eve"


def of_domain(**elements: Any) -> Any:
    return named("orders", statement(**elements), resource_policy=True)


# --- which policy decides ---


def test_what_no_policy_allows_is_refused() -> None:
    assert verdict(request()) == Verdict(False, "no-allow")
    assert verdict(request(), OTHER) == Verdict(False, "no-allow")


def test_an_allow_names_its_policy_and_statement() -> None:
    assert verdict(request(), OTHER, ALLOW) == Verdict(True, "allowed", "allows", "Yes")
    unnamed = named("u", statement(Action="swf:ListDomains"), statement())
    assert verdict(request(), unnamed) == Verdict(True, "allowed", "u", "statement 2")


def test_a_deny_wins_wherever_it_stands() -> None:
    refusal = Verdict(False, "explicit-deny", "denies", "No")
    assert verdict(request(), ALLOW, DENY) == refusal
    assert verdict(request(), DENY, ALLOW) == refusal
    assert verdict(request(), DENY, domain=of_domain(Principal="*")) == refusal
    assert verdict(request(), DENY, session=ALLOW.policy) == refusal


def test_the_policy_of_the_caller_or_of_the_domain_is_enough() -> None:
    domain = of_domain(Principal={"AWS": BOB}, Sid="Bob")
    assert verdict(request(), domain=domain) == Verdict(True, "allowed", "orders", "Bob")
    assert verdict(request(), OTHER, domain=domain).allowed
    assert verdict(request(), ALLOW, domain=of_domain(Principal={"AWS": EVE})).policy == "allows"
    assert verdict(request(), ALLOW, domain=of_domain(Effect="Deny", Principal="*")) == Verdict(
        False, "explicit-deny", "orders", "statement 1"
    )


def test_a_session_policy_takes_away_and_gives_nothing() -> None:
    poll = policy_of(statement(Action="swf:Poll*"))
    assert verdict(request(), ALLOW, session=poll).allowed
    assert verdict(request(), domain=of_domain(Principal="*"), session=poll).allowed
    assert verdict(request("swf:StartWorkflowExecution"), ALLOW, session=poll) == Verdict(
        False, "session-policy", SESSION_POLICY
    )
    assert verdict(request(), session=poll) == Verdict(False, "no-allow")
    assert verdict(request(), ALLOW, session=DENY.policy) == Verdict(
        False, "explicit-deny", SESSION_POLICY, "No"
    )


# --- actions ---


@pytest.mark.parametrize(
    ("elements", "action", "answer"),
    [
        ({"Action": "swf:PollForActivityTask"}, "swf:PollForActivityTask", True),
        ({"Action": "SWF:pollforactivitytask"}, "swf:PollForActivityTask", True),
        ({"Action": "swf:PollForActivityTask"}, "SWF:POLLFORACTIVITYTASK", True),
        ({"Action": "swf:PollForActivityTask"}, "swf:PollForDecisionTask", False),
        ({"Action": "swf:Poll*"}, "swf:PollForDecisionTask", True),
        ({"Action": "swf:poll*TASK"}, "swf:PollForDecisionTask", True),
        ({"Action": "swf:???tForActivityTask"}, "swf:PollForActivityTask", None),
        ({"Action": "swf:???lForActivityTask"}, "swf:PollForActivityTask", True),
        ({"Action": "swf:*"}, "swf:CancelTimer", True),
        ({"Action": "swf:*"}, "workflowsvc:StartBatch", False),
        ({"Action": "workflowsvc:*Batch"}, "workflowsvc:StartBatch", True),
        ({"Action": "*"}, "workflowsvc:StartBatch", True),
        ({"Action": "*:Describe*"}, "swf:DescribeDomain", True),
        ({"Action": "*:Describe*"}, "workflowsvc:DescribeService", True),
        ({"Action": ["swf:ListDomains", "swf:DescribeDomain"]}, "swf:DescribeDomain", True),
        ({"NotAction": "swf:Poll*"}, "swf:PollForActivityTask", False),
        ({"NotAction": "swf:Poll*"}, "workflowsvc:StartBatch", True),
        ({"NotAction": ["swf:Poll*", "swf:List*"]}, "swf:ListDomains", False),
        ({"NotAction": "*"}, "swf:ListDomains", False),
        ({"Action": "*"}, "swf:ScheduleLambdaFunction", False),
        ({"NotAction": "swf:Poll*"}, "s3:GetObject", False),
    ],
)
def test_actions(elements: Any, action: str, answer: bool | None) -> None:
    if answer is None:
        with pytest.raises(ValueError, match="no action of this service"):
            named("p", statement(**elements))
        return
    assert verdict(request(action), named("p", statement(**elements))).allowed is answer
    denied = named("p", statement(), statement(Effect="Deny", **elements))
    if verdict(request(action), ALLOW).allowed:
        assert verdict(request(action), denied).allowed is not answer


# --- resources ---

ORDERS_WEST = "arn:aws:swf:us-west-2:123456789012:/domain/orders"
USER = "arn:aws:iam::123456789012:user/bob"


@pytest.mark.parametrize(
    ("pattern", "resource", "answer"),
    [
        ("*", DOMAIN, True),
        ("*", USER, True),
        (DOMAIN, DOMAIN, True),
        (DOMAIN, ORDERS_WEST, False),
        ("arn:aws:swf::123456789012:/domain/orders", DOMAIN, True),
        ("arn:aws:swf::123456789012:/domain/orders", ORDERS_WEST, True),
        ("arn:aws:swf::210987654321:/domain/orders", DOMAIN, False),
        ("arn:aws:swf:us-*:*:/domain/*", DOMAIN, True),
        ("arn:aws:swf:us-????-1:*:/domain/or?ers", DOMAIN, True),
        ("arn:aws:swf:*:*:/domain/Orders", DOMAIN, False),
        ("arn:aws:swf:*:*:/domain/ord", DOMAIN, False),
        ("arn:aws:swf:*:*:/domain/orders2", DOMAIN, False),
        ("arn:*:*:*:*:*", DOMAIN, True),
        ("arn:aws:*:*:*:*orders", DOMAIN, True),
        ("arn:aws:swf:*:*:*", USER, False),
        ("arn:aws:iam::*:user/*", USER, True),
        ("arn:aws:iam::*:user/*", DOMAIN, False),
        ("arn:aws:iam:*:*:user/*", USER, True),
        ("arn:aws:swf:*:*:/domain/*", "arn:aws:swf:us-east-1:123456789012:/domain/a/b:c d", True),
        ("arn:aws:swf:*:*:/domain/a:b", "arn:aws:swf:us-east-1:123456789012:/domain/a:b", True),
        ("arn:aws:swf:*:*:/domain/*", "arn:aws:swf:us-east-1:123456789012:/domain/*", True),
        ("arn:aws:swf:*:*:/domain/orders", "arn:aws:swf:us-east-1:123456789012:/domain/*", False),
        ("arn:aws:swf:*:*:/domain/*", "no ARN", False),
        ("arn:aws:swf:*:*:/domain/*", "", False),
    ],
)
def test_resources_match_part_by_part(pattern: str, resource: str, answer: bool) -> None:
    """A `*` does not reach over a colon, and an empty region is any (QUALITY §4.1, SWF §13.5.12)."""
    asked = request(resource=resource)
    assert verdict(asked, named("p", statement(Resource=pattern))).allowed is answer
    assert verdict(asked, named("p", statement(NotResource=pattern))).allowed is not answer
    assert verdict(asked, ALLOW, named("p", statement(Effect="Deny", Resource=pattern))).allowed is not answer
    assert (
        verdict(asked, ALLOW, named("p", statement(Effect="Deny", NotResource=[pattern]))).allowed is answer
    )
    both = ["arn:aws:swf:*:*:/domain/none-such", pattern]
    assert verdict(asked, named("p", statement(Resource=both))).allowed is answer
    assert verdict(asked, named("p", statement(NotResource=both))).allowed is not answer


def test_a_star_does_not_reach_over_a_colon() -> None:
    policy = named("p", statement(Resource="arn:aws:swf:us-east-1*:123456789012:/domain/orders"))
    assert (
        verdict(request(resource="arn:aws:swf:us-east-1:x:123456789012:/domain/orders"), policy).allowed
        is False
    )


TEAM = "arn:aws:swf:*:*:/domain/${aws:PrincipalTag/team}"


@pytest.mark.parametrize(
    ("elements", "tags", "allows", "denies"),
    [
        ({"Resource": TEAM}, {"aws:PrincipalTag/team": "orders"}, True, True),
        ({"Resource": TEAM}, {"aws:PrincipalTag/team": "billing"}, False, False),
        ({"Resource": TEAM}, {"aws:PrincipalTag/team": "*"}, False, False),
        ({"Resource": TEAM + "*"}, {"aws:PrincipalTag/team": "ord"}, True, True),
        ({"Resource": TEAM}, {}, False, False),
        ({"Resource": [DOMAIN, TEAM]}, {}, False, True),
        ({"Resource": [TEAM, DOMAIN]}, {}, False, True),
        ({"NotResource": TEAM}, {"aws:PrincipalTag/team": "orders"}, False, False),
        ({"NotResource": TEAM}, {"aws:PrincipalTag/team": "billing"}, True, True),
        ({"NotResource": TEAM}, {}, False, True),
        ({"NotResource": [TEAM, DOMAIN]}, {}, False, False),
        ({"Resource": TEAM.replace("}", ", 'orders'}")}, {}, True, True),
        ({"Resource": TEAM.replace("}", ", 'a:b'}")}, {}, False, False),
        ({"Resource": "arn:aws:swf:*:*:/domain/${*}"}, {}, False, False),
    ],
)
def test_variables_in_resources(elements: Any, tags: Any, allows: bool, denies: bool) -> None:
    """Without a value an Allow does not match, and in a Deny the ARN equals none (SWF §13.5.7 and §13.5.11)."""
    asked = request(context=tags)
    assert verdict(asked, named("p", statement(**elements))).allowed is allows
    assert verdict(asked, ALLOW, named("p", statement(Effect="Deny", **elements))).allowed is not denies


# --- principals ---


@pytest.mark.parametrize(
    ("elements", "allows", "denies"),
    [
        ({"Principal": "*"}, True, True),
        ({"Principal": {"AWS": "*"}}, True, True),
        ({"Principal": {"AWS": BOB}}, True, True),
        ({"Principal": {"AWS": [EVE, BOB]}}, True, True),
        ({"Principal": {"AWS": EVE}}, False, False),
        ({"Principal": {"AWS": "123456789012"}}, False, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, False, True),
        ({"Principal": {"AWS": "210987654321"}}, False, False),
        ({"NotPrincipal": {"AWS": BOB}}, None, False),
        ({"NotPrincipal": {"AWS": EVE}}, None, True),
        ({"NotPrincipal": {"AWS": "123456789012"}}, None, False),
    ],
)
def test_principals(elements: Any, allows: bool | None, denies: bool) -> None:
    """SWF §13.5.9."""
    if allows is not None:
        assert verdict(request(), domain=of_domain(**elements)).allowed is allows
    assert verdict(request(), ALLOW, domain=of_domain(Effect="Deny", **elements)).allowed is not denies


def test_a_caller_without_a_name_is_only_every_principal() -> None:
    assert verdict(request(), domain=of_domain(Principal={"AWS": BOB}), principal="").allowed is False
    assert verdict(request(), domain=of_domain(Principal="*"), principal="").allowed


# --- whole policies ---


def test_a_worker_of_one_list() -> None:
    worker = named(
        "worker",
        statement(
            Action="swf:PollForActivityTask",
            Resource=DOMAIN,
            Condition={"StringEquals": {"swf:taskList.name": "mail"}},
        ),
        statement(Action=["swf:RespondActivityTask*", "swf:RecordActivityTaskHeartbeat"], Resource=DOMAIN),
    )
    mail, other = {"swf:taskList.name": "mail"}, {"swf:taskList.name": "print"}
    assert verdict(request(context=mail), worker).allowed
    assert not verdict(request(context=other), worker).allowed
    assert not verdict(request(), worker).allowed
    assert not verdict(request(resource=ORDERS_WEST, context=mail), worker).allowed
    assert not verdict(request("swf:PollForDecisionTask", context=mail), worker).allowed
    assert verdict(request("swf:RespondActivityTaskFailed"), worker).allowed


def test_an_execution_may_have_this_tag_and_no_other() -> None:
    """As AWS's guide advises: a Null condition for the positions behind (SWF §13.3)."""
    starter = named(
        "starter",
        statement(
            Action="swf:StartWorkflowExecution",
            Condition={
                "StringEquals": {"swf:tagList.member.0": "test"},
                "Null": {"swf:tagList.member.1": "true"},
            },
        ),
    )
    start = "swf:StartWorkflowExecution"
    assert verdict(request(start, context={"swf:tagList.member.0": "test"}), starter).allowed
    assert not verdict(request(start), starter).allowed
    two = {"swf:tagList.member.0": "test", "swf:tagList.member.1": "prod"}
    assert not verdict(request(start, context=two), starter).allowed
