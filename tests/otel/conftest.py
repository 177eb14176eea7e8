"""A real server whose spans go to a collector on the loopback interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from interop.server import Server, running_server
from tests.support.otlp import Collector, Span, collector
from tests.support.waiting import until

LISTS = {"deciders": {"name": "deciders"}, "workers": {"name": "workers"}}


class Traced(NamedTuple):
    """A server and what it has sent."""

    server: Server
    there: Collector

    def spans_of(self, trace_id: str, *names: str) -> list[Span]:
        """The spans of a trace, once all these names are among them."""

        def found() -> list[Span]:
            return [span for span in self.there.spans if span.trace_id.hex() == trace_id]

        until(lambda: {span.name for span in found()} >= set(names), f"the spans {names}")
        return found()

    def span_of(self, request_id: str) -> Span:
        """The span of one call."""

        def found() -> list[Span]:
            return [
                span
                for span in self.there.spans
                if any(
                    each.key == "aws.request_id" and each.value.string_value == request_id
                    for each in span.attributes
                )
            ]

        until(found, f"the span of the request {request_id}")
        return found()[0]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends what it has at once, and no variable of the developer's says otherwise."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")


@pytest.fixture
def tracing(tmp_path: Path) -> Iterator[Callable[..., Traced]]:
    """Starts a server with a collector: `tracing("--trace-ratio", "0")`."""
    with ExitStack() as stack:

        def start(*options: str) -> Traced:
            there = stack.enter_context(collector())
            server = stack.enter_context(
                running_server(tmp_path, "--console-port", "off", "--trace-to", there.url, *options)
            )
            return Traced(server, there)

        yield start


@pytest.fixture
def traced(tracing: Callable[..., Traced]) -> Traced:
    return tracing()


def register(client: Any, domain: str = "shop") -> str:
    """A domain with a workflow type `order:1` and an activity type `charge:1`."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(
        domain=domain,
        name="order",
        version="1",
        defaultTaskList=LISTS["deciders"],
        defaultExecutionStartToCloseTimeout="3600",
        defaultTaskStartToCloseTimeout="60",
        defaultChildPolicy="TERMINATE",
    )
    client.register_activity_type(
        domain=domain,
        name="charge",
        version="1",
        defaultTaskList=LISTS["workers"],
        **{
            f"defaultTask{timeout}Timeout": "NONE"
            for timeout in ("ScheduleToStart", "ScheduleToClose", "StartToClose", "Heartbeat")
        },
    )
    return domain


@contextmanager
def headers_of(client: Any, **fields: str) -> Iterator[None]:
    """Within it boto3's client sends these header fields, as instrumented programs do."""

    def add(request: Any, **_: Any) -> None:
        for name, value in fields.items():
            request.headers[name] = value

    client.meta.events.register("before-sign.swf", add)
    try:
        yield
    finally:
        client.meta.events.unregister("before-sign.swf", add)


def handed(answer: dict[str, Any]) -> tuple[str, str, str]:
    """Trace id, span id and flags of the `traceparent` of an answer."""
    version, *parts = answer["ResponseMetadata"]["HTTPHeaders"]["traceparent"].split("-")
    assert version == "00"
    trace_id, span_id, flags = parts
    return trace_id, span_id, flags
