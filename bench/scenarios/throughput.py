"""Complete one-activity workflows a second, in a closed loop, and the CPU of the server for each."""

from __future__ import annotations

from collections.abc import Mapping

from bench import load
from bench.load import CALLS_PER_WORKFLOW, Outcome, Plan, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.server import workflowsvc
from bench.side_by_side import Estimate, SideBySide

WORKFLOWS_PER_SECOND = "complete workflows"
CPU_PER_WORKFLOW = "server CPU per workflow, user + system"
TIMED_CALLS = (load.START, load.SCHEDULE, load.ACTIVITY, load.COMPLETE)
WAITED_TASKS = (load.DECISION_STARTED, load.ACTIVITY_STARTED, load.CALL_TO_START, load.WORKFLOW)


async def run(bench: Bench) -> Result:
    plan = bench.plan
    with bench.fresh_store() as store, workflowsvc(store, code=bench.code) as server:
        outcome = await run_load(server, plan)
    return reported(outcome, plan)


def reported(outcome: Outcome, plan: Plan) -> Result:
    result = Result("throughput", described(plan))
    result.add(WORKFLOWS_PER_SECOND, outcome.workflows_per_second, "/s", at_least=800)
    result.add("calls", outcome.workflows_per_second * CALLS_PER_WORKFLOW, "/s")
    result.add(CPU_PER_WORKFLOW, outcome.server_cpu_ms_per_workflow, "ms", at_most=1.0)
    add_memory_and_generator(result, outcome)
    for name in (*TIMED_CALLS, *WAITED_TASKS):
        add_latency(result, outcome, name)
    return result


def add_sides(result: Result, sides: SideBySide, called: Mapping[str, str]) -> None:
    """Adds the medians of workflows a second and of CPU for each server that was compared. `called`: their names."""
    for side, name in called.items():
        result.add(f"{name}: {WORKFLOWS_PER_SECOND}", sides.median(side, workflows_per_second), "/s")
        result.add(f"{name}: {CPU_PER_WORKFLOW}", sides.median(side, cpu_per_workflow), "ms")


def add_estimate(result: Result, what: str, estimate: Estimate, unit: str, **goal: float) -> None:
    """Adds an estimate, with its range."""
    result.add(f"{what} ({estimate.low:.3g} to {estimate.high:.3g})", estimate.value, unit, **goal)


def workflows_per_second(outcome: Outcome) -> float:
    return outcome.workflows_per_second


def cpu_per_workflow(outcome: Outcome) -> float:
    return outcome.server_cpu_ms_per_workflow


def described(plan: Plan) -> str:
    """The plan in words."""
    how = "closed loop" if plan.rate is None else f"{plan.rate:.0f} new workflows a second"
    return (
        f"{how}, at most {plan.open_workflows} open, {plan.pollers} deciders and as many workers, "
        f"payloads of {plan.payload_bytes} bytes, {plan.seconds:.0f} s after {plan.warmup_seconds:.0f} s"
    )


def add_memory_and_generator(result: Result, outcome: Outcome) -> None:
    """Adds the memory of the server, and the CPU of server and generator."""
    result.add("server memory", outcome.server.resident_bytes / 2**20, "MiB")
    result.add("server CPU, of one core", 100 * outcome.server.cpu_seconds / outcome.seconds, "%")
    result.add("generator CPU per workflow", outcome.generator_cpu_ms_per_workflow, "ms", ours=False)
    result.add(
        "generator CPU, of one core", 100 * outcome.generator_cpu_seconds / outcome.seconds, "%", ours=False
    )


def add_latency(
    result: Result,
    outcome: Outcome,
    name: str,
    *,
    p50_at_most: float | None = None,
    p99_at_most: float | None = None,
) -> None:
    """Adds the p50 and p99 of the latencies of this name."""
    summary = outcome.latencies[name]
    ours = name != load.LAG
    result.add(f"{name}, p50", summary.p50_ms, "ms", at_most=p50_at_most, ours=ours)
    result.add(f"{name}, p99", summary.p99_ms, "ms", at_most=p99_at_most, ours=ours)
