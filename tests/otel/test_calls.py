"""The spans of calls to a real server, and the headers that lead from a caller to the workers of its run."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.command_line.shell import COMPLETE, charge, decision
from tests.otel.conftest import LISTS, Traced, handed, headers_of, register
from tests.support.otlp import Span, attributes_of
from tests.test_tidy import ROOT
from workflowsvc.traces import context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
START = {"domain": "shop", "workflowId": "order-1", "workflowType": {"name": "order", "version": "1"}}


def start_within(client: Any, traceparent: str, **more: str) -> dict[str, Any]:
    with headers_of(client, traceparent=traceparent, **more):
        return client.start_workflow_execution(**START)


def poll(client: Any, kind: str) -> dict[str, Any]:
    ask = client.poll_for_decision_task if kind == "deciders" else client.poll_for_activity_task
    return ask(domain="shop", taskList=LISTS[kind], identity="i")


def relations(span: Span) -> dict[str, str]:
    return {attributes_of(link)["swf.relation"]: link.span_id.hex() for link in span.links}


def test_a_call_continues_the_trace_of_its_caller(traced: Traced) -> None:
    client = traced.server.client()
    register(client)
    started = start_within(client, f"00-{TRACE}-{SPAN}-01", tracestate="vendor=1,other=2")
    trace_id, span_id, flags = handed(started)
    assert (trace_id, flags) == (TRACE, "01")
    assert started["ResponseMetadata"]["HTTPHeaders"]["tracestate"] == "vendor=1,other=2"
    spans = traced.spans_of(TRACE, "StartWorkflowExecution", "batch", "commit")
    known = {span.name: span for span in spans}
    call, batch, commit = (known[name] for name in ("StartWorkflowExecution", "batch", "commit"))
    assert (call.span_id.hex(), call.parent_span_id.hex(), call.kind) == (span_id, SPAN, 2)
    assert (batch.parent_span_id, commit.parent_span_id) == (call.span_id, batch.span_id)
    assert call.start_time_unix_nano <= batch.start_time_unix_nano <= commit.start_time_unix_nano
    assert commit.end_time_unix_nano == batch.end_time_unix_nano <= call.end_time_unix_nano
    said = attributes_of(call)
    assert said.pop("http.request.body.size") > 0
    assert said.pop("http.response.body.size") > 0
    assert said == {
        "rpc.system": "aws-api",
        "rpc.service": "SWF",
        "rpc.method": "StartWorkflowExecution",
        "aws.request_id": started["ResponseMetadata"]["RequestId"],
        "http.response.status_code": 200,
        "cloud.account.id": "000000000000",
        "cloud.region": "us-east-1",
        "swf.domain": "shop",
        "swf.workflow.id": "order-1",
        "swf.run.id": started["runId"],
    }
    assert relations(call) == {"run": context.span_of_event(started["runId"], 1)}
    assert attributes_of(batch) == {"workflowsvc.batch.commands": 1}


def test_workers_and_deciders_of_a_run_and_its_children_get_the_trace_of_its_start(traced: Traced) -> None:
    client = traced.server.client()
    register(client)
    started = handed(start_within(client, f"00-{TRACE}-{SPAN}-01"))
    child = decision(
        "StartChildWorkflowExecution",
        workflowId="ship-1",
        workflowType={"name": "order", "version": "1"},
        taskList={"name": "shippers"},
    )
    task = poll(client, "deciders")
    assert handed(task) == started
    with headers_of(client, traceparent=f"00-{TRACE}-{'1' * 16}-01"):  # as an instrumented decider does
        completed = client.respond_decision_task_completed(
            taskToken=task["taskToken"], decisions=[charge("a"), child]
        )
    call = traced.span_of(completed["ResponseMetadata"]["RequestId"])
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, "1" * 16)
    assert attributes_of(call)["swf.run.id"] == task["workflowExecution"]["runId"]
    assert attributes_of(call)["swf.workflow.id"] == "order-1"
    assert handed(poll(client, "workers")) == started
    of_child = client.poll_for_decision_task(domain="shop", taskList={"name": "shippers"})
    assert of_child["workflowExecution"]["workflowId"] == "ship-1"
    assert handed(of_child) == started
    onward = decision("ContinueAsNewWorkflowExecution", taskList={"name": "shippers"})
    client.respond_decision_task_completed(taskToken=of_child["taskToken"], decisions=[onward])
    assert handed(client.poll_for_decision_task(domain="shop", taskList={"name": "shippers"})) == started


def test_the_program_of_the_page_continues_the_trace_of_its_task(traced: Traced) -> None:
    swf = traced.server.client()
    register(swf)
    start_within(swf, f"00-{TRACE}-{SPAN}-01")
    task = poll(swf, "deciders")
    swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[charge("a")])
    page = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    exec(program, {"swf": swf})
    spans = traced.spans_of(TRACE, "RespondActivityTaskCompleted")
    known = {span.name: span for span in spans}
    # Without a provider of its own OpenTelemetry hands on what it was given.
    assert known["RespondActivityTaskCompleted"].parent_span_id == known["StartWorkflowExecution"].span_id


def test_without_a_trace_of_a_caller_workers_get_the_one_that_an_export_has(traced: Traced) -> None:
    client = traced.server.client()
    register(client)
    run_id = client.start_workflow_execution(**START)["runId"]
    task = poll(client, "deciders")
    own = context.of_event(run_id, task["startedEventId"])
    assert handed(task) == (own.trace_id, own.span_id, "01")
    span = traced.span_of(task["ResponseMetadata"]["RequestId"])
    assert span.trace_id.hex() != own.trace_id
    assert relations(span) == {"task": own.span_id}
    completed = client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[COMPLETE])
    assert relations(traced.span_of(completed["ResponseMetadata"]["RequestId"])) == {"task": own.span_id}


def test_the_wait_of_a_poll_stands_apart(tracing: Callable[..., Traced]) -> None:
    traced = tracing("--long-poll-seconds", "0.2")
    client = traced.server.client()
    register(client)
    with headers_of(client, traceparent=f"00-{TRACE}-{SPAN}-01"):
        empty = poll(client, "deciders")
    assert "taskToken" not in empty
    spans = {span.name: span for span in traced.spans_of(TRACE, "wait for a task", "batch", "commit")}
    call, wait, batch = (spans[name] for name in ("PollForDecisionTask", "wait for a task", "batch"))
    assert handed(empty) == (TRACE, call.span_id.hex(), "01")
    assert wait.parent_span_id == call.span_id
    assert wait.start_time_unix_nano == call.start_time_unix_nano
    assert wait.end_time_unix_nano == batch.start_time_unix_nano
    assert wait.end_time_unix_nano - wait.start_time_unix_nano >= 200_000_000


def test_a_read_has_a_span_below_its_call(traced: Traced) -> None:
    client = traced.server.client()
    with headers_of(client, traceparent=f"00-{TRACE}-{SPAN}-01"):
        client.list_domains(registrationStatus="REGISTERED")
    names = {span.name: span for span in traced.spans_of(TRACE, "ListDomains", "read")}
    assert names["read"].parent_span_id == names["ListDomains"].span_id
    assert set(names) == {"ListDomains", "read"}


def test_a_refused_call_says_why_and_is_no_error_of_the_server(traced: Traced) -> None:
    client = traced.server.client()
    with (
        headers_of(client, traceparent=f"00-{TRACE}-{SPAN}-01"),
        pytest.raises(client.exceptions.UnknownResourceFault),
    ):
        client.describe_domain(name="nowhere")
    (call,) = [span for span in traced.spans_of(TRACE, "DescribeDomain") if span.name == "DescribeDomain"]
    said = attributes_of(call)
    assert (said["http.response.status_code"], said["error.type"]) == (400, "UnknownResourceFault")
    assert call.status.code == 0


def test_a_caller_that_does_not_sample_is_followed(traced: Traced) -> None:
    client = traced.server.client()
    register(client)
    started = start_within(client, f"00-{TRACE}-{SPAN}-00")
    trace_id, span_id, flags = handed(started)
    assert (trace_id, flags) == (TRACE, "00")
    assert span_id != SPAN
    assert handed(poll(client, "deciders")) == (trace_id, span_id, "00")
    last = client.list_domains(registrationStatus="REGISTERED")
    traced.span_of(last["ResponseMetadata"]["RequestId"])
    assert not [span for span in traced.there.spans if span.trace_id.hex() == TRACE]


def test_with_a_ratio_of_0_only_callers_decide(tracing: Callable[..., Traced]) -> None:
    traced = tracing("--trace-ratio", "0")
    client = traced.server.client()
    register(client)
    run_id = client.start_workflow_execution(**START)["runId"]
    task = poll(client, "deciders")
    assert handed(task)[::2] == (context.trace_of_run(run_id), "00")
    with headers_of(client, traceparent=f"00-{TRACE}-{SPAN}-01"):
        client.list_domains(registrationStatus="REGISTERED")
    traced.spans_of(TRACE, "ListDomains", "read")
    assert {span.trace_id.hex() for span in traced.there.spans} == {TRACE}


def raw(endpoint: str, *fields: tuple[str, str], target: str = "SimpleWorkflowService.ListDomains") -> Any:
    """The answer to a request with these header fields, repeated ones included."""
    import http.client

    host = endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    body = json.dumps({"registrationStatus": "REGISTERED"}).encode()
    connection.putrequest("POST", "/")
    for name, value in (
        ("X-Amz-Target", target),
        ("Content-Type", "application/x-amz-json-1.0"),
        ("Content-Length", str(len(body))),
        *fields,
    ):
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    "fields",
    [
        [("traceparent", "what?")],
        [("traceparent", f"00-{'0' * 32}-{SPAN}-01")],
        [("traceparent", f"00-{TRACE}-{SPAN}-01")] * 2,
        [("tracestate", "vendor=1")],
        [("traceparent", "00-" + "a" * 5_000)],
        [("traceparent", "\xff")],
    ],
)
def test_a_malformed_header_is_passed_over(traced: Traced, fields: list[tuple[str, str]]) -> None:
    answer = raw(traced.server.endpoint, *fields)
    assert answer.status == 200
    trace_id = answer.headers["traceparent"].split("-")[1]
    assert trace_id not in (TRACE, "0" * 32)
    assert answer.headers["tracestate"] is None
    (call,) = [span for span in traced.spans_of(trace_id, "ListDomains") if span.name == "ListDomains"]
    assert not call.parent_span_id


@pytest.mark.parametrize(
    ("states", "passed_on"),
    [
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=" + "x" * 600], None),
        (["=,;=("], None),
        (["a=1,a=2"], None),
        ([""], None),
    ],
)
def test_the_state_of_vendors_is_passed_on_as_far_as_it_is_right(
    traced: Traced, states: list[str], passed_on: str | None
) -> None:
    fields = [("traceparent", f"00-{TRACE}-{SPAN}-01"), *(("tracestate", state) for state in states)]
    answer = raw(traced.server.endpoint, *fields)
    assert answer.status == 200
    assert answer.headers["traceparent"].split("-")[1] == TRACE
    assert answer.headers["tracestate"] == passed_on


def test_a_call_that_names_no_action_has_a_span_as_well(traced: Traced) -> None:
    answer = raw(traced.server.endpoint, ("traceparent", f"00-{TRACE}-{SPAN}-01"), target="Nothing.At-All")
    assert answer.status == 400
    (call,) = traced.spans_of(TRACE, "_OTHER")
    assert attributes_of(call)["rpc.method"] == "_OTHER"
    assert attributes_of(call)["error.type"] == "UnknownOperationException"


def test_nothing_that_clients_store_is_in_a_span(traced: Traced) -> None:
    client = traced.server.client()
    register(client)
    run_id = client.start_workflow_execution(**START, input="secret")["runId"]
    task = poll(client, "deciders")
    client.respond_decision_task_completed(
        taskToken=task["taskToken"], executionContext="secret", decisions=[COMPLETE]
    )
    last = client.get_workflow_execution_history(
        domain="shop", execution={"workflowId": "order-1", "runId": run_id}
    )
    span = traced.span_of(last["ResponseMetadata"]["RequestId"])
    assert attributes_of(span)["swf.run.id"] == run_id
    assert "secret" not in str(traced.there.spans)
    assert task["taskToken"] not in str(traced.there.spans)


def test_pages_are_not_traced(traced: Traced) -> None:
    with urllib.request.urlopen(f"{traced.server.endpoint}/livez", timeout=60) as answer:
        assert answer.headers["traceparent"] is None
