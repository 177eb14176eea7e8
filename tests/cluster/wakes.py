"""Measures how long a poll on one node waits for a task that another node has made, under load."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator
from contextlib import contextmanager

from bench.measure import summarize
from tests.cluster.domain_fixture import COMPLETE, DomainFixture
from tests.cluster.faults import Cluster, FaultPlan


@contextmanager
def uncollected() -> Generator[None]:
    """Without garbage collection: the load keeps a journal of all calls in this process, and a collection of it stops
    the process for up to a second, which would be measured as waiting.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def wakes(times: int, seconds: list[float]) -> FaultPlan:
    """No fault: measures `times` waits and appends them to `seconds`."""

    def measure(cluster: Cluster) -> None:
        furnished = DomainFixture(cluster.nodes)
        with uncollected():
            for number in range(times):
                task, waited = furnished.woken(number, number + 1)
                furnished.decide(number, task, COMPLETE)
                seconds.append(waited)
        found = summarize(seconds)
        cluster.report.facts.append(
            f"{times} polls saw a task of another node within {found.p50_ms:.0f} ms (median), "
            f"{found.p99_ms:.0f} ms (p99), {found.worst_ms:.0f} ms (slowest)"
        )

    async def inject(cluster: Cluster) -> None:
        await asyncio.to_thread(measure, cluster)

    return inject
