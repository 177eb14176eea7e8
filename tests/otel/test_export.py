"""Where spans go: collectors that fail, the end of the server, variables, and a server without OpenTelemetry."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, TraceFlags

from interop.server import running_server
from tests.otel.conftest import register
from tests.support.otlp import Reply, collector
from tests.support.waiting import until
from workflowsvc import cli
from workflowsvc.clock import ManualClock
from workflowsvc.engine.batch_figures import AnswerTimes
from workflowsvc.otel import run_contexts
from workflowsvc.otel.batches import Batches
from workflowsvc.otel.run_contexts import RunContexts
from workflowsvc.otel.wall import Wall
from workflowsvc.traces.endpoint import BadEndpoint, wanted

NO_CONSOLE = ("--console-port", "off")


def log_of(folder: Path) -> str:
    return (folder / "server.log").read_text()


def test_what_is_left_is_sent_when_the_server_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    with collector() as there:
        with running_server(tmp_path, *NO_CONSOLE, "--trace-to", there.url) as server:
            register(server.client())
            assert not there.spans
        assert len(there.named("RegisterDomain")) == 1
        (resource,) = {str(each.resource) for got in there.got for each in got.content.resource_spans}
        assert 'string_value: "workflowsvc"' in resource


def test_the_variables_of_opentelemetry_switch_it_on_and_name_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-swf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with collector() as there:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", there.url)
        with running_server(tmp_path, *NO_CONSOLE) as server:
            register(server.client())
        (got, *_) = there.got
        assert (got.path, got.headers["authorization"]) == ("/v1/traces", "Bearer abc")
        assert "shop-swf" in str(got.content.resource_spans[0].resource)
        taken = there.asked
        with running_server(tmp_path, *NO_CONSOLE, "--trace-to", "off") as server:
            answer = server.client().list_domains(registrationStatus="REGISTERED")
        assert "traceparent" not in answer["ResponseMetadata"]["HTTPHeaders"]
        assert there.asked == taken


def test_a_collector_that_does_not_answer_holds_up_neither_calls_nor_the_end(tmp_path: Path) -> None:
    with collector() as there:
        there.gate.clear()
        with running_server(tmp_path, *NO_CONSOLE, "--trace-to", there.url) as server:
            client = server.client()
            register(client)
            until(lambda: there.asked, "spans that are sent")
            for _ in range(50):
                client.list_domains(registrationStatus="REGISTERED")
        assert not there.spans
    assert "the last spans were not sent within 3 s, and are lost" in log_of(tmp_path)


def test_a_collector_that_fails_is_logged_once_and_when_it_works_again(tmp_path: Path) -> None:
    with collector(*[Reply(400, b"no")] * 3, Reply()) as there:
        with running_server(tmp_path, *NO_CONSOLE, "--trace-to", there.url) as server:
            client = server.client()
            for number in range(1, 5):
                client.list_domains(registrationStatus="REGISTERED")
                until(lambda number=number: there.asked >= number, "spans that are sent")
        until(lambda: there.spans, "spans that are taken")
    log = log_of(tmp_path)
    assert log.count("spans cannot be sent to") == 1
    assert "and are lost until they can: Failed to export spans batch code: 400" in log
    assert "takes spans again; " in log
    assert "Traceback" not in log


def test_what_does_not_fit_into_the_queue_is_lost_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    with collector() as there:
        there.gate.clear()
        with running_server(tmp_path, *NO_CONSOLE, "--trace-to", there.url) as server:
            client = server.client()
            for _ in range(20):
                client.list_domains(registrationStatus="REGISTERED")
            there.gate.set()
        assert 0 < len(there.named("ListDomains")) < 20
    assert log_of(tmp_path).count("spans are lost: Queue full, dropping Span.") == 1


def test_a_server_without_traces_imports_nothing_of_opentelemetry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "path" / "opentelemetry"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('it was imported')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(broken.parent), os.environ.get("PYTHONPATH", "")]))
    with running_server(tmp_path, *NO_CONSOLE, "--metrics-port", "0") as server:
        answer = server.client().list_domains(registrationStatus="REGISTERED")
    assert "traceparent" not in answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("opentelemetry", "workflowsvc.otel"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # as if it were not installed


@pytest.mark.usefixtures("without_the_extra")
def test_the_option_without_the_extra_ends_with_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["serve", "--store", "memory", "--port", "0", *NO_CONSOLE, "--trace-to", "http://127.0.0.1:9"]
    assert cli.main(words) == 1
    said = capsys.readouterr().err
    assert (
        "--trace-to is given, but opentelemetry is not installed: the extra `otel`" in said.splitlines()[-1]
    )


def test_a_variable_without_the_extra_is_logged_and_the_server_serves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    from workflowsvc.cli import context_of_process
    from workflowsvc.commands.serve import traces_of
    from workflowsvc.settings import Settings

    request.getfixturevalue("without_the_extra")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        assert traces_of(Settings(), context_of_process()) is None
    assert "calls are not traced: opentelemetry is not installed" in caplog.text


@pytest.mark.parametrize(
    ("option", "variables", "url"),
    [
        ("", {}, None),
        ("off", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"}, None),
        ("http://h:1", {}, "http://h:1/v1/traces"),
        ("http://h:1", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1"}, "http://h:1/v1/traces"),
        ("http://h:1", {"OTEL_SDK_DISABLED": "true"}, None),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"}, "http://h:1/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1/otlp/"}, "http://h:1/otlp/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1/in"}, "http://h:1/in"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_address_is_that_of_the_option_or_of_the_variables(
    option: str, variables: dict[str, str], url: str | None
) -> None:
    found = wanted(option, variables)
    assert (found and found.url) == url
    assert found is None or found.by_option == (option != "")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf is spoken"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "h:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT: 'h:4317' is no address"),
    ],
)
def test_variables_for_another_protocol_are_refused(variables: dict[str, str], said: str) -> None:
    with pytest.raises(BadEndpoint, match=said):
        wanted("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4317", **variables})


def test_calls_of_one_batch_are_linked_with_the_batch() -> None:
    sent = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(sent))
    tracer = provider.get_tracer("test")
    batches = Batches(tracer, Wall(ManualClock()))
    times = AnswerTimes(1.0, 1.5, 2.0, 7)
    calls = [tracer.start_span(f"call {number}") for number in range(4)]
    for call in calls[:3]:
        batches.answered(call, times)
    batches.answered(calls[3], AnswerTimes(1.0, 1.5, 2.0, 7))  # another batch, with equal times
    for call in calls:
        call.end()
    commit, batch, first, second, third, fourth = sent.get_finished_spans()
    ids = [call.get_span_context().span_id for call in calls]
    assert (commit.name, batch.name) == ("commit", "batch")
    assert commit.parent is not None
    assert commit.parent.span_id == batch.context.span_id
    assert batch.parent is not None
    assert batch.parent.span_id == ids[0]
    assert [link.context.span_id for link in batch.links] == ids[1:3]
    assert [[link.context.span_id for link in call.links] for call in (first, second, third, fourth)] == [
        *([], [batch.context.span_id], [batch.context.span_id], [])
    ]
    assert (batch.end_time, commit.start_time, commit.end_time) == (
        *(Wall(ManualClock()).at(moment) for moment in (2.0, 1.5, 2.0)),
    )


def test_the_memory_of_callers_traces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_contexts, "MAX_RUNS", 3)
    runs = RunContexts(1.0)
    for number in range(1, 6):
        runs.started(f"run-{number}", SpanContext(number, number, False, TraceFlags(1)))
    assert list(runs._known) == ["run-3", "run-4", "run-5"]


def test_the_same_runs_are_sampled_on_every_node() -> None:
    names = [f"run-{number}" for number in range(2_000)]
    for ratio in (0.0, 0.25, 1.0):
        sampled = [name for name in names if RunContexts(ratio).of_event(name, 1).trace_flags.sampled]
        assert abs(len(sampled) - ratio * len(names)) < 100
        assert sampled == [name for name in names if RunContexts(ratio).of_event(name, 1).trace_flags.sampled]


def test_times_follow_a_clock_that_is_set_and_do_not_tremble_with_it() -> None:
    clock = ManualClock()
    wall = Wall(clock)
    before = wall.now()
    clock.step(7)
    assert wall.now() == before
    clock.step(3_600_000)
    assert wall.now() == clock.now_ms() * 1_000_000


def test_a_bug_in_the_traces_of_a_call_leaves_its_answer_as_it_is() -> None:
    from workflowsvc.otel.calls import CallTraces

    class Broken:
        answer_times = property(lambda _: 1 / 0)
        engine = None

    class Request:
        header = staticmethod({}.get)
        repeated = frozenset[bytes]()
        body = b""
        answers: list[Any] = []  # noqa: RUF012 - of the one request

        def respond(self, *answer: Any) -> None:
            self.answers.append(answer)

    class Call:
        action, began, request, request_id, tenant, shape = "ListDomains", 0.0, Request(), "r", None, None

    log = logging.getLogger("workflowsvc.traces")
    said = logging.StreamHandler(io.StringIO())
    log.addHandler(said)
    try:
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
        traces = CallTraces(Broken(), tracer, 1.0, ManualClock())
        traces.respond(Call(), b"{}", 200, [(b"a", b"b")], b"{}", None)  # pyright: ignore[reportArgumentType]
    finally:
        log.removeHandler(said)
    ((status, fields, body),) = Request.answers
    assert (status, body) == (200, b"{}")
    assert [name for name, _ in fields] == [b"a", b"traceparent"]
    assert "the span of a call was lost: ZeroDivisionError" in said.stream.getvalue()
