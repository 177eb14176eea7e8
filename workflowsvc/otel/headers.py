"""The two headers of W3C Trace Context, from requests and for answers.

Owns what is taken of them: a malformed or repeated `traceparent` is passed over, and `tracestate` with it.
"""

from __future__ import annotations

from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from workflowsvc.http.answer import HeaderFields
from workflowsvc.http.request import HttpRequest, values_of
from workflowsvc.traces import context

TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
MAX_STATE = 512  # letters of `tracestate` that are passed on, as W3C asks for at least


def parent_of(request: HttpRequest) -> SpanContext | None:
    """The span of the client that the request names; None when it names none."""
    value = request.header(TRACEPARENT)
    if value is None or TRACEPARENT in request.repeated:
        return None
    found = context.read_traceparent(value.decode("latin-1"))
    if found is None:
        return None
    return SpanContext(
        int(found.trace_id, 16),
        int(found.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if found.sampled else TraceFlags.DEFAULT),
        trace_state=_state_of(request),
    )


def _state_of(request: HttpRequest) -> TraceState | None:
    if request.header(TRACESTATE) is None:
        return None
    values = [value.decode("latin-1") for value in values_of(request.fields, TRACESTATE)]
    if sum(map(len, values)) > MAX_STATE:
        return None
    return TraceState.from_header(values)


def fields_of(span: SpanContext) -> HeaderFields:
    """The header fields that hand a span on."""
    handed = context.SpanContext(f"{span.trace_id:032x}", f"{span.span_id:016x}", span.trace_flags.sampled)
    fields: HeaderFields = [(TRACEPARENT, handed.traceparent().encode())]
    if span.trace_state:
        fields.append((TRACESTATE, span.trace_state.to_header().encode("latin-1")))
    return fields
