"""Complete workflows a second with one, two and four nodes on one PostgreSQL, and their cost for nodes and database.

Nodes, database and generator share the cores of this machine, so more nodes are faster only while cores are idle. What
counts is that they cost hardly more CPU. They are measured in turn, forwards and backwards, in many short windows: on a
shared machine the same work costs up to a quarter more for a minute or two, which should affect all of them. The CPU of
the generator, whose work is always the same, shows how slow the machine was. There are enough clients for four nodes:
with fewer, the commits of each node would hold few commands.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

from bench.load import CALLS_PER_WORKFLOW, Outcome, Plan, Servers, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import described

NODES = (1, 2, 4)
TURNS = 12
WINDOW = 1 / 4  # of --seconds
WORKFLOWS_A_SECOND = 400.0  # the goal for one node
MORE_CPU = 0.15  # the goal for more nodes, as a share


async def run(bench: Bench) -> Result:
    clients = max(NODES)
    plan = replace(
        bench.plan,
        rate=None,
        seconds=bench.plan.seconds * WINDOW,
        open_workflows=clients * bench.plan.open_workflows,
        pollers=clients * bench.plan.pollers,
    )
    found: dict[int, list[Outcome]] = {count: [] for count in NODES}
    for turn in range(TURNS):
        for count in NODES if turn % 2 == 0 else reversed(NODES):
            found[count].append(await run_nodes(bench, count, plan))
    result = Result("nodes", f"{TURNS} turns of each: {described(plan)}")
    for count in NODES:
        add(result, count, found)
    return result


async def run_nodes(bench: Bench, count: int, plan: Plan) -> Outcome:
    """Runs the load on `count` nodes with an empty schema; clients are spread over them."""
    database = bench.require_database()
    with database.fresh_schema() as store, bench.nodes(store, [""] * count) as nodes:
        return await run_load(Servers(nodes, database.pid), plan)


def add(result: Result, count: int, found: dict[int, list[Outcome]]) -> None:
    outcomes = found[count]
    label = "1 node" if count == 1 else f"{count} nodes"
    rate = statistics.mean(outcome.workflows_per_second for outcome in outcomes)
    result.add(
        f"{label}: complete workflows", rate, "/s", at_least=WORKFLOWS_A_SECOND if count == 1 else None
    )
    result.add(f"{label}: calls", rate * CALLS_PER_WORKFLOW, "/s")
    result.add(f"{label}: CPU of nodes per workflow", mean_cpu(outcomes, of_database=False), "ms")
    if any(outcome.database is None for outcome in outcomes):
        return  # it runs on another machine, so the sum is not known
    result.add(f"{label}: CPU of PostgreSQL per workflow", mean_cpu(outcomes, of_database=True), "ms")
    result.add(f"{label}: CPU of both per workflow", total_cpu(outcomes), "ms")
    result.add(f"{label}: CPU of the generator per workflow", generator_cpu(outcomes), "ms")
    if count > 1:
        alone = found[1]
        more = total_cpu(outcomes) / total_cpu(alone)
        slower = generator_cpu(outcomes) / generator_cpu(alone)
        result.add(
            f"{label}: more CPU per workflow than 1 node", 100 * (more - 1), "%", at_most=100 * MORE_CPU
        )
        result.add(f"{label}: the same beside what the generator needed", 100 * (more / slower - 1), "%")


def mean_cpu(outcomes: list[Outcome], *, of_database: bool) -> float:
    """Milliseconds per workflow."""
    return statistics.mean(
        (outcome.database_cpu_ms_per_workflow or 0.0) if of_database else outcome.server_cpu_ms_per_workflow
        for outcome in outcomes
    )


def total_cpu(outcomes: list[Outcome]) -> float:
    return mean_cpu(outcomes, of_database=False) + mean_cpu(outcomes, of_database=True)


def generator_cpu(outcomes: list[Outcome]) -> float:
    """Milliseconds per workflow. The generator always does the same work, so this shows how slow the machine was."""
    return statistics.mean(outcome.generator_cpu_ms_per_workflow for outcome in outcomes)
