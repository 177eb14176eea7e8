"""Spans in the JSON of OpenTelemetry's protocol (`TracesData`, which is also `ExportTraceServiceRequest`).

Owns the mapping: ids in hexadecimal, 64-bit numbers as text, enumerations as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workflowsvc.traces.span import Link, Span, SpanEvent, Value

SCOPE = "workflowsvc.traces"
_ERROR = 2  # STATUS_CODE_ERROR
_SAMPLED = 1
_NS_PER_MS = 1_000_000


def traces_data(spans: Iterable[Span], resource: Mapping[str, Value], version: str) -> dict[str, Any]:
    """The whole message. `version`: of the program that made the spans."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [
                    {"scope": {"name": SCOPE, "version": version}, "spans": [_span(span) for span in spans]}
                ],
            }
        ]
    }


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": span.context.trace_id,
        "spanId": span.context.span_id,
        "flags": _SAMPLED,
        "name": _text(span.name),
        "kind": int(span.kind),
        "startTimeUnixNano": _nanoseconds(span.began_ms),
        "endTimeUnixNano": _end(span),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        found["parentSpanId"] = span.parent_id
    if span.events:
        found["events"] = [_event(event) for event in span.events]
    if span.events_left_out:
        found["droppedEventsCount"] = span.events_left_out
    if span.links:
        found["links"] = [_link(link) for link in span.links]
    if span.error is not None:
        found["status"] = {"code": _ERROR, "message": _text(span.error)}
    return found


def _event(event: SpanEvent) -> dict[str, Any]:
    return {
        "name": _text(event.name),
        "timeUnixNano": _nanoseconds(event.at_ms),
        "attributes": _attributes(event.attributes),
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "traceId": link.to.trace_id,
        "spanId": link.to.span_id,
        "flags": _SAMPLED,
        "attributes": _attributes({"swf.relation": link.relation}),
    }


def _attributes(attributes: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": _text(value)}


def _text(text: str) -> str:
    """Text that every reader of UTF-8 takes: halves of pairs, which a file may hold, are replaced."""
    return text.encode("utf-8", "replace").decode()


def _end(span: Span) -> str:
    """Jaeger takes a span that ends when it begins for one that ends before, and warns of it: one nanosecond more."""
    return str(max(span.ended_ms * _NS_PER_MS, span.began_ms * _NS_PER_MS + 1))


def _nanoseconds(at_ms: int) -> str:
    return str(at_ms * _NS_PER_MS)
