"""What a body of a megabyte may cost (QUALITY §2.4): work is counted, since time depends on the machine.

The service model is walked for every place that could be large, and each is filled with what is cheap to send and dear
to look at. Counted are the calls of functions while a body is explained, and the bytes that it takes to do so.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.wire import swf_model
from workflowsvc.faults import Fault, SerializationException, ValidationException
from workflowsvc.model import wire
from workflowsvc.model.explain import MAX_DIGITS, MAX_VALUES

MEGABYTE = 1_048_576

# What is put where something is expected, as often as it fits: each is no longer than it must be.
CHEAP = {
    "empty texts": b'""',
    "empty structures": b"{}",
    "empty lists": b"[]",
    "nulls": b"null",
    "digits": b"0",
    "floats": b"1e9",
    "long numbers": b"9" * 4_000,
    "nested lists": b"[" * 900 + b"]" * 900,
    "nested structures": b'{"":' * 900 + b"0" + b"}" * 900,
}


def filled(before: bytes, unit: bytes, after: bytes, most: int = MEGABYTE) -> bytes:
    """The unit, with commas between, as often as it fits into a megabyte, or `most` times."""
    times = (MEGABYTE - len(before) - len(after)) // (len(unit) + 1)
    return before + b",".join([unit] * min(times, most)) + after


def places() -> Iterator[tuple[str, str, bytes, bytes]]:
    """(operation, path, what comes before, what comes after) for each list of the model, and an unknown member. The
    body is refused in any case, so that it is explained: a required member is missing, or has a wrong type."""
    for operation in swf_model.OPERATIONS:
        shape = swf_model.input_of(operation)
        yield operation, "unknown", b'{"unknownMember":[', b"]}"
        yield from _lists(operation, shape, "", b"{", b"}")


def _lists(operation: str, shape: Any, path: str, before: bytes, after: bytes) -> Iterator[Any]:
    for name, member in shape.members.items():
        there = before + json.dumps(name).encode() + b":"
        if member.type_name == "list":
            yield operation, f"{path}{name}", there + b"[", b"]" + after
            if member.member.type_name == "structure":
                inside = there + b"[{"
                yield from _lists(operation, member.member, f"{path}{name}.", inside, b"}]" + after)
        elif member.type_name == "structure":
            yield from _lists(operation, member, f"{path}{name}.", there + b"{", b"}" + after)


BODIES = {
    f"{operation} {path}: {how_many} {kind}": (operation, filled(before, unit, after, most))
    for operation, path, before, after in places()
    if path != "unknown" or operation == "StartWorkflowExecution"
    for kind, unit in CHEAP.items()
    # The second is explained in full, the first is refused for its size.
    for how_many, most in (("all", MEGABYTE), ("some", MAX_VALUES - 10))
}
BODIES |= {
    f"RespondDecisionTaskCompleted: {what}": ("RespondDecisionTaskCompleted", body)
    for what, body in {
        "many unknown members": b"{" + b",".join(b'"%x":0' % number for number in range(90_000)) + b"}",
        "one member again and again": filled(b"{", b'"taskToken":0', b"}"),
        "decisions without attributes": filled(
            b'{"taskToken":"","decisions":[', b'{"decisionType":"CancelTimer"}', b"]}"
        ),
        "decisions of no type": filled(b'{"taskToken":"t","decisions":[', b'{"decisionType":"x"}', b"]}"),
        "one long number": b'{"taskToken":' + b"9" * (MEGABYTE - 20) + b"}",
        "escapes": b'{"taskToken":"' + b"\\u0001" * 170_000 + b'"}',
        "brackets in a text": b'{"taskToken":"' + b'[\\"\\",' * 150_000 + b'"}',
        "backslashes": b'{"taskToken":"' + b"\\\\" * 500_000 + b'"}',
    }.items()
}

MAX_CALLS = 30 * MAX_VALUES
"""Of functions, of Python and of C. Before there was a bound, `{},` again and again led to nine million."""

MAX_BYTES = 40 * MEGABYTE
"""Held at the same time. Before, lists within lists took 60 MB."""


class Counted:
    """The calls that a function makes, and the most bytes that it holds."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.calls = 0
        tracemalloc.start()
        try:
            sys.setprofile(self._count)
            try:
                self.outcome = work()
            finally:
                sys.setprofile(None)
            self.bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def _count(self, _: object, event: str, __: object) -> None:
        self.calls += event in ("call", "c_call")


def decoded(operation: str, body: bytes) -> Fault | None:
    try:
        wire.decode(operation, body)
    except Fault as fault:
        return fault
    return None


@pytest.mark.parametrize("name", BODIES)
def test_no_body_of_a_megabyte_is_much_work(name: str) -> None:
    operation, body = BODIES[name]
    assert len(body) <= MEGABYTE
    counted = Counted(lambda: decoded(operation, body))
    assert counted.calls <= MAX_CALLS
    assert counted.bytes <= MAX_BYTES
    fault = counted.outcome
    if isinstance(fault, Fault):
        assert len(fault.body()) <= 3 * MEGABYTE
        assert fault.status == 400


def test_what_has_too_many_values_is_refused_with_the_first_error() -> None:
    body = filled(
        b'{"domain":"d","workflowId":"w","workflowType":{"name":"n","version":"v"},"tagList":[', b'""', b"]}"
    )
    fault = decoded("StartWorkflowExecution", body)
    assert isinstance(fault, SerializationException)
    assert fault.message is not None
    assert fault.message.startswith(
        f"The request has more than {MAX_VALUES} values, too many to list what is"
    )
    assert "`$.tagList" in fault.message
    assert len(fault.message) < 400


def test_what_is_right_has_no_such_limit() -> None:
    """Only a refusal is dear: what the decoder accepts, it reads in a few milliseconds."""
    decision = b'{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"t"}}'
    body = filled(b'{"taskToken":"t","decisions":[', decision, b"]}")
    assert 2 * body.count(decision) > MAX_VALUES / 2
    assert decoded("RespondDecisionTaskCompleted", body) is None
    assert decoded("ListDomains", filled(b'{"registrationStatus":"REGISTERED","x":[', b'""', b"]}")) is None


@pytest.mark.parametrize("text", [b'[\\"\\",{', b"\\\\", b'\\\\\\"', b"9" * MAX_DIGITS + b","])
def test_what_stands_in_a_text_is_not_counted(text: bytes) -> None:
    body = b'{"result":"' + text * (MEGABYTE // len(text) - 20) + b'"}'
    fault = decoded("RespondActivityTaskCompleted", body)
    assert isinstance(fault, ValidationException)
    assert str(fault.message).startswith("2 validation errors detected: Value '")
    assert str(fault.message).endswith(
        "Value null at 'taskToken' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize("digits", [MAX_DIGITS, 4_000, 5_000])
def test_a_number_that_no_double_can_hold_is_refused_without_reading_it(digits: int) -> None:
    fault = decoded("ListDomains", b'{"unknownMember":[' + b"9" * digits + b"]}")
    assert isinstance(fault, SerializationException)
    assert fault.message is None
