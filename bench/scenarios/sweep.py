"""Throughput and latency against load: the points of the picture."""

from __future__ import annotations

from dataclasses import replace

from bench import load
from bench.load import run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.server import workflowsvc

OPEN_WORKFLOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SHARES_OF_THROUGHPUT = (0.1, 0.25, 0.5, 0.7, 0.85, 0.95)
SECONDS = 4.0
WARMUP_SECONDS = 1.0

THROUGHPUT = "workflows/s against open workflows"
CALL_P50 = "StartWorkflowExecution, p50"
CALL_P99 = "StartWorkflowExecution, p99"
TASK_P50 = "scheduling call to activity poll, p50"
TASK_P99 = "scheduling call to activity poll, p99"


async def run(bench: Bench) -> Result:
    short = replace(bench.plan, seconds=SECONDS, warmup_seconds=WARMUP_SECONDS, rate=None)
    result = Result("sweep", f"{SECONDS:.0f} s a point; latencies at fixed rates of arrivals")
    with bench.fresh_store() as store, workflowsvc(store, code=bench.code) as server:
        for workflows in OPEN_WORKFLOWS:
            plan = replace(short, open_workflows=workflows, pollers=max(2, min(32, workflows)))
            outcome = await run_load(server, plan)
            result.series.setdefault(THROUGHPUT, []).append((workflows, outcome.workflows_per_second))
        most = max(y for _, y in result.series[THROUGHPUT])
        result.add("most workflows in a closed loop", most, "/s")
        for share in SHARES_OF_THROUGHPUT:
            rate = share * most
            plan = replace(short, rate=rate, open_workflows=1_000)
            outcome = await run_load(server, plan)
            call, task = outcome.latencies[load.START], outcome.latencies[load.CALL_TO_START]
            for name, value in (
                (CALL_P50, call.p50_ms),
                (CALL_P99, call.p99_ms),
                (TASK_P50, task.p50_ms),
                (TASK_P99, task.p99_ms),
            ):
                result.series.setdefault(name, []).append((rate, value))
            result.add(f"{CALL_P50}, at {rate:.0f} workflows/s", call.p50_ms, "ms")
            result.add(f"{CALL_P99}, at {rate:.0f} workflows/s", call.p99_ms, "ms")
    return result
