"""Where a span stands: its ids, the header that carries them, and the ids that a run has by itself.

Owns the form of the header `traceparent` (W3C Trace Context, level 1), and how ids follow from a runId: every program
that knows a run finds the same ones, so that an export that is repeated names the same trace, on every node.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_INVALID_VERSION = "ff"
_SAMPLED = 1


class SpanContext(NamedTuple):
    """Of one span; the ids are in hexadecimal, as the header has them."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def traceparent(self) -> str:
        """The value of the header."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def read_traceparent(value: str) -> SpanContext | None:
    """The span that a header names; None for a malformed one. What a later version appends is passed over."""
    found = _TRACEPARENT.fullmatch(value.strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if (
        version == _INVALID_VERSION
        or (version == "00" and rest)
        or trace_id == _NO_TRACE
        or span_id == _NO_SPAN
    ):
        return None
    return SpanContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def trace_of_run(run_id: str) -> str:
    """The id of the trace that a run has by itself."""
    return _digest("trace", run_id)[:32]


def span_of_event(run_id: str, event_id: int, part: str = "") -> str:
    """The id of the span that begins with an event of a run: 1 is the run itself. `part` tells apart what begins with
    the same event."""
    return _digest("span", run_id, str(event_id), part)[:16]


def of_event(run_id: str, event_id: int) -> SpanContext:
    """Where the span stands that begins with an event, in the run's own trace."""
    return SpanContext(trace_of_run(run_id), span_of_event(run_id, event_id))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(("workflowsvc", *parts)).encode("utf-8", "surrogatepass")).hexdigest()
