"""What an operator reads of refused calls: which, why, of whom and about what; never data, and never a flood."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.support import Running, post, running
from tests.support.waiting import until
from workflowsvc.clock import ManualClock
from workflowsvc.http.refusal_log import BURST, MAX_CHARACTERS, MAX_KINDS, REPEAT_SECONDS, RefusalLog
from workflowsvc.testing import World

CANARY = "canary"


@pytest.fixture
def server(caplog: pytest.LogCaptureFixture) -> Iterator[Running]:
    """A server of its own: what it has logged before is not remembered."""
    caplog.set_level(logging.INFO)
    with running() as it:
        yield it


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "workflowsvc.calls"]


def line_of(server: Running, caplog: pytest.LogCaptureFixture, data: bytes) -> str:
    """The one line about this refused request, after which another one is answered, so that it is written."""
    answer = server.ask(data)
    assert answer.status in (400, 413, 431, 503)
    server.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    (line,) = lines(caplog)
    assert CANARY not in line
    assert "\n" not in line
    if "x-amzn-requestid" in answer.headers:
        assert line.startswith(f"request {answer.headers['x-amzn-requestid']}: ")
    return line


def test_a_refused_call_says_which_why_for_whom_and_about_what(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    body = {
        "domain": "orders",
        "workflowId": "o-1",
        "workflowType": {"name": "n", "version": "1"},
        "input": CANARY * 10_000,
        "tagList": [CANARY] * 6,
        "childPolicy": CANARY,
    }
    line = line_of(server, caplog, post("StartWorkflowExecution", body))
    assert re.search(
        r": StartWorkflowExecution for 000000000000/us-east-1 answered 400 in [0-9.]+ ms: ", line
    )
    assert (
        "ValidationException: 3 validation errors detected: Value at 'childPolicy' failed to satisfy" in line
    )
    assert "; Value at 'input' failed to satisfy constraint: Member must have length less than" in line
    assert line.endswith(", domain orders, workflowId o-1")


def test_a_fault_of_the_service_keeps_its_text(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    line = line_of(server, caplog, post("DescribeDomain", {"name": "nowhere"}))
    assert line.endswith(": UnknownResourceFault: Unknown domain: nowhere, name nowhere")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"domain":"canary",', "the body is no JSON: Input data was truncated"),
        (b'{"domain":"d" "canary":1}', "the body is no JSON: JSON is malformed: "),
        (b'["canary"]', "the body is no JSON object, but of type list"),
        (b'{"domain":"\xff"}', "the body is no JSON: 'utf-8' codec can't decode byte 0xff in position 11"),
        (b'{"domain":' + b"[" * 5_000, "the body is no JSON: maximum recursion depth exceeded"),
        (b'{"domain":' + b"9" * 500 + b"}", "a number has 400 digits or more"),
    ],
)
def test_what_is_wrong_with_a_body_that_is_no_json_is_logged(
    server: Running, caplog: pytest.LogCaptureFixture, body: bytes, said: str
) -> None:
    line = line_of(server, caplog, post("PollForActivityTask", body))
    assert f": SerializationException: {said}" in line


def test_names_cannot_bring_lines_of_their_own(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    body = {
        "domain": "d\r\n2026-01-01 ERROR forged",
        "execution": {"workflowId": "w" * 5_000, "runId": "\x1b[2J"},
    }
    line = line_of(server, caplog, post("DescribeWorkflowExecution", body))
    assert r"domain d\r\n2026-01-01 ERROR forged" in line
    assert len(line) < 5 * MAX_CHARACTERS


def test_what_is_refused_before_it_is_a_call_is_logged_with_the_address(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    data = post("ListDomains", {}, "X-Long: " + CANARY * 5_000)
    assert (
        line_of(server, caplog, data) == "a request of 127.0.0.1 answered 431: RequestEntityTooLargeException"
    )


def test_what_is_no_http_is_logged(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    with server.client() as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # how TLS begins
        assert client.is_closed()
    assert lines(caplog) == ["a connection of 127.0.0.1 was closed: what it sent is no HTTP (is it TLS?)"]


def test_a_client_that_repeats_a_refused_call_is_a_line_in_ten_seconds(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        server.ask(post("DescribeDomain", {"name": "nowhere"}))
    server.ask(post("DescribeDomain", {"name": ""}))  # another fault
    until(lambda: len(lines(caplog)) > 1, "the last one is logged, after its answer")
    assert [line.partition(" ms: ")[2].partition(":")[0] for line in lines(caplog)] == [
        "UnknownResourceFault",
        "ValidationException",
    ]


# --- the rate ---


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def refusals(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> RefusalLog:
    caplog.set_level(logging.INFO)
    return RefusalLog(clock)


def test_what_was_not_logged_is_counted(
    refusals: RefusalLog, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        refusals.write("one", f"refused {number}".__str__)
    clock.advance(round(REPEAT_SECONDS * 1000))
    refusals.write("one", "refused 100".__str__)
    assert lines(caplog) == ["refused 0", "refused 100; 99 more like it before"]


def test_refusals_of_ever_new_kinds_are_bounded_too(
    refusals: RefusalLog, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MAX_KINDS + 500):
        refusals.write(number, f"refused {number}".__str__)
    assert len(lines(caplog)) == BURST
    clock.advance(1_000)
    refusals.write("last", "refused".__str__)
    assert lines(caplog)[-1] == f"refused; {MAX_KINDS - BURST} others before"


def test_a_text_that_is_not_logged_is_not_made(refusals: RefusalLog) -> None:
    made: list[str] = []

    def text() -> str:
        made.append("text")
        return made[-1]

    for _ in range(10):
        refusals.write("one", text)
    assert made == ["text"]


def test_a_refusal_about_a_task_names_its_execution(clock: ManualClock) -> None:
    """Only the token says which, and a token is not logged."""
    world = World()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.call(
        "RegisterWorkflowType",
        domain="d",
        name="n",
        version="1",
        defaultChildPolicy="TERMINATE",
        defaultTaskList={"name": "l"},
        defaultTaskStartToCloseTimeout="10",
        defaultExecutionStartToCloseTimeout="100",
    )
    run_id = world.call(
        "StartWorkflowExecution", domain="d", workflowId="w", workflowType={"name": "n", "version": "1"}
    )["runId"]
    token = world.call("PollForDecisionTask", domain="d", taskList={"name": "l"})["taskToken"]
    world.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    fault: Any = None
    try:
        world.call("RespondDecisionTaskCompleted", taskToken=token)
    except Exception as refused:
        fault = refused
    assert (fault.workflow_id, fault.run_id) == ("w", run_id)
