"""What an event feed costs, and how soon it tells: the load of `throughput` on a server whose domain has no feed, on
one whose feed is on and read by a subscriber, and on one whose feed is on and pushed to a webhook, side by side; then
the delay of both at half load.

The subscriber is a long poll of the generator, the receiver of the webhook a server in it. The delay of an event goes
from its time, which is when its transaction began, to the arrival of the answer or request that has it, by the clock of
this machine. A webhook is there for its slices alone, and begins with what happens then.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from bench import swf
from bench.load import Outcome, run_load
from bench.measure import summarize
from bench.receiver import receiving
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
from bench.server import Server, run_command, workflowsvc
from bench.side_by_side import SLICES, Side, side_by_side
from bench.swf import DOMAIN, Requests, expect

OFF, ON, PUSHED = "feed off", "feed on and read", "feed on and pushed"
AT_LEAST = 0.95  # the goals
P99_MS = 100.0


class Entry(msgspec.Struct):
    event: str


class Page(msgspec.Struct):
    cursor: str
    entries: list[Entry]


read_page = msgspec.json.Decoder(Page).decode


async def run(bench: Bench) -> Result:
    result = Result("feed", f"{SLICES} slices of each; {described(bench.plan)}")
    with ExitStack() as opened:
        servers = {OFF: bench.open_server(opened), ON: bench.open_server(opened)}
        servers[PUSHED] = open_pushing_server(opened, bench)
        for name, server in servers.items():
            await prepare(server, feed=name != OFF)
        events: list[float] = []
        took: list[float] = []
        sides = await side_by_side(
            {
                OFF: Side(servers[OFF], bench.plan),
                ON: Side(servers[ON], bench.plan, partial(being_read, servers[ON])),
                PUSHED: Side(
                    servers[PUSHED], bench.plan, partial(being_pushed, servers[PUSHED], events, took)
                ),
            }
        )
        add_sides(result, sides, {name: name for name in servers})
        for name in (ON, PUSHED):
            rates = sides.ratio(name, OFF, workflows_per_second)
            goal = {"at_least": AT_LEAST} if name == ON else {}
            add_estimate(result, f"complete workflows, {name} to off", rates, "", **goal)
            add_estimate(
                result, f"CPU of a workflow, {name} to off", sides.ratio(name, OFF, cpu_per_workflow), ""
            )
        result.add("events pushed while the load went on", len(events) / sum(took), "/s")
        rate = bench.plan.rate or sides.median(OFF, workflows_per_second) / 2
        for name, what, subscribed in ((ON, "read", being_read), (PUSHED, "pushed", being_pushed)):
            delays: list[float] = []
            async with subscribed(servers[name], delays):
                outcome: Outcome = await run_load(
                    servers[name], paced(replace(bench.plan, warmup_seconds=1.0), rate)
                )
            summary = summarize(delays)
            result.add(
                f"at {rate:.0f} workflows/s: events {what}", summary.count / outcome.workflows, "per workflow"
            )
            result.add(f"delay of an event that is {what}, p50", summary.p50_ms, "ms")
            goal = {"at_most": P99_MS} if name == ON else {}
            result.add(f"delay of an event that is {what}, p99", summary.p99_ms, "ms", **goal)
            result.add(f"delay of an event that is {what}, longest", summary.worst_ms, "ms")
    return result


def open_pushing_server(opened: ExitStack, bench: Bench) -> Server:
    """One that has a master key, without which no webhook can be made."""
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bench-feed-")))
    key_file = folder / "master.key"
    run_command("access", "master-key", str(key_file), code=bench.code, folder=folder)
    store = opened.enter_context(bench.fresh_store())
    settings = {"WORKFLOWSVC_MASTER_KEY_FILE": str(key_file)}
    return opened.enter_context(workflowsvc(store, code=bench.code, settings=settings))


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
                page = read_page(expect(await connection.call(asked), "ReadFeed"))
                now = time.time()
                cursor = page.cursor
                if delays is not None:
                    delays.extend(now - happened_at(entry.event) for entry in page.entries)

        reader = asyncio.create_task(follow())
        try:
            yield
        finally:
            reader.cancel()
            await asyncio.wait([reader])


@asynccontextmanager
async def being_pushed(
    server: Server, delays: list[float], took: list[float] | None = None
) -> AsyncIterator[None]:
    """For a block, what is written to the feed is pushed to a receiver, which adds the delay of each event; `took`
    gets how long that was. All in seconds."""
    requests = Requests(server.host, server.port)

    def take(body: bytes) -> None:
        delays.append(time.time() - happened_at(body))

    async with receiving(take) as url, requests.connected() as connection:
        made = await connection.call(own(requests, "CreateWebhook", name="bench", url=url))
        expect(made, "CreateWebhook")
        began = time.perf_counter()
        try:
            yield
        finally:
            if took is not None:
                took.append(time.perf_counter() - began)
            expect(await connection.call(own(requests, "DeleteWebhook", name="bench")), "DeleteWebhook")


def happened_at(event: str | bytes) -> float:
    """The moment of a start or an end, in seconds."""
    info = json.loads(event)["detail"]["workflowExecutionDetail"]["executionInfo"]
    return (info["closeTimestamp"] or info["startTimestamp"]) / 1_000
