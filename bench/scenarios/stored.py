"""The same load on a file with very many executions, in turn with an empty one, and the time to start on it."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from bench.load import Plan, run_load
from bench.preload import preload
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.startup import first_answer
from bench.scenarios.throughput import described
from bench.server import workflowsvc

TURNS = 2  # empty, full, empty, full
ENOUGH = 0.85  # the goal: within 15 % of the empty file


async def run(bench: Bench) -> Result:
    stored = f"{bench.executions_open:,} open and {bench.executions_closed:,} closed executions"
    plan = replace(bench.plan, rate=None)
    result = Result("stored", f"{stored} against an empty file, {TURNS} turns: {described(plan)}")
    with bench.fresh_folder() as folder:
        file = folder / "stored.db"
        began = perf_counter()
        await preload(file, executions_open=bench.executions_open, executions_closed=bench.executions_closed)
        result.add("making the file", perf_counter() - began, "s")
        result.add("size of the file", file.stat().st_size / 2**30, "GiB")
        # The quota of open executions (SWF §12.1) would refuse the load beside the stored ones.
        settings = {"WORKFLOWSVC_MAX_OPEN_EXECUTIONS": "1000000"}
        full_store = f"sqlite:{file}"
        seconds = await first_answer(lambda: workflowsvc(full_store, code=bench.code, settings=settings))
        result.add("first answer after a start on it", seconds, "s", at_most=2)
        empty: list[float] = []
        full: list[float] = []
        for _ in range(TURNS):
            with bench.fresh_store() as store:
                empty.append(await workflows_per_second(bench, store, plan, settings))
            full.append(await workflows_per_second(bench, full_store, plan, settings))
    on_empty, on_full = sum(empty) / TURNS, sum(full) / TURNS
    result.add("complete workflows, empty file", on_empty, "/s")
    result.add("complete workflows, full file", on_full, "/s", at_least=ENOUGH * on_empty)
    result.series["workflows/s against stored executions"] = [
        (0, on_empty),
        (bench.executions_open + bench.executions_closed, on_full),
    ]
    return result


async def workflows_per_second(bench: Bench, store: str, plan: Plan, settings: dict[str, str]) -> float:
    with workflowsvc(store, code=bench.code, settings=settings) as server:
        return (await run_load(server, plan)).workflows_per_second
