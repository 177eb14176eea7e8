"""Requests: what botocore writes is what we read, and what the model forbids is refused in AWS's words."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import swf_model
from workflowsvc.faults import Fault, SerializationException, ValidationException
from workflowsvc.model import decision_list, wire
from workflowsvc.model.explain import explain
from workflowsvc.model.shapes import OPERATIONS, RespondDecisionTaskCompletedInput, Shape
from workflowsvc.service.models import MODELS

SERIALIZER = create_serializer("json", include_validation=False)


def encoded(request: object) -> bytes:
    return msgspec.json.encode(request)


def message_of(operation: str, request: object) -> str:
    with pytest.raises(ValidationException) as refused:
        wire.decode(operation, request if isinstance(request, bytes) else encoded(request))
    assert refused.value.message is not None
    return refused.value.message


def test_all_39_operations_are_known() -> None:
    assert sorted(swf_model.OPERATIONS) == sorted(OPERATIONS)
    assert len(OPERATIONS) == 39


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_what_botocore_writes_is_what_we_read(operation: str) -> None:
    @settings(max_examples=25)
    @given(swf_model.requests(operation))
    def check(request: dict[str, Any]) -> None:
        sent = SERIALIZER.serialize_to_request(
            copy.deepcopy(request), swf_model.SERVICE.operation_model(operation)
        )
        assert MODELS.by_target(sent["headers"]["X-Amz-Target"]).name == operation
        read = wire.decode(operation, sent["body"])
        assert type(read).__name__ == swf_model.input_of(operation).name
        assert msgspec.to_builtins(read) == request

    check()


# ---- The fast decoder and the slow explanation agree


def accepted_fast(operation: str, body: bytes) -> Shape | None:
    try:
        request = msgspec.json.decode(body, type=OPERATIONS[operation].input)
        if isinstance(request, RespondDecisionTaskCompletedInput):
            decision_list.require_order([decision.decision_type for decision in request.decisions or ()])
    except (ValueError, Fault):
        return None
    return request


def accepted_slowly(operation: str, body: bytes) -> Shape | None:
    try:
        return explain(OPERATIONS[operation].input, body)
    except (SerializationException, ValidationException):
        return None


WRONG: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 1001, 2**31, 2**63, -(2**70), 1e16, -1e300, 0.5, 1.0]),
    st.sampled_from(
        ["", "x", "1" * 9, "x" * 65, "é" * 256, "x" * 257, "x" * 1025, "x" * 32769, "REGISTERED"]
    ),
    st.sampled_from(["CompleteWorkflowExecution", "StartTimer", "RecordMarker"]),
    st.just([]),
    st.just({}),
    st.lists(st.none(), min_size=1, max_size=2),
    st.lists(st.just("x"), min_size=6, max_size=6),
    st.lists(st.just({}), min_size=1, max_size=2),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside the value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@st.composite
def mutated(draw: st.DrawFn, operation: str) -> dict[str, Any]:
    """A legal request with up to three values put in the wrong place, or members taken away."""
    request = copy.deepcopy(draw(swf_model.requests(operation)))
    members = swf_model.input_of(operation).members
    for _ in range(draw(st.integers(0, 3))):
        extra = [(request, name) for name in members]
        holder, key = draw(st.sampled_from(places(request) + extra))
        if isinstance(holder, dict) and draw(st.booleans()):
            holder.pop(key, None)
        else:
            holder[key] = draw(WRONG)
    return request


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_fast_and_slow_agree_on_yes_and_no(operation: str) -> None:
    @settings(max_examples=40)
    @given(mutated(operation))
    def check(request: dict[str, Any]) -> None:
        body = encoded(request)
        assert accepted_fast(operation, body) == accepted_slowly(operation, body)

    check()


# ---- Every constraint of the model


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_every_broken_constraint_is_named_in_awss_grammar(operation: str) -> None:
    stated = list(swf_model.constraints(operation))
    assert stated
    for constraint in stated:
        said = message_of(operation, constraint.request)
        shown = "null" if constraint.broken is None else f"'{spelt(constraint.broken)}'"
        value = f"Value {shown} at '{constraint.path}'"
        start = f"1 validation error detected: {value} failed to satisfy constraint: "
        assert said.startswith(start)
        assert constraint.text in said.removeprefix(start)


def spelt(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def test_all_violations_are_listed_at_once() -> None:
    said = message_of("ListDomains", {"registrationStatus": "LOST", "maximumPageSize": 1001})
    assert said == (
        "2 validation errors detected: "
        "Value '1001' at 'maximumPageSize' failed to satisfy constraint:"
        " Member must have value less than or equal to 1000; "
        "Value 'LOST' at 'registrationStatus' failed to satisfy constraint:"
        " Member must satisfy enum value set: [REGISTERED, DEPRECATED]"
    )


def test_decision_types_are_listed_in_the_services_own_order() -> None:
    said = message_of(
        "RespondDecisionTaskCompleted", {"taskToken": "t", "decisions": [{"decisionType": "Wait"}]}
    )
    assert said == (
        "1 validation error detected: Value 'Wait' at 'decisions.1.member.decisionType' failed to satisfy"
        " constraint: Member must satisfy enum value set: [CompleteWorkflowExecution, StartTimer,"
        " RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution, CancelTimer,"
        " RecordMarker, ScheduleActivityTask, ContinueAsNewWorkflowExecution, ScheduleLambdaFunction,"
        " FailWorkflowExecution, RequestCancelActivityTask, StartChildWorkflowExecution,"
        " CancelWorkflowExecution]"
    )


def test_other_enums_are_listed_in_the_models_order() -> None:
    request = {"domain": "d", "workflowId": "w", "childPolicy": "KEEP"}
    assert message_of("TerminateWorkflowExecution", request).endswith("[TERMINATE, REQUEST_CANCEL, ABANDON]")


def test_list_elements_are_refused_with_the_whole_list() -> None:
    said = message_of("UntagResource", {"resourceArn": "a", "tagKeys": ["ok", ""]})
    assert said == (
        "1 validation error detected: Value '[ok, ]' at 'tagKeys' failed to satisfy constraint: Member must"
        " satisfy constraint: [Member must have length less than or equal to 128, Member must have length"
        " greater than or equal to 1, Member must not be null]"
    )


def test_a_null_among_the_elements_of_a_list_is_named_like_any_other() -> None:
    said = message_of("UntagResource", {"resourceArn": "a", "tagKeys": ["ok", None]})
    assert said.startswith("1 validation error detected: Value '[ok, null]' at 'tagKeys' failed to satisfy")
    said = message_of("TagResource", {"resourceArn": "a", "tags": [{"key": "ok"}, None]})
    assert said == (
        "1 validation error detected: Value null at 'tags.2.member' failed to satisfy constraint:"
        " Member must not be null"
    )


def test_the_offending_value_is_quoted_whole() -> None:
    details = "d" * 32769
    said = message_of("RespondActivityTaskFailed", {"taskToken": "t", "details": details})
    assert said == (
        f"1 validation error detected: Value '{details}' at 'details' failed to satisfy constraint:"
        " Member must have length less than or equal to 32768"
    )


def test_a_null_tag_is_kept_as_the_recording_shows() -> None:
    request = {
        "domain": "d",
        "workflowId": "w",
        "workflowType": {"name": "n", "version": "1"},
        "tagList": [None],
    }
    assert msgspec.to_builtins(wire.decode("StartWorkflowExecution", encoded(request))) == request


def test_lengths_count_characters_not_bytes() -> None:
    wire.decode("DescribeDomain", encoded({"name": "日" * 256}))
    message_of("DescribeDomain", {"name": "日" * 257})


# ---- Decision lists (SWF §4.6, §3.2)


def decided(*types: str | None, **attributes: Any) -> dict[str, Any]:
    return {"taskToken": "t", "decisions": [{"decisionType": kind, **attributes} for kind in types]}


@pytest.mark.parametrize("closing", swf_model.CLOSING)
@pytest.mark.parametrize("behind", ["RecordMarker", "CompleteWorkflowExecution", "WeDontCare", None])
def test_nothing_stands_behind_a_closing_decision(closing: str, behind: str | None) -> None:
    said = message_of("RespondDecisionTaskCompleted", decided("RecordMarker", closing, behind))
    assert said == "Close must be last decision in list"


@pytest.mark.parametrize("closing", swf_model.CLOSING)
@pytest.mark.parametrize("work", ["ScheduleActivityTask", "StartTimer", "ScheduleLambdaFunction"])
def test_new_work_and_a_closing_decision_do_not_go_together(closing: str, work: str) -> None:
    said = message_of("RespondDecisionTaskCompleted", decided(work, "RecordMarker", closing))
    assert said == "Specified decision is incompatible with close decision"


def test_wrong_order_is_refused_when_every_decision_is_in_itself_right() -> None:
    marker = {"decisionType": "RecordMarker", "recordMarkerDecisionAttributes": {"markerName": "m"}}
    close = {"decisionType": "CompleteWorkflowExecution"}
    timer = {
        "decisionType": "StartTimer",
        "startTimerDecisionAttributes": {"timerId": "t", "startToFireTimeout": "0"},
    }
    said = message_of("RespondDecisionTaskCompleted", {"taskToken": "t", "decisions": [close, marker]})
    assert said == "Close must be last decision in list"
    said = message_of("RespondDecisionTaskCompleted", {"taskToken": "t", "decisions": [timer, close]})
    assert said == "Specified decision is incompatible with close decision"
    wire.decode("RespondDecisionTaskCompleted", encoded({"taskToken": "t", "decisions": [marker, close]}))


@pytest.mark.parametrize("kind", swf_model.DECISION_TYPES)
def test_only_closing_decisions_come_without_attributes(kind: str) -> None:
    request = decided(kind)
    if kind in swf_model.CLOSING:
        wire.decode("RespondDecisionTaskCompleted", encoded(request))
        return
    said = message_of("RespondDecisionTaskCompleted", request)
    assert said == f"{kind}DecisionAttributes must be specified for decision of type {kind}"


def test_missing_attributes_are_looked_for_after_the_constraints_of_the_model() -> None:
    said = message_of("RespondDecisionTaskCompleted", decided("StartTimer", "Wait", "CancelTimer"))
    assert said.startswith("1 validation error detected: Value 'Wait' at 'decisions.2.member.decisionType'")
    said = message_of("RespondDecisionTaskCompleted", decided("CancelTimer", "StartTimer"))
    assert said == "CancelTimerDecisionAttributes must be specified for decision of type CancelTimer"


def test_attributes_of_another_type_are_validated_too() -> None:
    request = decided("CompleteWorkflowExecution", startTimerDecisionAttributes={"startToFireTimeout": "5"})
    said = message_of("RespondDecisionTaskCompleted", request)
    assert "Value null at 'decisions.1.member.startTimerDecisionAttributes.timerId'" in said


def test_decisions_may_be_absent_or_empty() -> None:
    wire.decode("RespondDecisionTaskCompleted", b'{"taskToken":"t"}')
    wire.decode("RespondDecisionTaskCompleted", b'{"taskToken":"t","decisions":[]}')
