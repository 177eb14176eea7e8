"""Time until a poll that waits on one node gets a task that another node makes, with hints and without."""

from __future__ import annotations

import asyncio
import random
from time import perf_counter

from bench import swf
from bench.connection import Connection
from bench.measure import Summary, summarize
from bench.report import Result
from bench.scenarios import Bench
from bench.server import Server
from bench.swf import DOMAIN, Requests, Unexpected

POLLS = 100  # each on a list of its own
ROUNDS = 4
SPREAD_SECONDS = (
    2.0  # the starts of a round: a node looks by itself every 0.9 s, and must be met at any moment of that
)
MAX_SECONDS = 10.0
HINTED_MS, ALONE_MS = 250.0, 1100.0  # the goals, p99 (QUALITY §6.6)


async def run(bench: Bench) -> Result:
    result = Result(
        "wakeup",
        f"{POLLS} polls on one node, each on a list of its own; starts through another; {ROUNDS} rounds",
    )
    for label, defect, most in (("with hints", "", HINTED_MS), ("every hint lost", "deaf", ALONE_MS)):
        found = await wake(bench, defect)
        result.add(f"{label}: from the start call to the poll's answer, p50", found.p50_ms, "ms")
        result.add(
            f"{label}: from the start call to the poll's answer, p99", found.p99_ms, "ms", at_most=most
        )
        result.add(f"{label}: the slowest of {found.count}", found.worst_ms, "ms")
    return result


async def wake(bench: Bench, defect: str) -> Summary:
    """The latencies of two such nodes on an empty schema."""
    database = bench.require_database()
    with database.fresh_schema() as store, bench.nodes(store, [defect, defect]) as (waiting, starting):
        await swf.register(Requests(waiting.host, waiting.port))
        seconds: list[float] = []
        for number in range(ROUNDS):
            seconds += await one_round(waiting, starting, number)
    return summarize(seconds)


async def one_round(waiting: Server, starting: Server, number: int) -> list[float]:
    """Lets all polls wait; then makes a task for each, at a random time of its own. Seconds of each."""
    lists = [f"wake-{number}-{place}" for place in range(POLLS)]
    polls = [await Connection.open(waiting.host, waiting.port) for _ in lists]
    answers = [poll.call(poll_of(waiting, name)) for poll, name in zip(polls, lists, strict=True)]
    await asyncio.sleep(1.0)  # until all polls have arrived
    random_source = random.Random(number)
    moments = [random_source.uniform(0, SPREAD_SECONDS) for _ in lists]

    async def start(place: int) -> float:
        requests = Requests(starting.host, starting.port, lists[place])
        async with requests.connected() as connection:
            await asyncio.sleep(moments[place])
            began = perf_counter()
            request = requests.start_workflow_execution(lists[place])
            swf.expect(await connection.call(request), "StartWorkflowExecution")
            answer = await asyncio.wait_for(answers[place], MAX_SECONDS)
            if not swf.read_decision_task(swf.expect(answer, "PollForDecisionTask")).taskToken:
                raise Unexpected("a poll was answered without a task")
            return polls[place].answered_at - began

    seconds = await asyncio.gather(*map(start, range(POLLS)))
    for poll in polls:
        poll.close()
    return list(seconds)


def poll_of(server: Server, task_list: str) -> bytes:
    requests = Requests(server.host, server.port)
    return requests.of("PollForDecisionTask", domain=DOMAIN, taskList={"name": task_list}, identity="bench")
