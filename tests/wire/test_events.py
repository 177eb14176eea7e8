"""Events: every type becomes AWS's JSON and comes back the same, to the millisecond."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import swf_model
from tests.wire.answers import as_json, built, require_awss_form
from workflowsvc.model.events import Event, decode_event, encode_event, timestamp
from workflowsvc.model.shapes import (
    DECISIONS,
    EVENT_TYPE_OF,
    EVENTS,
    DecisionTaskStartedEventAttributes,
    HistoryEvent,
    TimerFiredEventAttributes,
)

PARSER = create_parser("json")
HISTORY = swf_model.SERVICE.shape_for("History")
HISTORY_EVENT = swf_model.SERVICE.shape_for("HistoryEvent")


def test_there_are_54_events_and_13_decisions() -> None:
    assert list(EVENTS) == swf_model.EVENT_TYPES
    assert list(DECISIONS) == swf_model.DECISION_TYPES
    assert (len(EVENTS), len(DECISIONS)) == (54, 13)


def test_the_type_of_an_event_follows_from_its_attributes() -> None:
    assert {EVENT_TYPE_OF[shape.attributes] for shape in EVENTS.values()} == EVENTS.keys()


@pytest.mark.parametrize("kind", swf_model.EVENT_TYPES)
def test_an_event_comes_back_as_it_was_written(kind: str) -> None:
    shape = HISTORY_EVENT.members[EVENTS[kind].member]

    @settings(max_examples=20)
    @given(swf_model.values(shape), st.integers(1, 2**53), st.integers(-(10**12), 10**14))
    def check(attributes: dict[str, Any], number: int, at_ms: int) -> None:
        event = Event(id=number, at_ms=at_ms, type=kind, attributes=built(shape, attributes))
        body = encode_event(event)
        assert decode_event(body) == event
        require_awss_form(body)
        read = msgspec.json.decode(body, type=HistoryEvent)
        assert getattr(read, EVENTS[kind].attribute) == event.attributes

    check()


@pytest.mark.parametrize("kind", swf_model.EVENT_TYPES)
def test_botocore_reads_every_event(kind: str) -> None:
    member = EVENTS[kind].member
    attributes = swf_model.example(HISTORY_EVENT.members[member])
    wire = {"eventId": 7, "eventTimestamp": 1497371587073, "eventType": kind, member: attributes}
    body = b'{"events":[' + bytes(built(HISTORY_EVENT, wire)) + b"]}"
    read = PARSER.parse({"status_code": 200, "headers": {}, "body": body}, HISTORY)
    assert as_json(read) == {"events": [wire]}


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (1497371587073, "1.497371587073E9"),  # the first three are recorded, SWF §1.2.6
        (1497371587840, "1.49737158784E9"),
        (1488804447590, "1.48880444759E9"),
        (1500000000000, "1.5E9"),
        (1000000000000, "1.0E9"),
        (999999999999, "9.99999999999E8"),
        (10_000_000_000, "1.0E7"),  # from here up Java turns to scientific notation
        (9_999_999_999, "9999999.999"),
        (1500, "1.5"),
        (1, "0.001"),
        (0, "0.0"),
    ],
)
def test_moments_are_spelt_as_java_spells_doubles(at_ms: int, text: str) -> None:
    assert bytes(timestamp(at_ms)).decode() == text
    assert round(json.loads(text) * 1000) == at_ms


@given(st.integers(-(10**12), 10**15))
def test_moments_come_back_exactly(at_ms: int) -> None:
    event = Event(1, at_ms, "TimerFired", TimerFiredEventAttributes(started_event_id=1, timer_id="t"))
    assert decode_event(encode_event(event)).at_ms == at_ms


def test_attributes_stand_before_or_behind_the_event_id_by_the_alphabet() -> None:
    timer = Event(7, 1500000000000, "TimerFired", TimerFiredEventAttributes(started_event_id=5, timer_id="t"))
    assert encode_event(timer) == (
        b'{"eventId":7,"eventTimestamp":1.5E9,"eventType":"TimerFired",'
        b'"timerFiredEventAttributes":{"startedEventId":5,"timerId":"t"}}'
    )
    started = DecisionTaskStartedEventAttributes(scheduled_event_id=2)
    assert encode_event(Event(3, 1500000000000, "DecisionTaskStarted", started)) == (
        b'{"decisionTaskStartedEventAttributes":{"scheduledEventId":2},'
        b'"eventId":3,"eventTimestamp":1.5E9,"eventType":"DecisionTaskStarted"}'
    )
