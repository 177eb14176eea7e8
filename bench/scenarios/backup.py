"""What a backup costs those who are served meanwhile: the load with and without one, in turn, on a large file."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from bench import load
from bench.load import Outcome, Plan, run_load
from bench.preload import preload
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import described
from bench.server import Server, workflowsvc

TURNS = 2  # without, with, without, with
ENOUGH = 0.8  # of the throughput without a backup
SLOWER = 2.0  # times the p99 without a backup
LOAD = 0.5  # share of the throughput at which latencies are taken
TIMED = (load.START, load.ACTIVITY, load.COMPLETE)


async def run(bench: Bench) -> Result:
    stored = f"{bench.executions_open:,} open and {bench.executions_closed:,} closed executions"
    plan = replace(bench.plan, rate=None)
    result = Result("backup", f"a file with {stored}, {TURNS} turns: {described(plan)}")
    with bench.fresh_folder() as folder:
        file = folder / "stored.db"
        await preload(file, executions_open=bench.executions_open, executions_closed=bench.executions_closed)
        result.add("size of the file", file.stat().st_size / 2**20, "MiB")
        settings = {"WORKFLOWSVC_MAX_OPEN_EXECUTIONS": "1000000"}
        with workflowsvc(f"sqlite:{file}", code=bench.code, settings=settings) as server:
            alone, beside = await _in_turn(result, "closed loop", server, plan, file)
            without, during = _workflows(alone), _workflows(beside)
            result.add("complete workflows, no backup", without, "/s")
            result.add("complete workflows, during backups", during, "/s", at_least=ENOUGH * without)
            paced = replace(plan, rate=LOAD * without)
            alone, beside = await _in_turn(result, "half load", server, paced, file)
            for name in TIMED:
                before = max(outcome.latencies[name].p99_ms for outcome in alone)
                result.add(f"{name}: p99, no backup", before, "ms")
                after = max(outcome.latencies[name].p99_ms for outcome in beside)
                result.add(f"{name}: p99, during backups", after, "ms", at_most=SLOWER * before)
    return result


def _workflows(outcomes: list[Outcome]) -> float:
    return sum(outcome.workflows_per_second for outcome in outcomes) / len(outcomes)


async def _in_turn(
    result: Result, what: str, server: Server, plan: Plan, file: Path
) -> tuple[list[Outcome], list[Outcome]]:
    alone: list[Outcome] = []
    beside: list[Outcome] = []
    for turn in range(TURNS):
        alone.append(await run_load(server, plan))
        async with backing_up(file) as seconds:
            beside.append(await run_load(server, plan))
        for number, took in enumerate(seconds):
            result.add(f"{what}, turn {turn + 1}: backup {number + 1}", took, "s")
    return alone, beside


@asynccontextmanager
async def backing_up(file: Path) -> AsyncIterator[list[float]]:
    """One backup after the other, as a server has them made; how long each that was completed took."""
    seconds: list[float] = []
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:

        async def work() -> None:
            while True:
                began = perf_counter()
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "workflowsvc", "backup", "--store", f"sqlite:{file}"),
                    *("--to", folder, "--keep", "1", "--audit", "quick", "--background"),
                    stdout=asyncio.subprocess.DEVNULL,
                )
                try:
                    # 1: made, and the audit found that stored rows are not quite those that a server writes.
                    assert await process.wait() in (0, 1), "no backup was made"
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
                seconds.append(perf_counter() - began)

        task = asyncio.create_task(work())
        try:
            yield seconds
        finally:
            if task.done():
                task.result()  # a backup failed
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
