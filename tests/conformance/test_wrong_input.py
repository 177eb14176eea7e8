"""Requests that are legal member by member and wrong as a whole, over HTTP: refused by name, without a trace.

What a scenario shows already stays there (tests/histories: a child of itself, a signal to a closed run, …); here is
what must hold for every action, every pair of filters and every kind of token.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.conformance.asking import ask
from tests.conformance.dump import differences, dump
from tests.conformance.fixtures import ME, OTHER, PAGED, SINCE_EVER, Fixtures, page_name
from tests.scenario.over_http import Server
from tests.wire import swf_model
from workflowsvc.tenant import Tenant


class Wrong(NamedTuple):
    """A request, and the text of the ValidationException that answers it."""

    title: str
    operation: str
    members: dict[str, Any]
    message: str = "Invalid token"
    tenant: Tenant = ME


FILTERS: dict[str, Any] = {
    "closeStatusFilter": {"status": "FAILED"},
    "executionFilter": {"workflowId": "open"},
    "typeFilter": {"name": "flow"},
    "tagFilter": {"tag": "x"},
}
TIMES: dict[str, Any] = {"startTimeFilter": SINCE_EVER, "closeTimeFilter": SINCE_EVER}
QUERIES = [
    name
    for name in swf_model.OPERATIONS
    if name.endswith(("OpenWorkflowExecutions", "ClosedWorkflowExecutions"))
]


def filters_that_exclude_each_other() -> Iterator[Wrong]:
    """SWF §10.2."""
    for operation in QUERIES:
        known = swf_model.input_of(operation).members
        mine = [name for name in FILTERS if name in known]
        for count in (2, 3):
            for pair in itertools.combinations(mine, count):
                members = {
                    "domain": "d",
                    "startTimeFilter": SINCE_EVER,
                    **{name: FILTERS[name] for name in pair},
                }
                said = (
                    f"Cannot specify more than one exclusive filters in the same query: [{', '.join(pair)}]"
                )
                yield Wrong(f"{operation} with {' and '.join(pair)}", operation, members, said)
        if "closeTimeFilter" in known:
            both = {"domain": "d", **TIMES}
            said = "Cannot specify both a startTimeFilter and a closeTimeFilter"
            yield Wrong(f"{operation} with both time filters", operation, both, said)
            yield Wrong(
                f"{operation} without a time filter", operation, {"domain": "d"}, "Must specify time filter"
            )


# Arguments that say what is listed, and in which order: with others, a page token is none for this call (SWF §2).
BOUND: dict[str, dict[str, Any]] = {
    "ListWorkflowTypes": {"domain": "e"},
    "ListActivityTypes": {"domain": "e"},
    "ListOpenWorkflowExecutions": {"domain": "e"},
    "ListClosedWorkflowExecutions": {"startTimeFilter": None, "closeTimeFilter": {"oldestDate": 0}},
    "GetWorkflowExecutionHistory": {"execution": {"workflowId": "also open", "runId": "$also_open_run"}},
    "PollForDecisionTask": {"domain": "e"},
}
# Arguments that may be others on each page.
FREE: dict[str, dict[str, Any]] = {
    "ListDomains": {"registrationStatus": "DEPRECATED"},
    "ListWorkflowTypes": {"name": "flow", "registrationStatus": "DEPRECATED"},
    "ListActivityTypes": {"name": "work", "registrationStatus": "DEPRECATED"},
    "ListOpenWorkflowExecutions": {"startTimeFilter": {"oldestDate": 1}, "tagFilter": {"tag": "x"}},
    "ListClosedWorkflowExecutions": {"startTimeFilter": {"oldestDate": 1}, "typeFilter": {"name": "flow"}},
    "GetWorkflowExecutionHistory": {"maximumPageSize": 7},
    "PollForDecisionTask": {
        "taskList": {"name": "other"},
        "identity": "another",
        "startAtPreviousStartedEvent": True,
    },
}
NO_TOKENS = {
    "a word": "token",
    "base64 of nothing": "AAAA",
    "the look of one": "AAAAKgAAAAEAAAAAAAAAA" + "A" * 100,
    "what is not ASCII": "日本",
    "a NUL": "\x00",
    "blanks": "   ",
}


def page_tokens() -> Iterator[Wrong]:
    """SWF §1.4.10; what a token is bound to is in SWF §2."""
    for operation, members in PAGED.items():
        for other in PAGED:
            if other != operation:
                given = {**members, "nextPageToken": page_name(other)}
                yield Wrong(f"{operation} with the page token of {other}", operation, given)
        own = {**members, "nextPageToken": page_name(operation)}
        if operation in BOUND:
            given = own | BOUND[operation]
            yield Wrong(f"{operation} with its page token for something else", operation, given)
        yield Wrong(
            f"{operation} with its page token the other way round", operation, own | {"reverseOrder": True}
        )
        yield Wrong(
            f"{operation} with a task token as page token",
            operation,
            {**own, "nextPageToken": "$open_decision"},
        )
        for what, token in NO_TOKENS.items():
            given = {**members, "nextPageToken": token}
            yield Wrong(f"{operation} with {what} as page token", operation, given)
    given = {**PAGED["ListDomains"], "nextPageToken": page_name("ListDomains")}
    yield Wrong("ListDomains with the page token of another account", "ListDomains", given, tenant=OTHER)


def task_tokens() -> Iterator[Wrong]:
    """SWF §7.5."""
    for operation in swf_model.OPERATIONS:
        if "taskToken" not in swf_model.input_of(operation).members:
            continue
        own, foreign = ("decision", "activity") if "Decision" in operation else ("activity", "decision")
        tokens = {
            "the token of the other kind of task": f"$open_{foreign}",
            "the token of the other kind of task, long ended": f"$ended_{foreign}",
            "a page token": page_name("PollForDecisionTask"),
            "a token with something behind it": f"$open_{own}AAAA",
            "a token with a blank before it": f" $open_{own}",
            **NO_TOKENS,
        }
        for what, token in tokens.items():
            yield Wrong(f"{operation} with {what}", operation, {"taskToken": token})
        given = {"taskToken": f"$open_{own}"}
        yield Wrong(f"{operation} with the token of another account", operation, given, tenant=OTHER)
        elsewhere = Tenant(ME.account, "eu-west-1")
        yield Wrong(f"{operation} with the token of another region", operation, given, tenant=elsewhere)


def decisions_with_the_attributes_of_another_type() -> Iterator[Wrong]:
    """SWF §3.2: the attributes of its own type are missed by name, whatever else is there."""
    shape = swf_model.SERVICE.shape_for("Decision")
    for number, kind in enumerate(swf_model.DECISION_TYPES):
        if kind in swf_model.CLOSING:
            continue
        other = swf_model.DECISION_TYPES[number - 1]
        member = f"{swf_model.lower_first(other)}DecisionAttributes"
        attributes = swf_model.example(shape.members[member])
        decision = {"decisionType": kind, member: attributes}
        yield Wrong(
            f"a {kind} decision with {member}",
            "RespondDecisionTaskCompleted",
            {"taskToken": "$open_decision", "decisions": [decision]},
            f"{kind}DecisionAttributes must be specified for decision of type {kind}",
        )


def decisions_in_an_order_that_cannot_be() -> Iterator[Wrong]:
    """SWF §4.6: all pairs."""
    for closing in swf_model.CLOSING:
        for kind in swf_model.DECISION_TYPES:
            last, first = decision(closing), decision(kind)
            listed = {"taskToken": "$open_decision", "decisions": [last, first]}
            said = "Close must be last decision in list"
            yield Wrong(f"{kind} behind {closing}", "RespondDecisionTaskCompleted", listed, said)
            if kind in ("ScheduleActivityTask", "StartTimer", "ScheduleLambdaFunction"):
                listed = {"taskToken": "$open_decision", "decisions": [first, last]}
                said = "Specified decision is incompatible with close decision"
                yield Wrong(f"{kind} before {closing}", "RespondDecisionTaskCompleted", listed, said)


def decision(kind: str) -> dict[str, Any]:
    """One that could be carried out."""
    member = f"{swf_model.lower_first(kind)}DecisionAttributes"
    attributes = swf_model.example(swf_model.SERVICE.shape_for("Decision").members[member])
    return {"decisionType": kind, member: attributes}


def each(wrong: Iterable[Wrong]) -> pytest.MarkDecorator:
    """One test for each of them."""
    listed = list(wrong)
    return pytest.mark.parametrize("wrong", listed, ids=[one.title for one in listed])


def require_refused(server: Server, over_http: Fixtures, wrong: Wrong) -> None:
    """By its text, and nothing is written."""
    before = dump(over_http.store)
    asked = ask(server, wrong.operation, over_http.filled(wrong.members), wrong.tenant)
    said = {"__type": "com.amazon.coral.validate#ValidationException", "message": wrong.message}
    assert (asked.status, asked.json) == (400, said)
    assert differences(before, dump(over_http.store)) == []


@each(filters_that_exclude_each_other())
def test_filters_that_exclude_each_other_are_refused(
    server: Server, over_http: Fixtures, wrong: Wrong
) -> None:
    require_refused(server, over_http, wrong)


@each(page_tokens())
def test_a_page_token_is_good_for_its_own_call_alone(
    server: Server, over_http: Fixtures, wrong: Wrong
) -> None:
    require_refused(server, over_http, wrong)


@each(task_tokens())
def test_a_task_token_is_good_for_its_own_kind_and_owner_alone(
    server: Server, over_http: Fixtures, wrong: Wrong
) -> None:
    require_refused(server, over_http, wrong)


@each(decisions_with_the_attributes_of_another_type())
def test_a_decision_needs_the_attributes_of_its_own_type(
    server: Server, over_http: Fixtures, wrong: Wrong
) -> None:
    require_refused(server, over_http, wrong)


@each(decisions_in_an_order_that_cannot_be())
def test_a_closing_decision_stands_last_and_not_with_new_work(
    server: Server, over_http: Fixtures, wrong: Wrong
) -> None:
    require_refused(server, over_http, wrong)


@pytest.mark.parametrize(
    ("operation", "times"),
    [(name, times) for name in QUERIES for times in TIMES if times in swf_model.input_of(name).members],
)
def test_a_time_range_upside_down_is_an_empty_one(
    server: Server, over_http: Fixtures, operation: str, times: str
) -> None:
    """SWF §10.2 [E]."""
    members = {"domain": "d", times: {"oldestDate": 4_000_000_000, "latestDate": 0}}
    asked = ask(server, operation, members)
    assert asked.status == 200
    assert asked.json in ({"count": 0, "truncated": False}, {"executionInfos": []})


def test_the_tokens_that_were_refused_elsewhere_are_good_where_they_belong(
    server: Server, over_http: Fixtures
) -> None:
    """Otherwise all of the above would be refused for another reason. Last, because it changes the service."""
    for operation, members in PAGED.items():
        given = {**members, "nextPageToken": page_name(operation)}
        assert ask(server, operation, over_http.filled(given)).status == 200
        assert ask(server, operation, over_http.filled(given | FREE[operation])).status == 200
    for operation, token in (
        ("RecordActivityTaskHeartbeat", "$open_activity"),
        ("RespondActivityTaskCompleted", "$open_activity"),
        ("RespondDecisionTaskCompleted", "$open_decision"),
    ):
        given = over_http.filled({"taskToken": token})
        assert ask(server, operation, given).status == 200
        if operation.startswith("Respond"):  # used twice
            assert ask(server, operation, given).code == "UnknownResourceFault"
