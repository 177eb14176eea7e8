"""The cost of ten thousand waiting long polls: memory for each, CPU for all, and the time to wake one."""

from __future__ import annotations

import asyncio
import json
import resource
from time import perf_counter

from bench import swf
from bench.connection import Answer, Connection
from bench.measure import summarize, usage
from bench.report import Result
from bench.scenarios import Bench
from bench.server import Server, workflowsvc
from bench.swf import DOMAIN, Requests, Unexpected

POLLS = 10_000
POLLS_PER_LIST = 500  # SWF allows 1,000 (SWF §2.31)
IDLE_SECONDS = 10.0
OPEN_BATCH_SIZE = 100  # connections; less than a listen queue holds
SPARE_FILES = 200
WOKEN = 50


async def run(bench: Bench) -> Result:
    allow_open_files(POLLS + SPARE_FILES)
    # Held for longer than the measurement, so that it contains no empty answer and no new poll.
    settings = {"WORKFLOWSVC_LONG_POLL_SECONDS": "120"}
    with bench.fresh_store() as store, workflowsvc(store, code=bench.code, settings=settings) as server:
        return await measure(server)


async def measure(server: Server) -> Result:
    await swf.register(Requests(server.host, server.port))
    before = usage(server.pid)
    connections: list[Connection] = []
    polls: list[asyncio.Future[Answer]] = []
    for first in range(0, POLLS, OPEN_BATCH_SIZE):
        some = await asyncio.gather(
            *(Connection.open(server.host, server.port) for _ in range(OPEN_BATCH_SIZE))
        )
        polls += [one.call(poll_of(server, task_list_of(first + n))) for n, one in enumerate(some)]
        connections += some
    await until_quiet(server.pid)
    idle_before = usage(server.pid)
    await asyncio.sleep(IDLE_SECONDS)
    idle_after = usage(server.pid)
    if answered := sum(poll.done() for poll in polls):
        raise Unexpected(f"{answered} of {POLLS} polls did not wait")
    woken = await wake_some(server, polls)
    result = Result(
        "polls", f"{POLLS:,} polls on {POLLS // POLLS_PER_LIST} task lists, idle for {IDLE_SECONDS:.0f} s"
    )
    each = (idle_before.resident_bytes - before.resident_bytes) / POLLS
    result.add("memory of a waiting poll", each / 2**10, "KiB", at_most=50)
    cpu = (idle_after.cpu_seconds - idle_before.cpu_seconds) / IDLE_SECONDS
    result.add("server CPU while all wait, of one core", 100 * cpu, "%", at_most=2)
    result.add("server memory", idle_after.resident_bytes / 2**20, "MiB")
    result.add("waking one of them, from the start call, p50", summarize(woken).p50_ms, "ms")
    result.add("waking one of them, from the start call, p99", summarize(woken).p99_ms, "ms")
    for connection in connections:
        connection.close()
    return result


async def wake_some(server: Server, polls: list[asyncio.Future[Answer]]) -> list[float]:
    """Seconds from StartWorkflowExecution until the oldest poll of that list has its decision task."""
    starter, seconds = await Connection.open(server.host, server.port), list[float]()
    for number in range(WOKEN):
        first = number * POLLS_PER_LIST % POLLS
        waiting = [poll for poll in polls[first : first + POLLS_PER_LIST] if not poll.done()]
        requests = Requests(server.host, server.port, task_list_of(first))
        began = perf_counter()
        swf.expect(await starter.call(requests.start_workflow_execution(f"wake-{number}")), "start")
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        seconds.append(perf_counter() - began)
        if len(done) != 1 or not swf.read_decision_task(swf.expect(done.pop().result(), "poll")).taskToken:
            raise Unexpected("one start should wake exactly one poll")
    starter.close()
    return seconds


def task_list_of(number: int) -> str:
    return f"idle-{number // POLLS_PER_LIST}"


def poll_of(server: Server, task_list: str) -> bytes:
    body = {"domain": DOMAIN, "taskList": {"name": task_list}, "identity": "bench"}
    return Requests(server.host, server.port).build("PollForDecisionTask", json.dumps(body).encode())


async def until_quiet(pid: int) -> None:
    """Returns when the server is idle: less than a hundredth of a core over a second."""
    for _ in range(30):
        before = usage(pid).cpu_seconds
        await asyncio.sleep(1)
        if usage(pid).cpu_seconds - before <= 0.02:
            return
    raise Unexpected("the server does not become idle")


def allow_open_files(count: int) -> None:
    """Raises the limit of open files, one for each connection, for this process and the server that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Unexpected(f"{count} open files are needed and only {hard} allowed: raise `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
