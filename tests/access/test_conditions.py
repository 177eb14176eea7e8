"""Every condition operator with values that match, do not match, cannot be read, and are absent (SWF §13.5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.access.asking import holds
from workflowsvc.access.conditions import OPERATORS

LIST = "swf:taskList.name"
TEAM = "aws:PrincipalTag/team"
Values = Mapping[str, str | tuple[str, ...]]

# operator, values in the policy, value of the request, whether it holds
STRINGS = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", "a*", "a*", True),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", ["a", "b"], "c", False),
    ("StringEquals", "é", "é", True),
    ("StringEquals", "", "", True),
    ("StringNotEquals", "a", "a", False),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", ["a", "b"], "c", True),
    ("StringEqualsIgnoreCase", "Straße", "STRASSE", True),
    ("StringEqualsIgnoreCase", "aB", "Ab", True),
    ("StringEqualsIgnoreCase", "a*", "ab", False),
    ("StringNotEqualsIgnoreCase", "aB", "Ab", False),
    ("StringNotEqualsIgnoreCase", "aB", "c", True),
    ("StringLike", "a*", "abc", True),
    ("StringLike", "a*", "A", False),
    ("StringLike", "a?c", "abc", True),
    ("StringLike", "a?c", "ac", False),
    ("StringLike", "*", "", True),
    ("StringLike", ["x*", "y*"], "yes", True),
    ("StringLike", "a${*}", "a*", True),
    ("StringLike", "a${*}", "ab", False),
    ("StringNotLike", "a*", "abc", False),
    ("StringNotLike", "a*", "b", True),
    ("StringNotLike", ["x*", "y*"], "yes", False),
]
NUMBERS = [
    ("NumericEquals", "10", "10", True),
    ("NumericEquals", 10, "10.0", True),
    ("NumericEquals", "10", "11", False),
    ("NumericEquals", "10", "ten", False),
    ("NumericEquals", "10", "1e1", False),
    ("NumericEquals", ["1", 2], "2", True),
    ("NumericNotEquals", "10", "10", False),
    ("NumericNotEquals", "10", "11", True),
    ("NumericNotEquals", "10", "ten", True),
    ("NumericLessThan", "10", "9.99", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThan", "10", "-1", True),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericLessThanEquals", "10", "10.01", False),
    ("NumericGreaterThan", "9", "10", True),
    ("NumericGreaterThan", 9.5, "9.5", False),
    ("NumericGreaterThanEquals", 9.5, "9.5", True),
    ("NumericGreaterThanEquals", 9.5, "9.4", False),
]
DATES = [
    ("DateEquals", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", True),
    ("DateEquals", "2026-07-01", "2026-07-01T00:00:00Z", True),
    ("DateEquals", "2026-07-01T02:00:00+02:00", "2026-07-01T00:00:00Z", True),
    ("DateEquals", "1782864000", "2026-07-01T00:00:00Z", True),
    ("DateEquals", 1782864000, "1782864000", True),
    ("DateEquals", "2026-07-01T00:00:00Z", "2026-07-01T00:00:01Z", False),
    ("DateEquals", "2026-07-01T00:00:00Z", "today", False),
    ("DateEquals", "2026-07-01T00:00:00.5Z", "2026-07-01T00:00:00.500Z", True),
    ("DateNotEquals", "2026-07-01", "2026-07-01T00:00:00Z", False),
    ("DateNotEquals", "2026-07-01", "2026-07-02T00:00:00Z", True),
    ("DateLessThan", "2026-07-01T00:00:00Z", "2026-06-30T23:59:59Z", True),
    ("DateLessThan", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", False),
    ("DateLessThanEquals", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", True),
    ("DateLessThanEquals", "2026-07-01T00:00:00Z", "2026-07-01T00:00:01Z", False),
    ("DateGreaterThan", "2026-07-01T00:00:00Z", "2026-07-01T00:00:01Z", True),
    ("DateGreaterThan", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", False),
    ("DateGreaterThanEquals", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", True),
    ("DateGreaterThanEquals", "2026-07-01T00:00:00Z", "2026-06-30T23:59:59Z", False),
    ("DateGreaterThan", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", True),
]
BOOLS = [
    ("Bool", "true", "true", True),
    ("Bool", True, "true", True),
    ("Bool", "True", "true", True),
    ("Bool", "true", "false", False),
    ("Bool", False, "false", True),
    ("Bool", ["true", "false"], "false", True),
    ("Bool", "true", "yes", False),
]
ADDRESSES = [
    ("IpAddress", "203.0.113.0/24", "203.0.113.77", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.1", False),
    ("IpAddress", "203.0.113.5", "203.0.113.5", True),
    ("IpAddress", "203.0.113.5", "203.0.113.6", False),
    ("IpAddress", "203.0.113.5/24", "203.0.113.6", True),
    ("IpAddress", "0.0.0.0/0", "198.51.100.1", True),
    ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
    ("IpAddress", "2001:db8::/32", "2001:db8:1::1", True),
    ("IpAddress", "2001:db8::/32", "2001:db9::1", False),
    ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.7", True),
    ("IpAddress", "fe80::/10", "fe80::1%eth0", True),
    ("IpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.3.4", True),
    ("IpAddress", "203.0.113.0/24", "not an address", False),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.77", False),
    ("NotIpAddress", "203.0.113.0/24", "203.0.114.1", True),
    ("NotIpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.3.4", False),
    ("NotIpAddress", "203.0.113.0/24", "not an address", True),
]
ARNS = [
    (operator, value, given, answer)
    for value, given, matches in [
        ("arn:aws:iam::123456789012:user/bob", "arn:aws:iam::123456789012:user/bob", True),
        ("arn:aws:iam::123456789012:user/bob", "arn:aws:iam::123456789012:user/Bob", False),
        ("arn:aws:iam::*:user/b*", "arn:aws:iam::123456789012:user/bob", True),
        ("arn:*:*:*:*:*", "arn:aws:iam::123456789012:user/bob", True),
        ("arn:aws:*:user/bob:*:*", "arn:aws:iam::123456789012:user/bob", False),
        ("*", "arn:aws:iam::123456789012:user/bob", True),
        (["arn:aws:iam::*:user/a", "arn:aws:iam::*:user/bob"], "arn:aws:iam::123456789012:user/bob", True),
        ("arn:aws:iam::*:user/*", "bob", False),
    ]
    for operator, answer in (
        ("ArnEquals", matches),
        ("ArnLike", matches),
        ("ArnNotEquals", not matches),
        ("ArnNotLike", not matches),
    )
]
TABLES = {
    LIST: STRINGS,
    "aws:PrincipalTag/level": NUMBERS,
    "aws:CurrentTime": DATES,
    "aws:SecureTransport": BOOLS,
    "aws:SourceIp": ADDRESSES,
    "aws:PrincipalArn": ARNS,
}
CASES = [(key, *case) for key, table in TABLES.items() for case in table]


@pytest.mark.parametrize(("key", "operator", "values", "given", "answer"), CASES)
def test_an_operator_compares(key: str, operator: str, values: Any, given: str, answer: bool) -> None:
    for effect in ("Allow", "Deny"):
        assert holds({operator: {key: values}}, {key: given}, effect=effect) is answer
        assert holds({f"{operator}IfExists": {key.upper(): values}}, {key: given}, effect=effect) is answer


def test_every_operator_is_in_the_tables() -> None:
    assert {case[1] for case in CASES} == OPERATORS.keys()


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_an_absent_key_fails_what_is_positive_and_passes_what_is_negated(operator: str) -> None:
    key, values = next((case[0], case[2]) for case in CASES if case[1] == operator)
    for effect in ("Allow", "Deny"):
        for context in ({}, {key: ()}):
            assert holds({operator: {key: values}}, context, effect=effect) is ("Not" in operator)
            assert holds({f"{operator}IfExists": {key: values}}, context, effect=effect)


@pytest.mark.parametrize(
    ("value", "context", "answer"),
    [
        ("true", {}, True),
        ("true", {LIST: "x"}, False),
        ("false", {}, False),
        ("false", {LIST: "x"}, True),
        (True, {}, True),
        (False, {LIST: "x"}, True),
        (["true"], {}, True),
    ],
)
def test_null_asks_whether_the_key_is_absent(value: Any, context: Values, answer: bool) -> None:
    assert holds({"Null": {LIST: value}}, context) is answer


KEYS = "aws:TagKeys"


@pytest.mark.parametrize(
    ("operator", "values", "given", "answer"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a",), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
        ("ForAllValues:StringEquals", ["a", "b"], (), True),
        ("ForAllValues:StringEqualsIfExists", ["a", "b"], (), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "a"), False),
        ("ForAllValues:StringNotEquals", ["a", "b"], (), True),
        ("ForAllValues:StringLike", "a*", ("ab", "ac"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("c", "b"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("c", "d"), False),
        ("ForAnyValue:StringEquals", ["a", "b"], (), False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "c"), True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "b"), False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], (), False),
        ("ForAnyValue:StringLike", ["a*"], ("b", "ab"), True),
    ],
)
def test_set_operators_say_how_many_values_must_match(
    operator: str, values: Any, given: tuple[str, ...], answer: bool
) -> None:
    """SWF §13.5.8."""
    for effect in ("Allow", "Deny"):
        assert holds({operator: {KEYS: values}}, {KEYS: given}, effect=effect) is answer


def test_all_keys_and_all_operators_must_hold() -> None:
    condition = {"StringEquals": {LIST: "x", TEAM: "red"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    context = {LIST: "x", TEAM: "red", "aws:SourceIp": "10.1.1.1"}
    assert holds(condition, context)
    for key, other in ((LIST, "y"), (TEAM, "blue"), ("aws:SourceIp", "11.1.1.1")):
        assert not holds(condition, {**context, key: other})


@pytest.mark.parametrize("condition", [{}, {"StringEquals": {}}])
def test_a_condition_without_keys_always_holds(condition: Any) -> None:
    assert holds(condition, {})


# condition, context -> what an Allow and a Deny with it do
UNRESOLVED = [
    ({"StringEquals": {LIST: "${aws:PrincipalTag/team}"}}, {LIST: "x"}, False, False),
    ({"StringEquals": {LIST: ["x", "${aws:PrincipalTag/team}"]}}, {LIST: "x"}, False, True),
    ({"StringEquals": {LIST: ["${aws:PrincipalTag/team}", "x"]}}, {LIST: "x"}, False, True),
    ({"StringNotEquals": {LIST: "${aws:PrincipalTag/team}"}}, {LIST: "x"}, False, True),
    ({"StringNotLike": {LIST: ["y", "${aws:PrincipalTag/team}-*"]}}, {LIST: "x"}, False, True),
    ({"StringNotLike": {LIST: ["x", "${aws:PrincipalTag/team}-*"]}}, {LIST: "x"}, False, False),
    ({"StringEqualsIfExists": {LIST: "${aws:PrincipalTag/team}"}}, {}, True, True),
    ({"StringEqualsIgnoreCase": {LIST: "${aws:PrincipalTag/team}"}}, {LIST: "x"}, False, False),
    ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:PrincipalTag/team}"}}, {}, False, False),
    ({"StringEquals": {LIST: "${aws:PrincipalTag/team, 'x'}"}}, {LIST: "x"}, True, True),
    ({"ForAllValues:StringEquals": {KEYS: "${aws:PrincipalTag/team}"}}, {KEYS: ("a",)}, False, False),
    ({"ForAllValues:StringEquals": {KEYS: "${aws:PrincipalTag/team}"}}, {}, True, True),
]


@pytest.mark.parametrize(("condition", "context", "allows", "denies"), UNRESOLVED)
def test_a_variable_without_a_value_fails_closed(
    condition: Any, context: Values, allows: bool, denies: bool
) -> None:
    """SWF §13.5.7."""
    assert holds(condition, context) is allows
    assert holds(condition, context, effect="Deny") is denies


@pytest.mark.parametrize(
    ("condition", "context", "answer"),
    [
        ({"StringEquals": {LIST: "${aws:PrincipalTag/team}"}}, {LIST: "red", TEAM: "red"}, True),
        ({"StringEquals": {LIST: "${aws:PrincipalTag/team}"}}, {LIST: "blue", TEAM: "red"}, False),
        ({"StringLike": {LIST: "${aws:PrincipalTag/team}-*"}}, {LIST: "red-1", TEAM: "red"}, True),
        ({"StringLike": {LIST: "${aws:PrincipalTag/team}-*"}}, {LIST: "red-1", TEAM: "*"}, False),
        ({"StringLike": {LIST: "${aws:PrincipalTag/team}-*"}}, {LIST: "*-1", TEAM: "*"}, True),
        (
            {"StringEqualsIgnoreCase": {LIST: "a-${aws:PrincipalTag/team}"}},
            {LIST: "A-RED", TEAM: "Red"},
            True,
        ),
        (
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}},
            {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/bob", "aws:username": "bob"},
            True,
        ),
        (
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}},
            {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/bob", "aws:username": "eve"},
            False,
        ),
    ],
)
def test_variables_stand_in_values_of_strings_and_arns(condition: Any, context: Values, answer: bool) -> None:
    assert holds(condition, context) is answer
    assert holds(condition, context, effect="Deny") is answer


def test_the_old_version_has_no_variables() -> None:
    condition = {"StringEquals": {LIST: "${aws:username}"}}
    assert not holds(condition, {LIST: "bob", "aws:username": "bob"}, version="2008-10-17")
    assert holds(condition, {LIST: "${aws:username}"}, version="2008-10-17")


def test_a_key_with_several_values_is_no_variable_but_its_default_counts() -> None:
    condition = {"StringEquals": {LIST: "${aws:PrincipalTag/team, 'x'}"}}
    assert holds(condition, {LIST: "x", TEAM: ("a", "b")})
