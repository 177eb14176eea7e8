"""`workflowsvc trace export`: runs of a server and of files, to a file and to a collector."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import COMPLETE, Shop, charge, decision
from tests.support.otlp import Reply, Span, attributes_of, collector, read_traces, spans_in, tree_of
from workflowsvc.commands import trace_sending
from workflowsvc.traces import context

PARTIAL = json.dumps({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}).encode()


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


@pytest.fixture
def family(shop: Shop) -> tuple[str, str]:
    """A completed run with an activity and a child that has continued as new; the runIds of both first runs."""
    child = decision(
        "StartChildWorkflowExecution",
        workflowId="ship-1",
        workflowType={"name": "order", "version": "1"},
        taskList={"name": "shippers"},
        input="secret",
    )
    parent_id = shop.start("order-1", input="secret")
    shop.decide(charge("first"), child)
    shop.client.respond_activity_task_completed(taskToken=shop.poll_activity(), result="secret")
    for made in (decision("ContinueAsNewWorkflowExecution", taskList={"name": "shippers"}), COMPLETE):
        task = shop.client.poll_for_decision_task(domain=shop.domain, taskList={"name": "shippers"})
        shop.client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[made])
    shop.decide(COMPLETE)
    found = shop.client.list_closed_workflow_executions(
        domain=shop.domain, startTimeFilter={"oldestDate": 0}, executionFilter={"workflowId": "ship-1"}
    )
    (child_id,) = [
        info["execution"]["runId"]
        for info in found["executionInfos"]
        if info["closeStatus"] == "CONTINUED_AS_NEW"
    ]
    return parent_id, child_id


def roots(spans: list[Span]) -> list[Span]:
    return [span for span in spans if not span.parent_span_id]


def test_a_run_of_a_server_is_one_object_of_otlp(run: Run, family: tuple[str, str]) -> None:
    exported = run("trace", "export", "order-1")
    assert exported.status == 0
    assert exported.out.count("\n") == 1
    spans = read_traces(exported.out)
    (root,) = roots(spans)
    assert root.trace_id.hex() == context.trace_of_run(family[0])
    assert attributes_of(root)["swf.workflow.id"] == "order-1"
    assert {span.name for span in spans} == {
        *("order", "decision task", "queued", "running", "activity charge", "child order")
    }
    assert "secret" not in exported.out
    assert f"{len(spans)} spans of 1 run, trace {root.trace_id.hex()}" in exported.err
    assert run("trace", "export", "order-1").out == exported.out


def test_children_stand_in_the_trace_of_the_run_also_when_they_continued(
    run: Run, family: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "trace.json"
    exported = run("trace", "export", "order-1", "--children", "-o", str(file), "--json")
    assert exported.objects[0]["runs"] == 3
    spans = read_traces(file.read_text())
    (root,) = roots(spans)
    (above,) = [span for span in spans if span.name == "child order"]
    assert [span.name for span in spans if span.parent_span_id == above.span_id] == ["order", "order"]
    assert exported.objects[0]["traceIds"] == [root.trace_id.hex()]


def test_files_give_the_trace_that_the_server_gives(
    run: Run, family: tuple[str, str], tmp_path: Path
) -> None:
    of_server = tree_of(read_traces(run("trace", "export", "order-1", "--children").out))
    assert run("export", "--to", str(tmp_path), "--closed").status == 0
    of_files = run("trace", "export", "--from", str(tmp_path))
    assert sorted(tree_of(read_traces(of_files.out))) == sorted(of_server)
    assert "of 3 runs" in of_files.err


def test_what_the_aws_cli_prints_is_a_trace_as_well(
    run: Run, family: tuple[str, str], tmp_path: Path
) -> None:
    answer = json.loads(run("export", "order-1").out)
    file = tmp_path / "history.json"
    file.write_text(json.dumps({"events": answer["events"]}))
    spans = read_traces(run("trace", "export", "--from", str(file)).out)
    assert attributes_of(spans[0])["swf.workflow.id"] == "history"
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    file = file.rename(moved / "history.json")
    assert read_traces(run("trace", "export", "--from", str(file)).out) == spans


def test_a_collector_gets_the_spans_in_several_requests(
    run: Run, family: tuple[str, str], bare_environment: pytest.MonkeyPatch
) -> None:
    bare_environment.setattr(trace_sending, "SPANS_PER_REQUEST", 5)
    bare_environment.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    with collector() as there:
        sent = run("trace", "export", "order-1", "--to", there.url, "--service", "shop", "--json")
    assert sent.status == 0
    assert {got.path for got in there.got} == {"/v1/traces"}
    assert {got.headers["authorization"] for got in there.got} == {"Bearer abc"}
    assert all(len(list(spans_in(got.content))) <= 5 for got in there.got)
    (resource,) = {str(each.resource) for got in there.got for each in got.content.resource_spans}
    assert "shop" in resource
    assert sent.objects == [
        {
            "traceIds": [context.trace_of_run(family[0])],
            "runs": 1,
            "spans": len(there.spans),
            "to": there.url,
        }
    ]
    assert there.spans == read_traces(run("trace", "export", "order-1").out)


def test_a_run_is_put_below_the_span_of_a_caller(run: Run, family: tuple[str, str]) -> None:
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    exported = run("trace", "export", "order-1", "--below", f"00-{trace_id}-{span_id}-01")
    first, *_ = read_traces(exported.out)
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (trace_id, span_id)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_is_busy_is_asked_again(
    run: Run, family: tuple[str, str], bare_environment: pytest.MonkeyPatch, status: int
) -> None:
    bare_environment.setattr(trace_sending, "PAUSES_SECONDS", (0.0, 0.0))
    with collector(Reply(status), Reply(status), Reply()) as there:
        assert run("trace", "export", "order-1", "--to", there.url).status == 0
        assert (there.asked, len(there.got)) == (3, 1)
    with collector(Reply(status, b"busy\nnow")) as there:
        ended = run("trace", "export", "order-1", "--to", there.url)
        assert (ended.status, there.asked) == (4, 3)
        assert f"answers with HTTP status {status}: busy now; try again later" in ended.err


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, PARTIAL), "has refused 3 spans: too old"),
        (Reply(401, b"who are you?"), "answers with HTTP status 401: who are you?"),
        (Reply(404), "is this an address of OTLP over HTTP?"),
        (Reply(302, b"", (("Location", "/elsewhere"),)), "answers with HTTP status 302"),
    ],
)
def test_a_collector_that_refuses_spans_is_reported(
    run: Run, family: tuple[str, str], reply: Reply, said: str
) -> None:
    with collector(reply) as there:
        ended = run("trace", "export", "order-1", "--to", there.url)
    assert ended.status == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"[" * 100_000, b'{"partialSuccess": []}', b'{"partialSuccess": {}}']
)
def test_a_collector_may_answer_anything_with_200(run: Run, family: tuple[str, str], body: bytes) -> None:
    with collector(Reply(200, body)) as there:
        assert run("trace", "export", "order-1", "--to", there.url).status == 0


def test_no_collector_at_all_is_reported(run: Run, family: tuple[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    ended = run("trace", "export", "order-1", "--to", f"http://127.0.0.1:{port}")
    assert ended.status == 4
    assert "cannot be reached: Connection refused" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a WORKFLOW_ID, or give --from"),
        (("w", "--from", "f"), "name a WORKFLOW_ID, or give --from"),
        (("--from", "f", "--children"), "--run-id and --children go with a WORKFLOW_ID"),
        (("w", "-o", "f", "--to", "http://h"), "give --output or --to"),
        (("w", "--below", "00-x"), "is no traceparent"),
        (("w", "--to", "collector:4318"), "--to: 'collector:4318' is no address"),
        (("--from", "no-such-file"), "there is no such file or folder"),
    ],
)
def test_wrong_arguments_are_named(run: Run, words: tuple[str, ...], said: str) -> None:
    ended = run("trace", "export", *words)
    assert ended.status == 2
    assert said in ended.err


def test_a_variable_that_cannot_be_used_is_named(run: Run, bare_environment: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"),
    ):
        bare_environment.setenv(name, value)
        ended = run("trace", "export", "w", "--to", "https://127.0.0.1:1")
        assert ended.status == 2
        assert name in ended.err
        assert "secret" not in ended.err
        bare_environment.delenv(name)


def test_a_run_that_is_not_there_is_not_found(run: Run) -> None:
    assert run("trace", "export", "no-such-run").status == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON", '{"events": [{"eventId": 2}]}'])
def test_a_file_without_a_whole_history_is_named(run: Run, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    ended = run("trace", "export", "--from", str(file))
    assert ended.status == 1
    assert f"{file} holds no whole history: it " in ended.err
