"""The log for machines: JSON lines, the access log, slow calls; the ids of clients are in it, and no data."""

from __future__ import annotations

import io
import json
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.http.support import LIST_DOMAINS, Raw, post, running
from tests.http.test_serve import serve
from tests.metrics.test_page import serving
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.clock import ManualClock
from workflowsvc.commands.log_lines import MAX_GATHERED, log_to
from workflowsvc.engine.batch_figures import AnswerTimes
from workflowsvc.http.call_observer import CallObserver
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant

CANARY = "canary-4711"
SECRETS = {
    "domain": "d",
    "workflowId": "w",
    "workflowType": {"name": "t", "version": "1"},
    "input": CANARY,
    "tagList": [CANARY],
}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a process with --log-format json logs; the logging of the tests is as before then."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    log_to(stream, "info", "json")
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_every_entry_is_one_object_on_one_line(lines: io.StringIO) -> None:
    log = logging.getLogger("workflowsvc.test")
    log.info("two\nlines and \x1b[31m red", extra={"fields": {"requestId": "1", "message": "not mine"}})
    try:
        raise ValueError("a bug\nwith two lines")
    except ValueError:
        log.exception("it failed")
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"]) == (
        "info",
        "workflowsvc.test",
        "two\nlines and \x1b[31m red",
    )
    assert (first["requestId"], first["time"][-1]) == ("1", "Z")
    assert "ValueError: a bug\nwith two lines" in second["exception"]


def test_no_entry_has_a_character_that_ends_or_hides_a_line(lines: io.StringIO) -> None:
    texts = ["\u2028 and \x85", "\x7f", "é", "half of \ud83d"]
    handler = logging.getLogger().handlers[0]  # the reports of pytest cannot hold all of these
    for text in texts:
        handler.handle(logging.makeLogRecord({"msg": text, "fields": {"kind": int}}))
    written = lines.getvalue()
    assert written.isascii()
    assert "\x7f" not in written
    assert [json.loads(line)["message"] for line in written.splitlines()] == texts
    assert json.loads(written.splitlines()[0])["kind"] == "<class 'int'>"


def test_frequent_entries_are_written_in_their_order_and_soon(lines: io.StringIO) -> None:
    def messages() -> list[str]:
        return [json.loads(line)["message"] for line in lines.getvalue().splitlines()]

    log = logging.getLogger("workflowsvc.test")
    log.info("one", extra={"frequent": True})
    log.info("two", extra={"frequent": True})
    log.info("three")
    assert messages() == ["one", "two", "three"]
    log.info("four", extra={"frequent": True})
    until(lambda: messages()[3:] == ["four"], "it is written without another entry")
    for number in range(MAX_GATHERED + 1):
        log.info("%d", number, extra={"frequent": True})
    until(lambda: messages()[-1] == str(MAX_GATHERED), "all are written")
    assert messages()[4:] == [str(number) for number in range(MAX_GATHERED + 1)]


def test_a_server_logs_in_json_what_clients_were_told_and_no_data(tmp_path: Path) -> None:
    options = ("--log-format", "json", "--log-level", "debug", "--access-log", "--slow-call-ms", "0.001")
    with serve(tmp_path, "--console-port", "off", *options) as served:
        answers = {
            name: served.ask(post(name, body, f"Authorization: {CANARY}"))
            for name, body in (
                ("StartWorkflowExecution", SECRETS),
                ("ListDomains", {"registrationStatus": "REGISTERED"}),
            )
        }
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_SECONDS) == 0
        logged = [json.loads(line) for line in served.said.splitlines() if line.startswith("{")]
        said = served.said
    assert CANARY not in said
    for name, answer in answers.items():
        request_id = answer.headers["x-amzn-requestid"]
        (line,) = [
            line
            for line in logged
            if line["logger"] == "workflowsvc.requests" and line["requestId"] == request_id
        ]
        assert (line["action"], line["status"]) == (name, answer.status)
        assert (line["account"], line["region"]) == ("000000000000", "us-east-1")
        assert line["bytesOut"] == len(answer.body)
        assert line["sourceIp"] == "127.0.0.1"
        assert line["ms"] > 0
    (refused,) = [line for line in logged if line["logger"] == "workflowsvc.calls"]
    assert (refused["fault"], refused["requestId"]) == (
        "UnknownResourceFault",
        answers["StartWorkflowExecution"].headers["x-amzn-requestid"],
    )
    slow = [line for line in logged if line["logger"] == "workflowsvc.slow"]
    assert {line["action"] for line in slow} == set(answers)
    assert all(line["level"] == "warning" and line["ms"] > 0 for line in slow)


def test_the_access_log_is_off_unless_it_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running() as server:
        server.ask(LIST_DOMAINS)
    assert not [record for record in caplog.records if record.name == "workflowsvc.requests"]


def test_the_access_log_has_a_line_for_each_call_in_plain_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running(access_log=True) as server:
        answers = [server.ask(LIST_DOMAINS), server.ask(post("DescribeDomain", {"name": "nowhere"}))]

        def found() -> list[str]:
            return [record.getMessage() for record in caplog.records if record.name == "workflowsvc.requests"]

        until(lambda: len(found()) == 2, "both are logged")
    for line, answer, said in zip(
        found(), answers, (" answered 200 in ", " answered 400 UnknownResourceFault in "), strict=True
    ):
        assert line.startswith(f"request {answer.headers['x-amzn-requestid']}: ")
        assert said in line
        assert line.endswith("from 127.0.0.1")


def slow_lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "workflowsvc.slow"]


def test_a_slow_call_is_named_with_where_the_time_went(caplog: pytest.LogCaptureFixture) -> None:
    with serving(slow_call_ms=0.001) as server:
        register = post("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
        answer = server.call(register)
        until(lambda: slow_lines(caplog), "it is logged")
    (record,) = slow_lines(caplog)
    line = record.getMessage()
    assert line.startswith(
        f"request {answer.headers['x-amzn-requestid']}: RegisterDomain for 000000000000/us-east-1 "
    )
    assert line.endswith(", name d")
    parts = {name: record.fields[name] for name in ("waitedMs", "ranMs", "commitMs", "answerMs")}
    assert all(part >= 0 for part in parts.values())
    assert sum(parts.values()) == pytest.approx(record.fields["ms"], abs=0.01)


class _Answered:
    """A call, and the service that has answered it, in one."""

    def __init__(self, action: str, times: AnswerTimes) -> None:
        self.action = action
        self.answer_times = times
        self.began = 0.0
        self.request_id = "1"
        self.tenant = Tenant()
        self.request: Any = SimpleNamespace(body=b"{}")


@pytest.mark.parametrize(("action", "is_slow"), [("PollForDecisionTask", False), ("ListDomains", True)])
def test_the_wait_of_a_poll_makes_it_no_slow_call(
    action: str, is_slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    call = _Answered(action, AnswerTimes(began=59.99, ran=59.995, ended=59.999))
    observer = CallObserver(call, Settings(slow_call_ms=1_000), clock, None)
    clock.advance(60_000)
    observer.answered(call, 200, None, 2)
    assert bool(slow_lines(caplog)) == is_slow


def test_slow_calls_of_one_kind_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with running(slow_call_ms=0.001) as server, Raw(server.port) as client:
        for _ in range(5):
            client.send(LIST_DOMAINS)
            client.answer()
    assert len(slow_lines(caplog)) == 1
