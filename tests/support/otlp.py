"""A collector on the loopback interface, which decodes by OpenTelemetry's own definition of its protocol.

Owns the decoding of both forms, protobuf and JSON, and what the collector answers. `tree_of` shows a trace as text.
"""

from __future__ import annotations

import base64
import gzip
import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from tests.support.server_thread import served

_IDS = {"traceId", "spanId", "parentSpanId"}


class Got(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    content: ExportTraceServiceRequest


class Reply(NamedTuple):
    """What the collector answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()


class Collector:
    """A running one. `replies` are used up one by one; the last one stays. While `gate` is not set, none is given."""

    def __init__(self, url: str, replies: Sequence[Reply]) -> None:
        self.url = url
        self.got: list[Got] = []
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()
        self.replies = list(replies)

    @property
    def spans(self) -> list[Span]:
        """All that were taken."""
        return [span for got in self.got for span in spans_in(got.content)]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collector(*replies: Reply) -> Iterator[Collector]:
    """A collector on a free port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            running.asked += 1
            running.gate.wait()
            reply = running.replies.pop(0) if len(running.replies) > 1 else running.replies[0]
            if reply.status == 200:
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                content = decoded(body, self.headers.get("Content-Type", ""))
                running.got.append(
                    Got(self.path, {name.lower(): value for name, value in self.headers.items()}, content)
                )
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Collector(f"http://127.0.0.1:{server.server_port}", replies or [Reply()])
    with served(server):
        try:
            yield running
        finally:
            running.gate.set()


def decoded(body: bytes, content_type: str) -> ExportTraceServiceRequest:
    """A request, by its content type."""
    request = ExportTraceServiceRequest()
    if content_type == "application/x-protobuf":
        request.ParseFromString(body)
    else:
        assert content_type == "application/json"
        json_format.ParseDict(_standard(json.loads(body)), request)
    return request


def read_traces(text: str) -> list[Span]:
    """The spans of a file."""
    return list(spans_in(json_format.ParseDict(_standard(json.loads(text)), TracesData())))


def spans_in(content: ExportTraceServiceRequest | TracesData) -> Iterator[Span]:
    for resource in content.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def attributes_of(span: Any) -> dict[str, Any]:
    """The attributes of a span, an event, a link or a resource."""
    found: dict[str, Any] = {}
    for each in span.attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        found[each.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return found


def tree_of(spans: Sequence[Span]) -> list[str]:
    """A line for each span, below its parent: its name, when it began and ended in ms from the first, its error."""
    zero = min(span.start_time_unix_nano for span in spans)
    known = {span.span_id for span in spans}
    lines: list[str] = []

    def add(parent: bytes | None, depth: int) -> None:
        for span in spans:
            is_below = span.parent_span_id == parent if parent else span.parent_span_id not in known
            if is_below:
                began = (span.start_time_unix_nano - zero) // 1_000_000
                ended = (span.end_time_unix_nano - zero) // 1_000_000
                error = f" ! {span.status.message}" if span.status.code else ""
                lines.append(f"{'  ' * depth}{span.name} {began}..{ended}{error}")
                add(span.span_id, depth + 1)

    add(None, 0)
    return lines


def _standard(value: Any) -> Any:
    """OTLP's JSON writes ids in hexadecimal, where protobuf's own mapping has base64."""
    if isinstance(value, dict):
        return {
            name: base64.b64encode(bytes.fromhex(inner)).decode() if name in _IDS else _standard(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_standard(inner) for inner in value]
    return value
