"""What the console costs: pages over many stored executions, a long history, and twenty tabs that stay open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from statistics import median
from time import perf_counter

from bench import swf
from bench.console import HERE, Console, console_on, open_tabs, pages, run_address
from bench.measure import quantile, usage
from bench.preload import PARKED, preload
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.history import send_all, signal, start
from bench.scenarios.throughput import add_estimate, described, workflows_per_second
from bench.server import Server, workflowsvc
from bench.side_by_side import SLICES, Side, side_by_side
from bench.swf import Requests, Unexpected
from tools.ports import free_port

LOADS = 40  # of each page
FIRST_LOOKS = 5
EVENTS = 25_000  # as many as a history may have (SWF §12.1)
TABS = 20
IDLE_SECONDS = 12.0
TABS_SECONDS = 4.0  # of a slice of the load: busy pages ask every few seconds
EXPLAINED_SECONDS = 300.0
PAGE_MS, LONG_RUN_MS, LONG_RUN_KB, TABS_COST = 150.0, 200.0, 300.0, 0.97  # the goals
SETTINGS = {"WORKFLOWSVC_MAX_OPEN_EXECUTIONS": "2000000"}


async def run(bench: Bench) -> Result:
    stored = bench.console_stored
    executions_open = stored // 11
    result = Result(
        "console",
        f"{stored:,} stored executions, of which {executions_open:,} are open; {LOADS} loads of each page; "
        f"{TABS} open tabs on {SLICES} slices of the load: {described(bench.plan)}",
    )
    with bench.fresh_folder() as folder:
        file = folder / "console.db"
        await preload(file, executions_open=executions_open, executions_closed=stored - executions_open)
        store = f"sqlite:{file}"
        long = await make_long_run(bench, store)
        await measure_first_looks(bench, store, long, result)
        port = free_port()
        with workflowsvc(store, code=bench.code, settings=with_console(port)) as server:
            async with console_on(port) as console:
                await measure_long_run(console, long, result)
                await measure_pages(console, result)
            await measure_idle_tabs(server, port, result)
        await measure_load(bench, store, result)
    return result


def with_console(port: int) -> dict[str, str]:
    # Compiled templates are kept, as where the service is installed.
    return {**SETTINGS, "WORKFLOWSVC_CONSOLE_PORT": str(port), "PYTHONDONTWRITEBYTECODE": ""}


async def make_long_run(bench: Bench, store: str) -> swf.Execution:
    """A run whose history is nearly as long as it may be."""
    with workflowsvc(store, code=bench.code, settings=SETTINGS) as server:
        requests = Requests(server.host, server.port)
        await swf.register(requests)
        async with requests.connected() as connection:
            long = await start(connection, requests, "long")
        await send_all(requests, [signal(requests, long)] * (EVENTS - 10))
    return long


async def measure_first_looks(bench: Bench, store: str, long: swf.Execution, result: Result) -> None:
    """Each is the first of all requests after a start of the server, when nothing of the history is in memory."""
    address = run_address({"workflowId": long.workflowId, "runId": long.runId})
    seconds: list[float] = []
    for _ in range(FIRST_LOOKS):
        port = free_port()
        with workflowsvc(store, code=bench.code, settings=with_console(port)):
            async with console_on(port) as console:
                seconds.append((await console.load(address)).first_byte_seconds)
    said = f"a run of {EVENTS:,} events, first look after a start, median of {FIRST_LOOKS}"
    result.add(said, 1e3 * median(seconds), "ms", at_most=LONG_RUN_MS)


async def measure_long_run(console: Console, long: swf.Execution, result: Result) -> None:
    """Its tabs, looked at again and again."""
    execution = {"workflowId": long.workflowId, "runId": long.runId}
    for tab in ("compact", "timeline", "events", "pending", "json"):
        address = run_address(execution, tab)
        first = await console.load(address)
        again = [await console.load(address) for _ in range(LOADS)]
        said = f"a run of {EVENTS:,} events, {tab}"
        result.add(f"{said}, p95", p95_ms(one.first_byte_seconds for one in again), "ms", at_most=LONG_RUN_MS)
        largest = max(one.size for one in (first, *again))
        result.add(f"{said}, size", largest / 1000, "kB", at_most=LONG_RUN_KB)


def p95_ms(seconds: Iterable[float]) -> float:
    return 1e3 * quantile(sorted(seconds), 0.95)


async def measure_pages(console: Console, result: Result) -> None:
    for name, address in (await pages(console)).items():
        found = [(await console.load(address)).first_byte_seconds for _ in range(LOADS)]
        result.add(f"{name}: first byte, p95", p95_ms(found), "ms", at_most=PAGE_MS)


async def measure_idle_tabs(server: Server, port: int, result: Result) -> None:
    """What tabs cost when nothing happens."""
    for what, addresses in (("the same page", [f"{HERE}/executions"] * TABS), ("all pages", tab_addresses())):
        async with open_tabs(port, addresses) as tabs, tabs.shown():
            await asyncio.sleep(IDLE_SECONDS / 3)  # until what is counted once is counted
            before = usage(server.pid).cpu_seconds
            await asyncio.sleep(IDLE_SECONDS)
            spent = usage(server.pid).cpu_seconds - before
        result.add(f"CPU of {TABS} open tabs on {what}, idle", 100 * spent / IDLE_SECONDS, "%")


def tab_addresses() -> list[str]:
    """What people look at."""
    kinds = (
        *[f"{HERE}/executions"] * 3,
        f"{HERE}/executions?status=OPEN",
        "/domains",
        f"{HERE}/task-lists",
        f"{HERE}/task-lists/decision/{PARKED}",
        f"{HERE}/problems",
        f"{HERE}/types",
        f"{HERE}/executions?close=FAILED",
    )
    return [*kinds, *kinds]


async def measure_load(bench: Bench, store: str, result: Result) -> None:
    """Complete workflows a second of one server, with and without open tabs, in turn."""
    plan = replace(bench.plan, rate=None)
    port = free_port()
    with workflowsvc(store, code=bench.code, settings=with_console(port)) as server:
        async with console_on(port) as console:
            seconds = await explained(console)
        result.add("until all open runs are explained for the first time", seconds, "s")
        async with open_tabs(port, tab_addresses()) as tabs:
            both = {"without": Side(server, plan), "with": Side(server, plan, tabs.shown)}
            sides = await side_by_side(both, seconds=TABS_SECONDS)
    result.add("complete workflows", sides.median("without", workflows_per_second), "/s")
    ratio = sides.ratio("with", "without", workflows_per_second)
    add_estimate(result, f"with {TABS} open tabs, to without", ratio, "", at_least=TABS_COST)


async def explained(console: Console) -> float:
    """Seconds until the page of problems has looked at all open runs: that is done seldom, and is no part of a turn."""
    began = perf_counter()
    while not (await console.data(f"{HERE}/problems.json"))["isComplete"]:
        if perf_counter() - began > EXPLAINED_SECONDS:
            raise Unexpected("the open runs are not explained")
        await asyncio.sleep(0.5)
    return perf_counter() - began
