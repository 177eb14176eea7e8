"""Hostile bodies (QUALITY §2.4) are refused at once with a fault that SDKs know; nothing else comes out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import swf_model
from workflowsvc.faults import Fault, SerializationException, ValidationException
from workflowsvc.model import shapes, wire

DEEP = b"[" * 100_000
NINES = b"9" * 5_000


def list_domains(body: bytes) -> shapes.ListDomainsInput:
    request = wire.decode("ListDomains", body)
    assert isinstance(request, shapes.ListDomainsInput)
    return request


def member(text: bytes) -> bytes:
    """A legal request but for one member."""
    return b'{"registrationStatus":"REGISTERED",' + text + b"}"


def require_known_to_sdks(fault: Fault) -> None:
    assert fault.status == 400
    assert json.loads(fault.body())["__type"].endswith(("#SerializationException", "#ValidationException"))


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"registrationStatus"',
        b"5",
        b"{",
        b"{}}",
        b'{"registrationStatus":"REGISTERED"',
        b'{"registrationStatus":"REGISTERED",}',
        b"{'registrationStatus':'REGISTERED'}",
        b" ",
        b"\x00",
        b"\xef\xbb\xbf" + b'{"registrationStatus":"REGISTERED"}',
        '{"registrationStatus":"REGISTERED"}'.encode("utf-16"),
        '{"registrationStatus":"REGISTERED"}'.encode("utf-16-le"),
        '{"registrationStatus":"REGISTERED"}'.encode("utf-32"),
        DEEP,
        b'{"nextPageToken":' + DEEP,
        member(b'"nextPageToken":' + DEEP),
        member(b'"unknownMember":' + DEEP),
        member(b'"unknownMember":' + b'{"a":' * 100_000),
        member(b'"unknownMember":' + DEEP + b"]" * 100_000),
        member(b'"maximumPageSize":NaN'),
        member(b'"maximumPageSize":Infinity'),
        member(b'"maximumPageSize":-Infinity'),
        member(b'"maximumPageSize":1e400'),
        member(b'"unknownMember":NaN'),
        member(b'"unknownMember":Infinity'),
        member(b'"nextPageToken":"\\ud800"'),
        member(b'"nextPageToken":"\\udfff\\ud800"'),
        member(b'"unknownMember":"\\ud800"'),
        member(b'"\\ud800":1'),
        member(b'"nextPageToken":"\xed\xa0\x80"'),  # a surrogate encoded as UTF-8
        member(b'"unknownMember":"\xed\xa0\x80"'),
        member(b'"unknownMember":"\xff"'),
        member(b'"unknownMember":"\xc0\xaf"'),  # an overlong slash
        member(b'"nextPageToken":"line\nbreak"'),
        member(b'"maximumPageSize":' + NINES),
        member(b'"maximumPageSize":-' + NINES),
        member(b'"maximumPageSize":01'),
    ],
    ids=lambda body: repr(body[:60]),
)
def test_what_is_no_json_object_is_refused_without_a_text(body: bytes) -> None:
    with pytest.raises(SerializationException) as refused:
        list_domains(body)
    assert refused.value.message is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'"nextPageToken":5', "NUMBER_VALUE can not be converted to a String"),
        (b'"nextPageToken":0.5', "NUMBER_VALUE can not be converted to a String"),
        (b'"nextPageToken":true', "TRUE_VALUE can not be converted to a String"),
        (b'"nextPageToken":false', "FALSE_VALUE can not be converted to a String"),
        (b'"nextPageToken":[]', "Start of list found where not expected"),
        (b'"nextPageToken":{}', "Start of structure or map found where not expected."),
        (b'"maximumPageSize":"5"', "STRING_VALUE can not be converted to an Integer"),
        (b'"maximumPageSize":true', "TRUE_VALUE can not be converted to an Integer"),
        (b'"maximumPageSize":1.0', "NUMBER_VALUE can not be converted to an Integer"),
        (b'"maximumPageSize":2147483648', "NUMBER_VALUE can not be converted to an Integer"),
        (b'"maximumPageSize":' + b"9" * 40, "NUMBER_VALUE can not be converted to an Integer"),
        (b'"reverseOrder":"true"', "STRING_VALUE can not be converted to a Boolean"),
        (b'"reverseOrder":1', "NUMBER_VALUE can not be converted to a Boolean"),
    ],
)
def test_a_wrong_json_type_is_named_and_nothing_else_is_checked(text: bytes, said: str) -> None:
    """SWF §1.1.13, §3.1; the page size of 5000 would be a violation of its own."""
    with pytest.raises(SerializationException) as refused:
        list_domains(b'{"registrationStatus":"LOST",' + text + b"}")
    assert refused.value.message == said


def test_structures_and_lists_are_asked_for_by_name() -> None:
    for task_list, said in ((b'"l"', "Expected null"), (b"[]", "Start of list found where not expected")):
        with pytest.raises(SerializationException) as refused:
            wire.decode("PollForActivityTask", b'{"domain":"d","taskList":' + task_list + b"}")
        assert refused.value.message == said
    for decisions, said in ((b'"x"', "Expected list or null"), (b"{}", "Start of structure or map found")):
        with pytest.raises(SerializationException) as refused:
            wire.decode("RespondDecisionTaskCompleted", b'{"taskToken":"t","decisions":' + decisions + b"}")
        assert str(refused.value.message).startswith(said)


@pytest.mark.parametrize("moment", [b"1e400", b"-1e400", b"1e17", NINES, b'"2020-01-01"', b"true", b"NaN"])
def test_a_moment_is_a_number_that_fits(moment: bytes) -> None:
    body = b'{"domain":"d","startTimeFilter":{"oldestDate":' + moment + b"}}"
    with pytest.raises(SerializationException):
        wire.decode("CountOpenWorkflowExecutions", body)


@pytest.mark.parametrize("moment", [b"0", b"-1", b"1497371587", b"1.497371587073E9", b"1497371587.073"])
def test_moments_are_whole_or_broken_seconds(moment: bytes) -> None:
    """SWF §1.1.14."""
    body = b'{"domain":"d","startTimeFilter":{"oldestDate":' + moment + b"}}"
    request = wire.decode("CountOpenWorkflowExecutions", body)
    assert isinstance(request, shapes.CountOpenWorkflowExecutionsInput)
    assert request.start_time_filter.oldest_date == float(moment)


def test_unknown_members_are_ignored() -> None:
    """SWF §1.1.12."""
    assert list_domains(member(b'"unknownMember":{"a":[1,{"b":1e400}]}')).registration_status == "REGISTERED"


def test_null_members_are_absent() -> None:
    """SWF §1.1.10."""
    assert list_domains(member(b'"maximumPageSize":null,"reverseOrder":null')) == shapes.ListDomainsInput(
        registration_status="REGISTERED"
    )
    with pytest.raises(ValidationException, match="Value null at 'registrationStatus'"):
        list_domains(b'{"registrationStatus":null}')


def test_an_empty_body_is_an_empty_object() -> None:
    with pytest.raises(ValidationException, match="Value null at 'registrationStatus'"):
        list_domains(b"")


@pytest.mark.parametrize("first", [b'"DEPRECATED"', b'"LOST"', b"5", b"null", b"[]"])
def test_of_a_member_named_twice_the_last_one_counts(first: bytes) -> None:
    body = b'{"registrationStatus":' + first + b',"registrationStatus":"REGISTERED"}'
    assert list_domains(body) == shapes.ListDomainsInput(registration_status="REGISTERED")


def test_of_a_member_named_twice_a_last_null_counts_too() -> None:
    with pytest.raises(ValidationException, match="Value null at 'registrationStatus'"):
        list_domains(b'{"registrationStatus":"REGISTERED","registrationStatus":null}')


def test_free_data_may_hold_any_character() -> None:
    result = "a\x00b\x1f\x7f日\U0001f600"
    body = json.dumps({"taskToken": "t", "result": result}).encode()
    request = wire.decode("RespondActivityTaskCompleted", body)
    assert isinstance(request, shapes.RespondActivityTaskCompletedInput)
    assert request.result == result


def test_a_thousand_violations_are_listed_and_no_more() -> None:
    body = b'{"taskToken":"t","decisions":[' + b"{}," * 12_000 + b"{}]}"
    with pytest.raises(ValidationException) as refused:
        wire.decode("RespondDecisionTaskCompleted", body)
    assert refused.value.message is not None
    assert refused.value.message.startswith("1000 validation errors detected: ")
    assert len(refused.value.message) < 200_000


@settings(max_examples=300)
@given(st.sampled_from(swf_model.OPERATIONS), st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_noise_is_a_fault_and_never_another_exception(operation: str, noise: bytes | str) -> None:
    body = noise if isinstance(noise, bytes) else noise.encode("utf-8", "surrogatepass")
    try:
        wire.decode(operation, body)
    except Fault as fault:
        require_known_to_sdks(fault)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_any_json_under_the_right_names_is_read_or_refused(operation: str) -> None:
    names = st.sampled_from(sorted(swf_model.input_of(operation).members))

    @settings(max_examples=25)
    @given(st.dictionaries(names, JSON))
    def check(request: dict[str, object]) -> None:
        try:
            wire.decode(operation, json.dumps(request).encode())
        except Fault as fault:
            require_known_to_sdks(fault)

    check()
