"""How our figures become families of prometheus_client.

Owns the forms alone. Must not know any metric by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from workflowsvc.histogram import Histogram

Families: TypeAlias = Iterable[Metric]
Values = Iterable[tuple[Sequence[str], float]]
"""Values of labels, and the number."""


def gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value=value)


def gauges(name: str, help: str, labels: Sequence[str], values: Values) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for of_labels, value in values:
        family.add_metric(of_labels, value)
    return family


def counter(name: str, help: str, value: float) -> Metric:
    return CounterMetricFamily(name, help, value=value)


def counters(name: str, help: str, labels: Sequence[str], values: Values) -> Metric:
    """`name` without `_total`, which is added."""
    family = CounterMetricFamily(name, help, labels=labels)
    for of_labels, value in values:
        family.add_metric(of_labels, value)
    return family


def histograms(
    name: str, help: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    family = HistogramMetricFamily(name, help, labels=labels)
    for of_labels, histogram in values:
        counts, total = histogram.cumulative()
        bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
        family.add_metric(of_labels, list(zip(bounds, counts, strict=True)), total)
    return family
