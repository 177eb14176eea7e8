"""What watching costs: the load of `throughput` on a server without metrics, on one whose metrics are read, and on one
that also logs every call, as JSON; side by side.

Metrics are read once in each slice of five seconds, three times as often as Prometheus reads by default.
"""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import (
    add_estimate,
    add_sides,
    cpu_per_workflow,
    described,
    workflows_per_second,
)
from bench.server import workflowsvc
from bench.side_by_side import Side, side_by_side
from tools.ports import free_port

MODES = {
    "metrics off": {},
    "metrics read": {},
    "metrics read, every call logged": {
        "WORKFLOWSVC_LOG_FORMAT": "json",
        "WORKFLOWSVC_ACCESS_LOG": "true",
    },
}
OFF, READ, LOGGED = MODES
SLICES = 9  # of each, so that all take less than four minutes
READ_SECONDS = 5.0
MORE_CPU = 1.02  # the goal


async def run(bench: Bench) -> Result:
    result = Result("watched", f"{SLICES} slices of each; {described(bench.plan)}")
    with ExitStack() as opened:
        servers = {mode: opened_server(opened, bench, mode) for mode in MODES}
        sides = await side_by_side(servers, slices=SLICES, seconds=READ_SECONDS)
    add_sides(result, sides, {mode: mode for mode in MODES})
    for mode in (READ, LOGGED):
        rates = sides.ratio(mode, OFF, workflows_per_second)
        add_estimate(result, f"complete workflows, {mode} to off", rates, "")
        cpu = sides.ratio(mode, OFF, cpu_per_workflow)
        goal = {"at_most": MORE_CPU} if mode == READ else {}
        add_estimate(result, f"CPU of a workflow, {mode} to off", cpu, "", **goal)
    return result


def opened_server(opened: ExitStack, bench: Bench, mode: str) -> Side:
    store = opened.enter_context(bench.fresh_store())
    port = free_port()
    settings: dict[str, str] = dict(MODES[mode])
    if mode != OFF:
        settings["WORKFLOWSVC_METRICS_PORT"] = str(port)
    server = opened.enter_context(workflowsvc(store, code=bench.code, settings=settings))
    if mode == OFF:
        return Side(server, bench.plan)
    return Side(server, bench.plan, partial(being_read, f"http://127.0.0.1:{port}/metrics"))


@asynccontextmanager
async def being_read(url: str) -> AsyncIterator[None]:
    """For a block, the metrics are read again and again; fails when they could not be."""
    over = threading.Event()
    failed: list[Exception] = []

    def read() -> None:
        wait = READ_SECONDS / 2  # the first time in the middle of a slice
        while not over.wait(wait):
            wait = READ_SECONDS
            try:
                with urllib.request.urlopen(url, timeout=60) as answer:
                    answer.read()
            except OSError as error:
                failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        over.set()
        await asyncio.to_thread(thread.join)
    if failed:
        raise failed[0]
