"""Spans as OpenTelemetry's protocol has them, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from workflowsvc.traces.context import SpanContext

Value = str | int | bool | list[str]
Attributes = dict[str, Value]

MAX_EVENTS = 1_000
"""Of one span: a run may be signaled thousands of times, and no viewer shows that. More are counted."""


class Kind(IntEnum):
    """The numbers of `Span.SpanKind`."""

    INTERNAL = 1
    PRODUCER = 4
    CONSUMER = 5


@dataclass(frozen=True)
class Link:
    """To a span that is no ancestor."""

    to: SpanContext
    relation: str


@dataclass(frozen=True)
class SpanEvent:
    """A moment within a span."""

    name: str
    at_ms: int
    attributes: Attributes


@dataclass
class Span:
    """One span; times are milliseconds since the epoch."""

    context: SpanContext
    name: str
    began_ms: int
    ended_ms: int
    parent_id: str = ""
    kind: Kind = Kind.INTERNAL
    attributes: Attributes = field(default_factory=dict[str, Value])
    events: list[SpanEvent] = field(default_factory=list[SpanEvent])
    links: list[Link] = field(default_factory=list[Link])
    error: str | None = None
    """Why it failed; None when it did not."""
    events_left_out: int = 0

    def add_event(self, event: SpanEvent) -> None:
        """Adds a moment, or counts it when there are too many."""
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)
        else:
            self.events_left_out += 1
