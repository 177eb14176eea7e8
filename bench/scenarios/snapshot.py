"""A busy task list while a snapshot is held open for a minute, as by a backup, a report or a forgotten transaction.

PostgreSQL keeps every row that such a snapshot might still see, so each task that was taken stays in the index of its
list. There are two nodes, and the clients are connected so that every task is put by one node and taken by the other:
otherwise it would never be written to a table.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.database import Database
from bench.load import Outcome, Plan, Servers, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import described

BEFORE, FIRST, LAST, AFTER = 12.0, 45.0, 12.0, 12.0  # seconds; the snapshot is held for FIRST and LAST
WARMUP_SECONDS = 2.0
LOSS = 0.2  # the goal


async def run(bench: Bench) -> Result:
    database = bench.require_database()
    plan = replace(bench.plan, rate=None, warmup_seconds=WARMUP_SECONDS)
    with database.fresh_schema() as store, bench.nodes(store, ["", ""]) as nodes:
        servers = Servers(nodes, database.pid, starters_ask=[0], deciders_ask=[1], workers_ask=[0])

        async def measure(seconds: float) -> Outcome:
            return await run_load(servers, replace(plan, seconds=seconds))

        before = await measure(BEFORE)
        with held_snapshot(database, store):
            first, last = await measure(FIRST), await measure(LAST)
        after = await measure(AFTER)
    return result_of(plan, before, first, last, after)


def result_of(plan: Plan, before: Outcome, first: Outcome, last: Outcome, after: Outcome) -> Result:
    without = statistics.mean([before.workflows_per_second, after.workflows_per_second])
    least = (1 - LOSS) * without
    result = Result(
        "snapshot",
        f"two nodes, every task goes from one to the other: {described(replace(plan, seconds=LAST))}",
    )
    result.add("before", before.workflows_per_second, "/s")
    result.add(f"in its first {FIRST:.0f} s", first.workflows_per_second, "/s", at_least=least)
    result.add("at the end of its minute", last.workflows_per_second, "/s", at_least=least)
    result.add("after", after.workflows_per_second, "/s")
    for label, outcome in (("before", before), ("at the end of its minute", last), ("after", after)):
        result.add(f"CPU of nodes per workflow, {label}", outcome.server_cpu_ms_per_workflow, "ms")
        if outcome.database_cpu_ms_per_workflow is not None:
            result.add(f"CPU of PostgreSQL per workflow, {label}", outcome.database_cpu_ms_per_workflow, "ms")
    return result


@contextmanager
def held_snapshot(database: Database, store: str) -> Iterator[None]:
    """Holds a transaction open that has read once and does nothing more."""
    with database.connect(store) as connection:
        connection.execute("begin isolation level repeatable read read only")
        connection.execute("select count(*) from tasks")
        yield
        connection.execute("rollback")
