"""Latency of calls and tasks at half of the server's throughput, at a fixed rate of arrivals."""

from __future__ import annotations

from dataclasses import replace

from bench import load
from bench.load import Outcome, Plan, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import (
    CPU_PER_WORKFLOW,
    TIMED_CALLS,
    WORKFLOWS_PER_SECOND,
    add_latency,
    add_memory_and_generator,
    described,
)
from bench.server import workflowsvc

P50_MS, P99_MS = 3.0, 15.0  # the goals, for the calls and for schedule-to-start
RATE_IF_UNKNOWN = 400.0  # half of the goal for throughput


async def run(bench: Bench) -> Result:
    most = bench.earlier("throughput", WORKFLOWS_PER_SECOND)
    rate = bench.plan.rate or (most / 2 if most else RATE_IF_UNKNOWN)
    plan = paced(bench.plan, rate)
    with bench.fresh_store() as store, workflowsvc(store, code=bench.code) as server:
        outcome = await run_load(server, plan)
    return reported(outcome, plan)


def paced(plan: Plan, rate: float) -> Plan:
    """That many new workflows a second, and far more slots than they need: a workflow must never wait for one."""
    return replace(plan, rate=rate, open_workflows=max(1_000, plan.open_workflows))


def reported(outcome: Outcome, plan: Plan) -> Result:
    result = Result("latency", described(plan))
    result.add(WORKFLOWS_PER_SECOND, outcome.workflows_per_second, "/s")
    result.add(CPU_PER_WORKFLOW, outcome.server_cpu_ms_per_workflow, "ms")
    for name in (*TIMED_CALLS, load.DECISION_STARTED, load.ACTIVITY_STARTED, load.CALL_TO_START):
        add_latency(result, outcome, name, p50_at_most=P50_MS, p99_at_most=P99_MS)
    for name in (load.WORKFLOW, load.LAG):
        add_latency(result, outcome, name)
    add_memory_and_generator(result, outcome)
    return result
