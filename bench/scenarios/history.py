"""What an append to a history of 20,000 events costs, against one of 20, and how long it takes to read.

One execution is filled with signals; many short ones are compared with it. The calls to both alternate, so that other
load of the machine affects both. Appends are measured three ways: a signal, a decision
with a marker, and the first signal after a restart, when the server has to read the execution again.
"""

from __future__ import annotations

import asyncio
import time
from time import perf_counter

from bench import swf
from bench.connection import Client
from bench.measure import summarize
from bench.report import Result
from bench.scenarios import Bench
from bench.server import Server, workflowsvc
from bench.swf import DOMAIN, DecisionTask, Execution, Json, Requests, Unexpected, expect, expect_empty

LONG, SHORT = 20_000, 20
ROUNDS = 200  # appends of each kind to the long history; also the number of short histories
CONNECTIONS = 16  # to fill the histories
WITHIN = 1.15  # the goal "as fast as", with the usual difference between two equal runs


async def run(bench: Bench) -> Result:
    result = Result(
        "history", f"{LONG:,} events against {SHORT}; {ROUNDS} appends of each kind to each, in turn"
    )
    with bench.fresh_folder() as folder:
        store = f"sqlite:{folder}/history.db"
        settings = {"WORKFLOWSVC_MAX_PAGE_SIZE": "1000"}  # what is measured is a reading of whole pages
        with workflowsvc(store, code=bench.code, settings=settings) as server:
            long, short = await measure(server, result)
        with workflowsvc(store, code=bench.code) as server:
            cold_short, cold_long = await first_signals(server, [short[0], short[1], long])
    result.add(f"first signal after a restart, {SHORT} events", cold_short * 1e3, "ms")
    result.add(f"first signal after a restart, {LONG:,} events", cold_long * 1e3, "ms")
    return result


async def measure(server: Server, result: Result) -> tuple[Execution, list[Execution]]:
    """Measures all that needs no restart; the long execution and the short ones."""
    requests = Requests(server.host, server.port)
    await swf.register(requests)
    async with requests.connected() as connection:
        long = await start(connection, requests, "long")
        short = [await start(connection, requests, "short") for _ in range(ROUNDS)]
        filled = await send_all(requests, [signal(requests, long)] * LONG)
        await send_all(requests, [signal(requests, one) for one in short for _ in range(SHORT)])
        signals: tuple[list[float], list[float]] = ([], [])
        decisions: tuple[list[float], list[float]] = ([], [])
        for one in short:
            signals[0].append(await seconds_of(connection, signal(requests, one)))
            signals[1].append(await seconds_of(connection, signal(requests, long)))
            decisions[0].append(await seconds_of(connection, await marker(connection, requests, "short")))
            decisions[1].append(await seconds_of(connection, await marker(connection, requests, "long")))
        began = perf_counter()
        events = await swf.history(connection, requests, long)
        read_in = perf_counter() - began
    if [event.eventId for event in events] != list(range(1, len(events) + 1)) or len(events) < LONG:
        raise Unexpected(f"{len(events)} events, and not numbered from one")
    for what, (on_short, on_long) in (("signal", signals), ("decision with a marker", decisions)):
        few, many = summarize(on_short), summarize(on_long)
        result.add(f"{what}, {SHORT} events, p50", few.p50_ms, "ms")
        result.add(f"{what}, {LONG:,} events, p50", many.p50_ms, "ms", at_most=WITHIN * few.p50_ms)
        result.add(f"{what}, {SHORT} events, p99", few.p99_ms, "ms")
        result.add(f"{what}, {LONG:,} events, p99", many.p99_ms, "ms")
        result.series[f"{what}: ms against events"] = [(SHORT, few.p50_ms), (LONG, many.p50_ms)]
    result.add(f"the whole history of {len(events):,} events in pages of 1,000", read_in, "s", at_most=1)
    result.add(f"signals to one execution by {CONNECTIONS} connections", filled, "/s")
    return long, short


async def start(connection: Client, requests: Requests, name: str) -> Execution:
    """A new execution whose decision tasks go to a list of its own."""
    members: Json = {
        "domain": DOMAIN,
        "workflowId": f"{name}-{time.time_ns()}",
        "workflowType": swf.TYPE,
        "taskList": {"name": name},
    }
    answer = await connection.call(requests.of("StartWorkflowExecution", **members))
    return Execution(members["workflowId"], swf.read_run(expect(answer, "StartWorkflowExecution")).runId)


def signal(requests: Requests, execution: Execution) -> bytes:
    return requests.of(
        "SignalWorkflowExecution",
        domain=DOMAIN,
        workflowId=execution.workflowId,
        runId=execution.runId,
        signalName="news",
        input="x" * 100,
    )


async def send_all(requests: Requests, messages: list[bytes]) -> float:
    """Sends all requests over several connections; requests per second."""
    left = iter(messages)

    async def some() -> None:
        async with requests.connected() as connection:
            for message in left:
                await seconds_of(connection, message)

    began = perf_counter()
    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))
    return len(messages) / (perf_counter() - began)


async def seconds_of(connection: Client, request: bytes) -> float:
    """Seconds that an action without an answer body takes."""
    began = perf_counter()
    expect_empty(await connection.call(request), "a void action")
    return connection.answered_at - began


async def marker(connection: Client, requests: Requests, task_list: str) -> bytes:
    """The completion, with one marker, of the decision task that waits on this list."""
    poll = requests.of(
        "PollForDecisionTask",
        domain=DOMAIN,
        taskList={"name": task_list},
        maximumPageSize=1,  # the newest event is enough: reading is measured elsewhere
        reverseOrder=True,
    )
    task = DecisionTask()
    while not task.taskToken:
        task = swf.read_decision_task(expect(await connection.call(poll), "PollForDecisionTask"))
    decision = {
        "decisionType": "RecordMarker",
        "recordMarkerDecisionAttributes": {"markerName": "m", "details": "x" * 100},
    }
    return requests.of("RespondDecisionTaskCompleted", taskToken=task.taskToken, decisions=[decision])


async def first_signals(server: Server, executions: list[Execution]) -> tuple[float, float]:
    """Seconds of the first append to each of the last two by a new server; the first one warms it up."""
    requests = Requests(server.host, server.port)
    async with requests.connected() as connection:
        _, before, last = [await seconds_of(connection, signal(requests, one)) for one in executions]
    return before, last
