"""What an event feed costs, and how soon it tells: the load of `throughput` on a server whose domain has no feed and on
one whose feed is on and read by a subscriber, side by side; then the delay of the feed at half load.

The subscriber is a long poll of the generator. The delay of an event goes from its time, which is when its transaction
began, to the arrival of the answer that has it, by the clock of this machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from bench import swf
from bench.load import Outcome, run_load
from bench.measure import summarize
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.latency import paced
from bench.scenarios.throughput import (
    add_estimate,
    add_sides,
    cpu_per_workflow,
    described,
    workflows_per_second,
)
from bench.server import Server
from bench.side_by_side import SLICES, Side, side_by_side
from bench.swf import DOMAIN, Requests, expect

OFF, ON = "feed off", "feed on and read"
AT_LEAST = 0.95  # the goals
P99_MS = 100.0


async def run(bench: Bench) -> Result:
    result = Result("feed", f"{SLICES} slices of each; {described(bench.plan)}")
    with ExitStack() as opened:
        servers = {name: bench.open_server(opened) for name in (OFF, ON)}
        await prepare(servers[OFF], feed=False)
        await prepare(servers[ON], feed=True)
        sides = await side_by_side(
            {
                OFF: Side(servers[OFF], bench.plan),
                ON: Side(servers[ON], bench.plan, partial(being_read, servers[ON])),
            }
        )
        add_sides(result, sides, {OFF: OFF, ON: ON})
        rates = sides.ratio(ON, OFF, workflows_per_second)
        add_estimate(result, f"complete workflows, {ON} to off", rates, "", at_least=AT_LEAST)
        add_estimate(result, f"CPU of a workflow, {ON} to off", sides.ratio(ON, OFF, cpu_per_workflow), "")
        rate = bench.plan.rate or sides.median(OFF, workflows_per_second) / 2
        delays: list[float] = []
        async with being_read(servers[ON], delays):
            outcome: Outcome = await run_load(
                servers[ON], paced(replace(bench.plan, warmup_seconds=1.0), rate)
            )
    summary = summarize(delays)
    result.add(f"at {rate:.0f} workflows/s: events read", summary.count / outcome.workflows, "per workflow")
    result.add("delay of an event, p50", summary.p50_ms, "ms")
    result.add("delay of an event, p99", summary.p99_ms, "ms", at_most=P99_MS)
    result.add("delay of an event, longest", summary.worst_ms, "ms")
    return result


def own(requests: Requests, operation: str, **members: object) -> bytes:
    """A call of the service's own API."""
    request = requests.of(operation, domain=DOMAIN, **members)
    return request.replace(b"SimpleWorkflowService.", b"WorkflowSvc.", 1)


async def prepare(server: Server, *, feed: bool) -> None:
    requests = Requests(server.host, server.port)
    await swf.register(requests)
    if feed:
        async with requests.connected() as connection:
            expect(await connection.call(own(requests, "SetFeed", status="ON")), "SetFeed")


@asynccontextmanager
async def being_read(server: Server, delays: list[float] | None = None) -> AsyncIterator[None]:
    """For a block, a subscriber reads what is written to the feed, and adds the delay of each event, in seconds, if
    asked for that: then it decodes each event, on the cores that the server has."""
    requests = Requests(server.host, server.port)
    async with requests.connected() as connection:
        answer = await connection.call(own(requests, "ReadFeed", begin="LATEST"))
        cursor = json.loads(expect(answer, "ReadFeed"))["cursor"]

        async def follow() -> None:
            nonlocal cursor
            while True:
                asked = own(requests, "ReadFeed", cursor=cursor, waitSeconds=50, maximumPageSize=1_000)
                page = json.loads(expect(await connection.call(asked), "ReadFeed"))
                now = time.time()
                cursor = page["cursor"]
                if delays is not None:
                    delays.extend(now - happened_at(entry["event"]) for entry in page["entries"])

        reader = asyncio.create_task(follow())
        try:
            yield
        finally:
            reader.cancel()
            await asyncio.wait([reader])


def happened_at(event: str) -> float:
    """The moment of a start or an end, in seconds."""
    info = json.loads(event)["detail"]["workflowExecutionDetail"]["executionInfo"]
    return (info["closeTimestamp"] or info["startTimestamp"]) / 1_000
