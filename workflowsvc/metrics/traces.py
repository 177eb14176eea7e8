"""The spans that a server sends to a collector.

Owns the names of these metrics, which are there with `--trace-to` alone.
"""

from __future__ import annotations

from workflowsvc.metrics.families import Families, counter
from workflowsvc.traces.span_figures import SpanFigures


def trace_families(figures: SpanFigures) -> Families:
    yield counter("workflowsvc_trace_spans", "Spans of sampled calls.", figures.made.value)
    yield counter("workflowsvc_trace_spans_sent", "Spans that the collector has taken.", figures.sent.value)
    yield counter(
        "workflowsvc_trace_spans_lost",
        "Spans that the collector did not take, or for which there was no room while it was slow.",
        figures.lost(),
    )
