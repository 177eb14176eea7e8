"""Whatever stands in whichever member of a request, over HTTP: 200 or a fault that SDKs know, never a 500.

Every member of every action, however deep, is given every value of a list of hostile ones (QUALITY §2.4). What is
refused leaves no trace.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.asking import Asked, Line
from tests.conformance.dump import differences, dump
from tests.conformance.fixtures import ME
from tests.conformance.ready import ONE, Ready
from tests.scenario.over_http import OverHttp, Server
from tests.wire import swf_model
from workflowsvc.settings import Settings
from workflowsvc.testing.scenarios.judge import Auditor

HERE = "<here>"
HOSTILE = {
    "null": b"null",
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "a number beyond all bounds": b"1e400",
    "a number of 5,000 digits": b"9" * 5_000,
    "2^63": b"9223372036854775808",
    "the last moment": b"9e15",
    "the first moment": b"-9e15",
    "a negative number": b"-1",
    "a fraction": b"0.5",
    "true": b"true",
    "an empty list": b"[]",
    "a list of nothing": b"[null]",
    "a list of lists": b"[[]]",
    "an empty object": b"{}",
    "an object of something else": b'{"name":{"name":null},"version":[1]}',
    "100,000 brackets": b"[" * 100_000,
    "an empty text": b'""',
    "a lone surrogate": b'"\\ud800"',
    "a surrogate as bytes": b'"\xed\xa0\x80"',
    "half a character": b'"\xe6"',
    "NUL": b'"a\\u0000b"',
    "a control character": b'"\\u0085"',
    "line ends": b'"\\r\\nx-injected: 1"',
    "40,000 characters": b'"' + b"x" * 40_000 + b'"',
    "digits that are none": '"٣٠٠"'.encode(),
    "a duration with blanks": b'" 30\\n"',
    "NONE": b'"NONE"',
    "arn": b'"arn"',
    "SQL": b'"\'; drop table events; --"',
    "an unknown member": b'"x","x":"y"',
}
KNOWN = {
    "SerializationException",
    "ValidationException",
    *(
        error.name
        for name in swf_model.OPERATIONS
        for error in swf_model.SERVICE.operation_model(name).error_shapes
    ),
}


def places(shape: Any, whole: Any) -> Iterator[Any]:
    """The least legal value of the shape, again and again, with `HERE` in one member after the other."""
    if shape.type_name == "list":
        yield [HERE]
        for inner in places(shape.member, swf_model.example(shape.member)):
            yield [swf_model.example(shape.member), inner]
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield {**whole, name: HERE}
            for inner in places(member, swf_model.example(member)):
                yield {**whole, name: inner}


@pytest.fixture
def ready(server: Server) -> Iterator[Ready]:
    service = OverHttp(server, Settings())
    yield Ready(service)
    service.close()


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_every_member_may_hold_anything(server: Server, ready: Ready, operation: str) -> None:
    least = ready.request(operation)
    before = dump(ready.store)
    with Line(server) as line:
        for request in places(swf_model.input_of(operation), least):
            for what, value in HOSTILE.items():
                body = json.dumps(request).encode().replace(f'"{HERE}"'.encode(), value)
                asked = line.ask(operation, body)
                after = dump(ready.store)
                require_answer(asked, f"{what} in {request}")
                assert asked.status == 200 or differences(before, after) == [], f"{what} in {request}"
                before = after


@pytest.mark.parametrize("kind", swf_model.DECISION_TYPES)
def test_every_member_of_every_decision_may_hold_anything(server: Server, ready: Ready, kind: str) -> None:
    """As above, and carried out when it is accepted: each on a task that is really open."""
    member = f"{swf_model.lower_first(kind)}DecisionAttributes"
    shape = swf_model.SERVICE.shape_for("Decision").members[member]
    numbers = itertools.count(1)
    accepted = 0
    with Line(server) as line:
        token = ready.names["$decision"]
        for attributes in places(shape, swf_model.example(shape)):
            for what, value in HOSTILE.items():
                asked_for = {"taskToken": token, "decisions": [{"decisionType": kind, member: attributes}]}
                body = json.dumps(asked_for).encode().replace(f'"{HERE}"'.encode(), value)
                asked = line.ask("RespondDecisionTaskCompleted", body)
                require_answer(asked, f"{what} in {attributes}")
                if asked.status == 200:
                    accepted += 1
                    token = next_token(ready, next(numbers))
    assert accepted
    Auditor(ready.service, Settings().quotas).judge_domain(ME, "1")


def next_token(ready: Ready, number: int) -> str:
    """Of a decision task that waits, or of a new run."""
    asked = {"domain": "1", "taskList": {"name": "1"}}
    task = ready.call("PollForDecisionTask", **asked)
    if "taskToken" not in task:
        workflow_id = f"run {number}"
        ready.call("StartWorkflowExecution", domain="1", workflowId=workflow_id, workflowType=ONE)
        task = ready.call("PollForDecisionTask", **asked)
    return task["taskToken"]


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_a_member_that_is_named_twice_is_what_it_is_the_second_time(
    server: Server, ready: Ready, operation: str
) -> None:
    """QUALITY §2.4: one rule, the same for the fast decoder and the slow explanation."""
    least = ready.request(operation)
    with Line(server) as line:
        for name in least:
            wrong = json.dumps({name: {"no": "such"} if isinstance(least[name], str) else "text"})
            first = line.ask(operation, json.dumps(least)[:-1].encode() + b"," + wrong[1:].encode())
            assert (first.status, first.code) == (400, "SerializationException"), name
            second = line.ask(operation, wrong[:-1].encode() + b"," + json.dumps(least)[1:].encode())
            require_answer(second, name)
            assert second.code not in ("SerializationException", "ValidationException"), name


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_a_body_may_be_anything(server: Server, ready: Ready, operation: str) -> None:
    before = dump(ready.store)
    with Line(server) as line:
        for what, value in HOSTILE.items():
            asked = line.ask(operation, value)
            require_answer(asked, what)
            assert asked.status == 400
    assert differences(before, dump(ready.store)) == []


def require_answer(asked: Asked, what: str) -> None:
    """SWF §1.4: 200, or 400 with a fault that SDKs know."""
    assert asked.status in (200, 400), what
    assert asked.status == 200 or asked.code in KNOWN, what
