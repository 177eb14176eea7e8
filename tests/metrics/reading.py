"""Reads metrics as Prometheus does, with the parser of its client library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from workflowsvc.clock import SystemClock
from workflowsvc.http.server_figures import ServerFigures
from workflowsvc.metrics.collection import Collection
from workflowsvc.settings import Settings
from workflowsvc.testing import World


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            for sample in family.samples
        }
        assert len(self.samples) == sum(len(family.samples) for family in self.families), "a series twice"

    def value(self, name: str, **labels: str) -> float:
        """The one series of this name whose labels include these."""
        found = self.values(name, **labels)
        assert len(found) == 1, f"{len(found)} series of {name} {labels}"
        return found[0]

    def values(self, name: str, **labels: str) -> list[float]:
        return [
            value
            for (other, given), value in self.samples.items()
            if other == name and labels.items() <= dict(given).items()
        ]

    def names(self) -> set[str]:
        """Of all series, as a query names them."""
        return {name for name, _ in self.samples}

    def labels(self) -> Iterable[str]:
        """The values of all labels."""
        return {value for _, given in self.samples for _, value in given}


class Service:
    """What a server would be asked for its metrics."""

    def __init__(self, world: World) -> None:
        self.engine = world.engine
        self.buckets = world.buckets
        self.access_refusals: Any = {}
        self.feed_figures: Any = None


def metrics_of(world: World) -> Metrics:
    """What a server on this world would answer now."""
    return metrics_of_service(Service(world))


def metrics_of_service(service: Service) -> Metrics:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collection(service, ServerFigures(), service.engine.settings, SystemClock()))
    return Metrics(generate_latest(registry).decode())


def measured(**settings: Any) -> Settings:
    """Settings of a server that measures."""
    return Settings(metrics_port="0", **settings)
