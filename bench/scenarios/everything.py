"""What it costs to have everything on that an operator may want: the load of `throughput` on a server as it is without
options, on one with metrics that are read, a log in JSON, and an event feed that is read, and on one that also logs
every call; side by side.

The readers of metrics and feed are those of `watched` and `feed`; that of the feed works on the generator's core.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from bench.report import Result
from bench.scenarios import Bench, feed, watched
from bench.scenarios.throughput import (
    add_estimate,
    add_sides,
    cpu_per_workflow,
    described,
    workflows_per_second,
)
from bench.server import Server, workflowsvc
from bench.side_by_side import Side, side_by_side
from tools.ports import free_port

OFF = "everything off"
ON = "metrics, JSON log and feed on"
LOGGED = "the same, every call logged"
MODES: dict[str, Mapping[str, str]] = {
    OFF: {},
    ON: {"WORKFLOWSVC_LOG_FORMAT": "json"},
    LOGGED: {"WORKFLOWSVC_LOG_FORMAT": "json", "WORKFLOWSVC_ACCESS_LOG": "true"},
}
AT_LEAST = 0.9  # the goal


async def run(bench: Bench) -> Result:
    result = Result("everything", f"{watched.SLICES} slices of each; {described(bench.plan)}")
    with ExitStack() as opened:
        servers = {mode: await opened_server(opened, bench, mode) for mode in MODES}
        sides = await side_by_side(servers, slices=watched.SLICES, seconds=watched.READ_SECONDS)
    add_sides(result, sides, {mode: mode for mode in MODES})
    for mode in (ON, LOGGED):
        rates = sides.ratio(mode, OFF, workflows_per_second)
        goal = {"at_least": AT_LEAST} if mode == ON else {}
        add_estimate(result, f"complete workflows, {mode}, to off", rates, "", **goal)
        cpu = sides.ratio(mode, OFF, cpu_per_workflow)
        add_estimate(result, f"CPU of a workflow, {mode}, to off", cpu, "")
    return result


async def opened_server(opened: ExitStack, bench: Bench, mode: str) -> Side:
    store = opened.enter_context(bench.fresh_store())
    port = free_port()
    settings = dict(MODES[mode])
    if mode != OFF:
        settings["WORKFLOWSVC_METRICS_PORT"] = str(port)
    server = opened.enter_context(workflowsvc(store, code=bench.code, settings=settings))
    await feed.prepare(server, feed=mode != OFF)
    if mode == OFF:
        return Side(server, bench.plan)
    return Side(server, bench.plan, partial(being_read, server, f"http://127.0.0.1:{port}/metrics"))


@asynccontextmanager
async def being_read(server: Server, metrics: str) -> AsyncIterator[None]:
    """For a block, the metrics and the feed are read."""
    async with watched.being_read(metrics), feed.being_read(server):
        yield
