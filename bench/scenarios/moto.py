"""The same load on moto_server, and how many times more workflows our server completes.

moto answers empty polls immediately, so its decider and its worker poll only when there must be a task. There is one
of each, because moto gives the same decision task to two deciders that poll at the same time. It keeps nothing on
disk, and gets slower the more it holds. So it is measured twice, each time newly started: with the same number of open
workflows as our server, and with one at a time, where it is fastest.
"""

from __future__ import annotations

from dataclasses import replace

from bench.load import Outcome, Plan, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import WORKFLOWS_PER_SECOND, described
from bench.server import moto, workflowsvc

WARMUP_SECONDS = 4.0
SECONDS = 12.0


async def run(bench: Bench) -> Result:
    plan = replace(bench.plan, rate=None, pollers=1, seconds=SECONDS, warmup_seconds=WARMUP_SECONDS)
    same = await run_moto(bench, plan)
    alone = await run_moto(bench, replace(plan, open_workflows=1, warmup_seconds=1.0))
    ours = bench.earlier("throughput", WORKFLOWS_PER_SECOND)
    if ours is None:
        with bench.fresh_store() as store, workflowsvc(store, code=bench.code) as server:
            short = replace(bench.plan, rate=None, seconds=SECONDS)
            ours = (await run_load(server, short)).workflows_per_second
    result = Result("moto", f"moto_server: {described(plan)}")
    for what, outcome in (("as many open", same), ("one at a time", alone)):
        cpu = outcome.server_cpu_ms_per_workflow
        result.add(f"moto_server, {what}: complete workflows", outcome.workflows_per_second, "/s", ours=False)
        result.add(f"moto_server, {what}: server CPU per workflow", cpu, "ms", ours=False)
    result.add("workflowsvc, durable: complete workflows", ours, "/s")
    ratio = ours / same.workflows_per_second
    result.add("workflowsvc to moto_server, as many open", ratio, "times", at_least=50)
    result.add("workflowsvc to moto_server, one at a time there", ours / alone.workflows_per_second, "times")
    return result


async def run_moto(bench: Bench, plan: Plan) -> Outcome:
    """Runs the load on a newly started moto_server."""
    with bench.fresh_folder() as folder, moto(folder) as server:
        return await run_load(server, replace(plan, like_moto=True))
