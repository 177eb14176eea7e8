"""The spans of batches: many calls share one, and its commit.

Owns which call a batch stands below: the first one in it that is sampled. All others are linked to it, and it to them.
"""

from __future__ import annotations

import asyncio
import contextlib

from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer, set_span_in_context

from workflowsvc.engine.batch_figures import AnswerTimes
from workflowsvc.otel.wall import Wall


class Batches:
    """Belongs to the event loop."""

    def __init__(self, tracer: Tracer, wall: Wall) -> None:
        self._tracer = tracer
        self._wall = wall
        self._times: AnswerTimes | None = None
        self._span: Span | None = None

    def answered(self, call: Span, times: AnswerTimes) -> None:
        """A call was answered by the batch that has these times. Its calls are answered one after the other."""
        if self._span is None or times is not self._times:
            self._finish()
            self._begin(call, times)
            return
        relation = {"swf.relation": "batch"}
        call.add_link(self._span.get_span_context(), relation)
        self._span.add_link(call.get_span_context(), {"swf.relation": "call"})

    def _begin(self, call: Span, times: AnswerTimes) -> None:
        self._times = times
        self._span = self._tracer.start_span(
            "batch",
            set_span_in_context(call, Context()),
            start_time=self._wall.at(times.began),
            attributes={"workflowsvc.batch.commands": times.commands},
        )
        with contextlib.suppress(RuntimeError):  # without an event loop the next batch ends this one
            asyncio.get_running_loop().call_soon(self._finish)

    def _finish(self) -> None:
        """All calls of the batch were answered."""
        span, times = self._span, self._times
        self._span = self._times = None
        if span is None or times is None:
            return
        commit = self._tracer.start_span(
            "commit", set_span_in_context(span, Context()), start_time=self._wall.at(times.ran)
        )
        commit.end(self._wall.at(times.ended))
        span.end(self._wall.at(times.ended))
