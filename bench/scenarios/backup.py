"""What a backup costs those who are served meanwhile: the load on a large file, by turns in short slices with a backup
that stands still and with one that goes on.

A backup of such a file takes minutes, so one goes on through many slices: while the load is measured without it, its
process is stopped. So its copying, audit and checksum are all measured, in the proportion of the time that they take.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from bench import load
from bench.load import Outcome
from bench.preload import preload
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.latency import paced
from bench.scenarios.throughput import add_estimate, add_sides, described, workflows_per_second
from bench.server import workflowsvc
from bench.side_by_side import Side, SideBySide, side_by_side

SLICES = 8  # of each, in a closed loop and at half load
ENOUGH = 0.8  # of the throughput without a backup
SLOWER = 2.0  # times the p99 without a backup
LOAD = 0.5  # share of the throughput at which latencies are taken
TIMED = (load.START, load.ACTIVITY, load.COMPLETE)
ALONE, BESIDE = "no backup", "during a backup"


async def run(bench: Bench) -> Result:
    stored = f"{bench.executions_open:,} open and {bench.executions_closed:,} closed executions"
    plan = replace(bench.plan, rate=None)
    result = Result("backup", f"a file with {stored}, {SLICES} slices of each: {described(plan)}")
    async with AsyncExitStack() as opened:
        folder = opened.enter_context(bench.fresh_folder())
        file = folder / "stored.db"
        await preload(file, executions_open=bench.executions_open, executions_closed=bench.executions_closed)
        result.add("size of the file", file.stat().st_size / 2**20, "MiB")
        settings = {"WORKFLOWSVC_MAX_OPEN_EXECUTIONS": "1000000"}
        server = opened.enter_context(workflowsvc(f"sqlite:{file}", code=bench.code, settings=settings))
        backups = await opened.enter_async_context(backing_up(file))

        async def sides(load: load.Plan) -> SideBySide:
            compared = {ALONE: Side(server, load), BESIDE: Side(server, load, backups.going_on)}
            return await side_by_side(compared, slices=SLICES, seconds=plan.seconds)

        loops = await sides(plan)
        add_sides(result, loops, {side: side for side in (ALONE, BESIDE)})
        rates = loops.ratio(BESIDE, ALONE, workflows_per_second)
        add_estimate(result, "complete workflows, during to without", rates, "", at_least=ENOUGH)
        half = await sides(paced(plan, LOAD * loops.median(ALONE, workflows_per_second)))
        for name in TIMED:

            def p99(outcome: Outcome, name: str = name) -> float:
                return outcome.latencies[name].p99_ms

            result.add(f"{name}: p99, {ALONE}", half.median(ALONE, p99), "ms")
            result.add(f"{name}: p99, {BESIDE}", half.median(BESIDE, p99), "ms")
            slower = half.ratio(BESIDE, ALONE, p99)
            add_estimate(result, f"{name}: p99, during to without", slower, "", at_most=SLOWER)
        result.add("the load beside a backup", backups.seconds, "s")
        result.add("backups that were completed in it", backups.completed, "")
    return result


class Backups:
    """One backup after the other, as a server has them made, each stopped while none is to go on."""

    def __init__(self, file: Path, folder: str) -> None:
        self._command = (
            *(sys.executable, "-m", "workflowsvc", "backup", "--store", f"sqlite:{file}"),
            *("--to", folder, "--keep", "1", "--audit", "quick", "--background"),
        )
        self._process: asyncio.subprocess.Process | None = None
        self.seconds = 0.0  # in which backups went on
        self.completed = 0

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """For a block, backups are made."""
        began = perf_counter()
        task = asyncio.create_task(self._make())
        try:
            yield
        finally:
            if task.done():
                task.result()  # a backup failed
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._process is not None and self._process.returncode is None:
                self._process.send_signal(signal.SIGSTOP)
            self.seconds += perf_counter() - began

    async def _make(self) -> None:
        while True:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdout=asyncio.subprocess.DEVNULL
                )
            else:
                self._process.send_signal(signal.SIGCONT)
            # 1: made, and the audit found that stored rows are not quite those that a server writes.
            assert await self._process.wait() in (0, 1), "no backup was made"
            self._process = None
            self.completed += 1

    async def end(self) -> None:
        """Ends one that is being made."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def backing_up(file: Path) -> AsyncIterator[Backups]:
    """Backups of the file that can be made, for a block."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        backups = Backups(file, folder)
        try:
            yield backups
        finally:
            await backups.end()
