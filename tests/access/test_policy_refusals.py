"""Everything that is not understood in a policy refuses it, with the position and the reason (QUALITY §4.2)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access.asking import statement
from workflowsvc.access.policy_json import MAX_CHARACTERS, MAX_TEXT
from workflowsvc.access.policy_text import PolicyError, parse_policy

ROOT = "Statement[0]"


def refused(text: str, *, resource_policy: bool = False) -> tuple[str, str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, resource_policy=resource_policy)
    assert str(caught.value) == f"{caught.value.position}: {caught.value.reason}"
    return caught.value.position, caught.value.reason


def text_of(*statements: Any, **elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **elements})


# --- syntax ---


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", "line 1, column 1", "this is not JSON: Expecting value"),
        ("{", "line 1, column 2", "this is not JSON: Expecting property name"),
        ('{\n "Version": "2012-10-17",\n}', "line 3, column 1", "this is not JSON"),
        ('{"Version": "2012-10-17"} x', "line 1, column 27", "this is not JSON: Extra data"),
        ('{"Id": "a\x00"}', "line 1, column 10", "this is not JSON: Invalid control character"),
        ('\ufeff{"Id": "a"}', "line 1, column 1", "this is not JSON"),
        ('{"Id": NaN}', "policy", "this is not JSON: NaN is no number"),
        ('{"Id": -Infinity}', "policy", "this is not JSON: -Infinity is no number"),
        ("[]", "policy", "must be an object, not a list"),
        ('"x"', "policy", "must be an object, not a string"),
        ("null", "policy", "must be an object, not null"),
        ("17", "policy", "must be an object, not a number"),
        ('{"Id": "a", "Id": "b"}', "Id", "stands twice"),
        ('{"Id": "a", "id": "b"}', "id", 'stands twice: as "Id" as well'),
        ('{"Id": "\\u0000"}', "Id", "has the control character U+0000"),
        ('{"Id": "\\ud800"}', "Id", "has half of a surrogate pair"),
        ('{"\\u0000": 1}', "policy", "has the control character U+0000"),
        ('{"\\udfff": 1}', "policy", "has half of a surrogate pair"),
        ("[" * 6_000, "policy", "it is nested deeper than 16 levels"),
        ('{"a":' * 1_200, "policy", "it is nested deeper than 16 levels"),
        ('["\\"[[", ' + "[" * 6_000, "policy", "it is nested deeper than 16 levels"),
        ('{"Id": ' + "9" * 5_000 + "}", "Id", "must be a string, not a number"),
    ],
)
def test_what_is_not_json_is_refused_at_its_place(text: str, position: str, reason: str) -> None:
    at, why = refused(text)
    assert at == position
    assert why.startswith(reason)


def test_deep_values_are_refused_as_wrong_values() -> None:
    assert refused('{"Statement": ' + "[" * 15 + "]" * 15 + "}") == (ROOT, "must be an object, not a list")


def test_brackets_in_strings_have_no_depth() -> None:
    assert refused('{"Id": "' + "[{" * 100 + '\\"[", "Statement": []}') == ("Statement", "must not be empty")


def test_a_string_without_an_end_is_read_once() -> None:
    at, why = refused('{"Id": "' + '\\" ' * 3_000)
    assert at == "line 1, column 8"
    assert why == "this is not JSON: Unterminated string starting at"


def test_a_policy_may_be_as_long_as_in_iam() -> None:
    def policy(characters: int) -> str:
        text = text_of(statement(Resource=[f"arn:aws:swf:*:*:/domain/{number:04}" for number in range(150)]))
        text = text.replace(" ", "")
        return text.replace("/domain/0000", "/domain/0000" + "x" * (characters - len(text)))

    assert len(policy(MAX_CHARACTERS)) == MAX_CHARACTERS
    parse_policy(policy(MAX_CHARACTERS))
    parse_policy(policy(MAX_CHARACTERS).replace(",", ",\n   "))
    position, reason = refused(policy(MAX_CHARACTERS + 1))
    assert (position, reason) == ("policy", "it has 6,145 characters without blanks; 6,144 are the limit")
    assert "131,072" in refused(" " * (MAX_TEXT + 1))[1]


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
)
_ELEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]) | _JSON},
    optional={
        name: st.sampled_from(["*", "swf:*", "arn:aws:swf:*:*:/domain/${aws:username}"]) | _JSON
        for name in ("Action", "NotAction", "Resource", "NotResource", "Sid", "Principal", "NotPrincipal")
    }
    | {
        "Condition": st.dictionaries(
            st.sampled_from(["StringLike", "Bool", "DateEquals", "Null", "ForAnyValue:ArnLike"])
            | st.text(max_size=9),
            st.dictionaries(
                st.sampled_from(["aws:username", "aws:CurrentTime"]) | st.text(max_size=9), _JSON
            ),
        )
        | _JSON
    },
)


@given(st.lists(_ELEMENTS, max_size=3), st.booleans())
def test_any_elements_are_a_policy_or_refused(statements: list[Any], resource_policy: bool) -> None:
    try:
        parse_policy(text_of(*statements), resource_policy=resource_policy)
    except PolicyError as refusal:
        text = str(refusal)
    else:
        return
    assert re.fullmatch(r"[^:].*: .+", text)


# --- elements of a policy ---


@pytest.mark.parametrize(
    ("elements", "position", "reason"),
    [
        ({"Versoin": "2012-10-17"}, "Versoin", 'is no element of a policy; did you mean "Version"?'),
        ({"statement": []}, "statement", 'stands twice: as "Statement" as well'),
        ({"X": 1}, "X", "is no element of a policy"),
        (
            {"Version": "2012-10-18"},
            "Version",
            '"2012-10-18" is no version of the language: write "2012-10-17"',
        ),
        ({"Version": 2012}, "Version", "must be a string, not a number"),
        ({"Id": "é"}, "Id", "may have up to 256 printable ASCII characters"),
        ({"Id": ["a"]}, "Id", "must be a string, not a list"),
        ({"Statement": []}, "Statement", "must not be empty"),
        ({"Statement": "x"}, "Statement", "must be a list of objects, not a string"),
        ({"Statement": [1]}, ROOT, "must be an object, not a number"),
        ({"Statement": {"Effect": "Allow"}}, "Statement", 'has neither "Action" nor "NotAction"'),
    ],
)
def test_elements_of_a_policy(elements: Any, position: str, reason: str) -> None:
    assert refused(text_of(statement(), **elements)) == (position, reason)


def test_a_policy_has_a_statement() -> None:
    assert refused('{"Version": "2012-10-17"}') == ("policy", 'has no "Statement"')


# --- elements of a statement ---

IS_NO_ACTION = '; did you mean "swf:PollForActivityTask"?'


@pytest.mark.parametrize(
    ("elements", "where", "reason"),
    [
        ({"Efect": "Allow"}, ".Efect", 'is no element of a statement; did you mean "Effect"?'),
        ({"effect": "Allow"}, ".effect", 'stands twice: as "Effect" as well'),
        ({"Effect": None}, "", 'has no "Effect"'),
        ({"Effect": "allow"}, ".Effect", '"allow" is neither "Allow" nor "Deny"; did you mean "Allow"?'),
        ({"Effect": True}, ".Effect", "must be a string, not a boolean"),
        ({"Sid": "a b"}, ".Sid", "may have up to 256 letters and digits of ASCII, and nothing else"),
        ({"Sid": "é"}, ".Sid", "may have up to 256 letters and digits of ASCII, and nothing else"),
        ({"Action": None}, "", 'has neither "Action" nor "NotAction"'),
        ({"Action": []}, ".Action", "must not be empty"),
        ({"Action": {"a": 1}}, ".Action", "must be a string, not an object"),
        ({"Action": ["swf:*", 1]}, ".Action[1]", "must be a string, not a number"),
        ({"Action": [["swf:*"]]}, ".Action[0]", "must be a string, not a list"),
        (
            {"Action": ["swf:*", "swf:PolForActivityTask"]},
            ".Action[1]",
            f'no action of this service is named "swf:PolForActivityTask"{IS_NO_ACTION}',
        ),
        (
            {"Action": "PollForActivityTask"},
            ".Action",
            f'"PollForActivityTask" is no action: write "*" or "swf:NAME"{IS_NO_ACTION}',
        ),
        ({"Action": "s3:GetObject"}, ".Action", '"s3" is no service here: write "swf", "workflowsvc" or "*"'),
        (
            {"Action": "sw*:PollForActivityTask"},
            ".Action",
            f'"sw*" is no service here: write "swf", "workflowsvc" or "*"{IS_NO_ACTION}',
        ),
        ({"Action": "swf:Zap*"}, ".Action", 'no action of this service is named "swf:Zap*"'),
        (
            {"Action": "swf:ScheduleLambdaFunction"},
            ".Action",
            'no action of this service is named "swf:ScheduleLambdaFunction"',
        ),
        (
            {"Action": "swf:${aws:username}"},
            ".Action",
            '"swf:${aws:username}" is no action: write "*" or "swf:NAME"',
        ),
        ({"Resource": None}, "", 'has neither "Resource" nor "NotResource"'),
        ({"Resource": []}, ".Resource", "must not be empty"),
        ({"Resource": 7}, ".Resource", "must be a string, not a number"),
        (
            {"Principal": "*"},
            ".Principal",
            "stands in policies of domains alone",
        ),
        (
            {"NotPrincipal": "*"},
            ".NotPrincipal",
            "stands in policies of domains alone",
        ),
        ({"Condition": []}, ".Condition", "must be an object, not a list"),
        ({"Condition": "x"}, ".Condition", "must be an object, not a string"),
    ],
)
def test_elements_of_a_statement(elements: Any, where: str, reason: str) -> None:
    position, why = refused(text_of(statement(), statement(**elements)))
    assert position == f"Statement[1]{where}"
    assert why.startswith(reason)


def test_an_element_excludes_its_opposite() -> None:
    for name in ("Action", "Resource"):
        given = {**statement(), f"Not{name}": "*"}
        assert refused(text_of(given)) == (ROOT, f'has both "{name}" and "Not{name}"')


def test_sids_are_unique() -> None:
    assert refused(text_of(statement(Sid="A"), statement(), statement(Sid="A"))) == (
        "Statement[2].Sid",
        '"A" is the Sid of Statement[0] as well',
    )
    parse_policy(text_of(statement(Sid="A"), statement(Sid="a"), statement(), statement(Sid="")))


# --- resources ---

NO_ARN = 'is no ARN: write "*" or six parts, as in "arn:aws:swf:us-east-1:123456789012:/domain/NAME"'


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("", f'"" {NO_ARN}'),
        ("orders", f'"orders" {NO_ARN}'),
        ("arn:aws:swf:*", f'"arn:aws:swf:*" {NO_ARN}'),
        (
            "arn:aws:swf:us-east-1:123456789012/domain/x",
            f'"arn:aws:swf:us-east-1:123456789012/domain/x" {NO_ARN}',
        ),
        ("ARN:aws:swf:*:*:/domain/x", f'"ARN:aws:swf:*:*:/domain/x" {NO_ARN}'),
        ("arn:aws-cn:swf:*:*:/domain/x", 'the partition "aws-cn" is not "aws"'),
        ("arn:aws:s3:::bucket", 'the service "s3" is not "swf" (or "iam", for access itself)'),
        ("arn:aws:SWF:*:*:/domain/x", 'the service "SWF" is not "swf" (or "iam", for access itself)'),
        ("arn:aws:swf:*:1234:/domain/x", '"1234" is no account: it has 12 digits'),
        ("arn:aws:swf:*::/domain/x", '"" is no account: it has 12 digits'),
        (
            "arn:aws:swf:*:*:domain/x",
            'the resource "domain/x" can be none of this service: write "/domain/NAME"',
        ),
        (
            "arn:aws:swf:*:*:/domain/",
            'the resource "/domain/" can be none of this service: write "/domain/NAME"',
        ),
        ("arn:aws:swf:*:*:", 'the resource "" can be none of this service: write "/domain/NAME"'),
        ("arn:aws:swf:*:*:/run*", 'the resource "/run*" can be none of this service: write "/domain/NAME"'),
        (
            "arn:aws:iam::*:role/x",
            'the resource "role/x" can be none of this service: write "user/NAME" or "group/NAME" or "policy/NAME"',
        ),
        ("arn:aws:iam:us-east-1:*:user/x", 'an ARN of iam has no region, and this one has "us-east-1"'),
        (
            "arn:aws:swf:*:${aws:PrincipalAccount}:/domain/x",
            "a variable may only stand behind the fifth colon of an ARN",
        ),
        ("arn:aws:swf:*:*:/domain/${aws:username", "a variable begins with ${ and does not end with }"),
        ("arn:aws:swf:*:*:/domain/${}", "\"${}\" is no variable: write ${key} or ${key, 'default'}"),
        ("arn:aws:swf:*:*:/domain/${aws:username,x}", '"${aws:username,x}" is no variable'),
        ("arn:aws:swf:*:*:/domain/${aws:username 'x'}", "\"${aws:username 'x'}\" is no variable"),
        ("arn:aws:swf:*:*:/domain/${aws:usrname}", '"aws:usrname" in a variable is no condition key'),
        (
            "arn:aws:swf:*:*:/domain/${aws:TagKeys}",
            '"aws:TagKeys" can have several values and so be no variable',
        ),
    ],
)
def test_resources(resource: str, reason: str) -> None:
    for element in ("Resource", "NotResource"):
        given = statement(**{element: ["*", resource]})
        position, why = refused(text_of(given))
        assert position == f"{ROOT}.{element}[1]"
        assert why.startswith(reason)


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:swf:us-east-1:123456789012:/domain/x",
        "arn:aws:swf::123456789012:/domain/x",
        "arn:*:*:*:*:*",
        "arn:aws:swf:*:*:*",
        "arn:aws:swf:*:*:/*",
        "arn:aws:swf:*:*:?domain/x",
        "arn:aws:swf:us-*:12345678901?:/domain/${aws:username}",
        "arn:aws:swf:*:*:${aws:PrincipalTag/what}",
        "arn:aws:swf:*:*:/domain/a:b:c",
        "arn:aws:swf:*:*:/domain/${aws:PrincipalTag/t, 'a:b'}",
        "arn:aws:iam::123456789012:user/bob",
        "arn:aws:iam::aws:policy/SwfReadOnly",
        "arn:aws:iam:*:*:group/*",
    ],
)
def test_resources_that_are_accepted(resource: str) -> None:
    parse_policy(text_of(statement(Resource=resource), statement(Effect="Deny", NotResource=[resource])))


def test_in_the_old_version_a_variable_is_plain_text() -> None:
    resource = "arn:aws:swf:*:*:/domain/${aws:usrname"
    parse_policy(text_of(statement(Resource=resource), Version="2008-10-17"))
    parse_policy(json.dumps({"Statement": statement(Resource=resource)}))


# --- conditions ---

KNOWN = "is no condition key that this service knows"


@pytest.mark.parametrize(
    ("condition", "where", "reason"),
    [
        (
            {"StringEqualz": {"aws:username": "a"}},
            "StringEqualz",
            '"StringEqualz" is no condition operator; did you mean "StringEquals"?',
        ),
        (
            {"stringEquals": {"aws:username": "a"}},
            "stringEquals",
            '"stringEquals" is no condition operator; did you mean "StringEquals"?',
        ),
        ({"Zap": {"aws:username": "a"}}, "Zap", '"Zap" is no condition operator'),
        ({"IfExists": {"aws:username": "a"}}, "IfExists", '"IfExists" is no condition operator'),
        (
            {"BinaryEquals": {"aws:username": "a"}},
            "BinaryEquals",
            "no condition key of this service has binary values",
        ),
        ({"NullIfExists": {"aws:username": "true"}}, "NullIfExists", "Null asks whether the key is there"),
        (
            {"ForAllValues:Null": {"aws:TagKeys": "true"}},
            "ForAllValues:Null",
            "Null asks whether the key is there",
        ),
        (
            {"ForAllValue:StringLike": {"aws:TagKeys": "a"}},
            "ForAllValue:StringLike",
            '"ForAllValue" is no set operator; did you mean "ForAllValues"?',
        ),
        (
            {"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": "a"}},
            "ForAnyValue:StringLikeIfExists",
            "ForAnyValue is false without a value and IfExists true: write two statements instead",
        ),
        ({"StringEquals": ["a"]}, "StringEquals", "must be an object, not a list"),
        (
            {"StringEquals": {"swf:tasklist": "a"}},
            "StringEquals.swf:tasklist",
            f'"swf:tasklist" {KNOWN}; did you mean "swf:taskList.name"?',
        ),
        ({"Null": {"ec2:Region": "true"}}, "Null.ec2:Region", f'"ec2:Region" {KNOWN}'),
        (
            {"StringEquals": {"swf:tagList.member.5": "a"}},
            "StringEquals.swf:tagList.member.5",
            '"swf:tagList.member.5"',
        ),
        (
            {"StringEquals": {"aws:PrincipalTag/": "a"}},
            "StringEquals.aws:PrincipalTag/",
            f'"aws:PrincipalTag/" {KNOWN}',
        ),
        (
            {"StringEquals": {"aws:username": "a", "aws:UserName": "b"}},
            "StringEquals.aws:UserName",
            'stands twice: as "aws:username" as well',
        ),
        ({"StringEquals": {"aws:username": []}}, "StringEquals.aws:username", "must not be empty"),
        (
            {"StringEquals": {"aws:username": 5}},
            "StringEquals.aws:username",
            "must be a string, not a number",
        ),
        (
            {"StringEquals": {"aws:username": True}},
            "StringEquals.aws:username",
            "must be a string, not a boolean",
        ),
        (
            {"StringLike": {"aws:username": ["a", None]}},
            "StringLike.aws:username[1]",
            "must be a string, not null",
        ),
        (
            {"StringLike": {"aws:username": "\x7f"}},
            "StringLike.aws:username",
            "has the control character U+007F",
        ),
        (
            {"StringEquals": {"aws:TagKeys": "a"}},
            "StringEquals.aws:TagKeys",
            "aws:TagKeys can have several values: write ForAllValues:StringEquals or ForAnyValue:StringEquals",
        ),
        (
            {"StringLike": {"aws:username": "${aws:usrname}"}},
            "StringLike.aws:username",
            f'"aws:usrname" in a variable {KNOWN}; did you mean "aws:username"?',
        ),
        ({"StringLike": {"aws:username": "${a b}"}}, "StringLike.aws:username", '"${a b}" is no variable'),
        (
            {"NumericEquals": {"aws:PrincipalTag/n": "ten"}},
            "NumericEquals.aws:PrincipalTag/n",
            '"ten" is no number',
        ),
        (
            {"NumericEquals": {"aws:PrincipalTag/n": "1e9"}},
            "NumericEquals.aws:PrincipalTag/n",
            '"1e9" is no number',
        ),
        (
            {"NumericEquals": {"aws:PrincipalTag/n": "٣"}},
            "NumericEquals.aws:PrincipalTag/n",
            '"٣" is no number',
        ),
        (
            {"NumericEquals": {"aws:PrincipalTag/n": True}},
            "NumericEquals.aws:PrincipalTag/n",
            "must be a string, not a boolean",
        ),
        (
            {"NumericLessThan": {"aws:PrincipalTag/n": "${aws:username}"}},
            "NumericLessThan.aws:PrincipalTag/n",
            '"${aws:username}" is no number',
        ),
        (
            {"NumericEquals": {"aws:CurrentTime": "1"}},
            "NumericEquals.aws:CurrentTime",
            "NumericEquals cannot be asked of aws:CurrentTime, whose value is a moment",
        ),
        (
            {"DateLessThan": {"aws:CurrentTime": "tomorrow"}},
            "DateLessThan.aws:CurrentTime",
            '"tomorrow" is no moment',
        ),
        (
            {"DateLessThan": {"aws:CurrentTime": "2026"}},
            "DateLessThan.aws:CurrentTime",
            '"2026" is no moment',
        ),
        (
            {"DateLessThan": {"aws:CurrentTime": "2026-13-01"}},
            "DateLessThan.aws:CurrentTime",
            '"2026-13-01" is no moment',
        ),
        (
            {"DateLessThan": {"aws:CurrentTime": "2026-01-01T25:00:00Z"}},
            "DateLessThan.aws:CurrentTime",
            '"2026-01-01T25:00:00Z" is no moment',
        ),
        (
            {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00"}},
            "DateLessThan.aws:CurrentTime",
            '"2026-01-01T00:00:00" is no moment',
        ),
        (
            {"DateLessThan": {"aws:username": "2026-01-01"}},
            "DateLessThan.aws:username",
            "DateLessThan cannot be asked of aws:username, whose value is a string",
        ),
        (
            {"Bool": {"aws:SecureTransport": "yes"}},
            "Bool.aws:SecureTransport",
            'must be "true" or "false", not "yes"',
        ),
        (
            {"Bool": {"aws:SecureTransport": 1}},
            "Bool.aws:SecureTransport",
            'must be "true" or "false", not "1"',
        ),
        ({"Bool": {"aws:username": "true"}}, "Bool.aws:username", "Bool cannot be asked of aws:username"),
        ({"Null": {"aws:username": "maybe"}}, "Null.aws:username", 'must be "true" or "false", not "maybe"'),
        (
            {"Null": {"aws:username": ["true", "false"]}},
            "Null.aws:username",
            'must be "true" or "false", not both',
        ),
        (
            {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}},
            "IpAddress.aws:SourceIp",
            '"10.0.0.0/33" is no address or range',
        ),
        (
            {"IpAddress": {"aws:SourceIp": "10.0.0"}},
            "IpAddress.aws:SourceIp",
            '"10.0.0" is no address or range',
        ),
        ({"IpAddress": {"aws:SourceIp": 10}}, "IpAddress.aws:SourceIp", "must be a string, not a number"),
        (
            {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/255.0.0.0"}},
            "NotIpAddress.aws:SourceIp",
            '"10.0.0.0/255.0.0.0" is no address or range',
        ),
        (
            {"IpAddress": {"aws:username": "10.0.0.1"}},
            "IpAddress.aws:username",
            "IpAddress cannot be asked of aws:username, whose value is a string",
        ),
        ({"ArnLike": {"aws:PrincipalArn": "bob"}}, "ArnLike.aws:PrincipalArn", '"bob" is no ARN'),
        (
            {"ArnLike": {"aws:username": "*"}},
            "ArnLike.aws:username",
            "ArnLike cannot be asked of aws:username, whose value is a string",
        ),
    ],
)
def test_conditions(condition: Any, where: str, reason: str) -> None:
    position, why = refused(text_of(statement(), statement(Condition=condition)))
    assert position == f"Statement[1].Condition.{where}"
    assert why.startswith(reason)


# --- principals ---


@pytest.mark.parametrize(
    ("elements", "where", "reason"),
    [
        ({}, "", 'has neither "Principal" nor "NotPrincipal"'),
        ({"Principal": "*", "NotPrincipal": "*"}, "", 'has both "Principal" and "NotPrincipal"'),
        ({"Principal": "bob"}, ".Principal", 'must be "*" or an object such as'),
        ({"Principal": ["*"]}, ".Principal", 'must be "*" or an object such as'),
        ({"Principal": {}}, ".Principal", "must name a principal"),
        ({"Principal": {"AWS": []}}, ".Principal.AWS", "must not be empty"),
        ({"Principal": {"AWS": "bob"}}, ".Principal.AWS", '"bob" is no principal'),
        ({"Principal": {"AWS": 123456789012}}, ".Principal.AWS", "must be a string, not a number"),
        (
            {"Principal": {"AWS": ["*", "arn:aws:iam::123456789012:user/*"]}},
            ".Principal.AWS[1]",
            '"arn:aws:iam::123456789012:user/*" has a wildcard',
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::123456789012:group/g"}},
            ".Principal.AWS",
            '"arn:aws:iam::123456789012:group/g" is a group, which is no principal',
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::123456789012:role/r"}},
            ".Principal.AWS",
            '"arn:aws:iam::123456789012:role/r" is no principal',
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::123456789012:user/${aws:username}"}},
            ".Principal.AWS",
            '"arn:aws:iam',
        ),
        (
            {"Principal": {"Service": "ec2.amazonaws.com"}},
            ".Principal.Service",
            'is no kind of principal: write "AWS"; this service has users alone',
        ),
        (
            {"Principal": {"aws": "*"}},
            ".Principal.aws",
            'is no kind of principal: write "AWS"; did you mean "AWS"?',
        ),
        (
            {"NotPrincipal": {"AWS": "*"}},
            ".NotPrincipal",
            "in an Allow would give access to all principals but these",
        ),
        ({"Effect": "Deny", "NotPrincipal": "*"}, ".NotPrincipal", "must be an object such as"),
        (
            {"Effect": "Deny", "NotPrincipal": {"AWS": "*"}},
            ".NotPrincipal.AWS",
            "all principals but all is none",
        ),
    ],
)
def test_principals(elements: Any, where: str, reason: str) -> None:
    position, why = refused(text_of(statement(**elements)), resource_policy=True)
    assert position == f"{ROOT}{where}"
    assert why.startswith(reason)


def test_a_reason_repeats_a_bounded_part_of_what_is_refused() -> None:
    _, reason = refused(text_of(statement(Action="swf:" + "Zap\u202e" * 1_000)))
    assert len(reason) < 300
    assert "\u202e" not in reason
