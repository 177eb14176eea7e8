"""Polls by the thousand: one task wakes one of a thousand, and ten thousand idle ones do not slow other calls.

Owns two stress tests. The limit is SWF's: a thousand polls wait on a task list, the next is refused (SWF §2.31).
"""

from __future__ import annotations

import asyncio
import json
import time

from bench.connection import Answer, Connection
from bench.measure import usage
from bench.swf import DOMAIN, Requests
from tests.abuse.clients import Probe, allow_open_files, call_all, connections, furnished, outcome, said
from tests.abuse.report import Report
from tests.support.server import Server
from tests.support.waiting import PATIENCE_SECONDS

MAX_PER_LIST = 1_000
POLLS_PER_LIST = 500
QUIET_SECONDS = 1.0  # time in which no other poll may be answered
MAX_KIB = 50  # memory of one waiting poll
HOLD_SECONDS = "600"  # time that polls are held: longer than each of these tests


async def thousand_on_one_list(server: Server, starts: int = 3) -> Report:
    """A thousand polls and one more, then task after task."""
    report = Report()
    allow_open_files(MAX_PER_LIST + 1)
    await server.start()
    requests = await furnished(server)
    async with connections(server, MAX_PER_LIST + 2) as lines:
        polls = {asyncio.ensure_future(line.call(requests.poll_for_decision_task)) for line in lines[1:]}
        refused, waiting = await asyncio.wait(
            polls, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS
        )
        outcomes = [outcome(poll.result()) for poll in refused]
        report.require(outcomes == ["LimitExceededFault"], f"poll 1,001 was answered {outcomes}")
        woken = list[float]()
        for number in range(starts):
            began = time.perf_counter()
            await lines[0].call(requests.start_workflow_execution(f"one of {number}"))
            given, waiting = await asyncio.wait(
                waiting, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS
            )
            woken.append(time.perf_counter() - began)
            tokens = [said(poll.result()).get("taskToken") for poll in given]
            report.require(len(tokens) == 1 and all(tokens), f"one task was given to {len(tokens)} polls")
        late, waiting = await asyncio.wait(waiting, timeout=QUIET_SECONDS)
        report.require(not late, f"{len(late)} polls were answered without a task")
        room = await asyncio.wait_for(_one_more(lines[0], requests), PATIENCE_SECONDS)
        report.require(room == "waits", f"a poll that there is room for was answered {room}")
        report.say(
            f"{MAX_PER_LIST:,} polls on one list, {starts} tasks: each given once, in at most "
            f"{1e3 * max(woken):.1f} ms; poll 1,001: {', '.join(outcomes)}"
        )
    return report


async def _one_more(line: Connection, requests: Requests) -> str:
    poll = asyncio.ensure_future(line.call(requests.poll_for_decision_task))
    done, _ = await asyncio.wait({poll}, timeout=QUIET_SECONDS)
    return outcome(poll.result()) if done else "waits"


async def idle(server: Server, *, polls: int, seconds: float) -> Report:
    """Polls that get no task: what each costs, and how much slower other calls become."""
    report = Report()
    possible = allow_open_files(polls)
    report.require(possible == polls, f"only {possible} connections are allowed here")
    await server.start()
    await furnished(server)
    async with Probe(server) as alone:
        await asyncio.sleep(seconds / 3)
    before = server.resident_bytes()
    async with connections(server, possible) as lines:
        waiting = [
            asyncio.ensure_future(line.call(_poll(server, number))) for number, line in enumerate(lines)
        ]
        await _settled(server.pid)
        each_kib = (server.resident_bytes() - before) / possible / 1024
        cpu = usage(server.pid).cpu_seconds
        await asyncio.sleep(seconds / 3)
        cpu = (usage(server.pid).cpu_seconds - cpu) / (seconds / 3)
        async with Probe(server) as beside:
            await asyncio.sleep(seconds / 3)
        answered = sum(poll.done() for poll in waiting)
        report.require(answered == 0, f"{answered} polls were answered without a task")
        report.require(each_kib <= MAX_KIB, f"a waiting poll takes {each_kib:.1f} KiB")
        await _woken_in_turn(report, server, waiting)
    after = beside.summary().p99_ms / max(alone.summary().p99_ms, 1e-9)
    report.require(not alone.failures + beside.failures, f"{alone.failures + beside.failures}")
    report.say(
        f"{possible:,} polls waited {seconds:.0f} s, {each_kib:.1f} KiB each, {100 * cpu:.1f} % of a core"
    )
    report.say(f"others without them: {alone}")
    report.say(f"others beside them: {beside}; p99 {100 * (after - 1):+.0f} %")
    return report


def _poll(server: Server, number: int) -> bytes:
    where = {"domain": DOMAIN, "taskList": {"name": f"idle {number // POLLS_PER_LIST}"}}
    requests = Requests("127.0.0.1", server.port)
    return requests.build("PollForDecisionTask", json.dumps(where).encode())


async def _settled(pid: int) -> None:
    """Returns when the server uses no more CPU."""
    before = -1.0
    for _ in range(120):
        now = usage(pid).cpu_seconds
        if now - before <= 0.02:
            return
        before = now
        await asyncio.sleep(1)
    raise AssertionError("the server does not come to rest")


async def _woken_in_turn(report: Report, server: Server, waiting: list[asyncio.Future[Answer]]) -> None:
    """They still work: a task on the first list wakes one poll of it."""
    requests = Requests("127.0.0.1", server.port, task_list="idle 0")
    async with connections(server, 1) as lines:
        await call_all(lines, [requests.start_workflow_execution("for one that is idle")])
        first = set(waiting[:POLLS_PER_LIST])
        given, _ = await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS)
        report.require(len(given) == 1, f"one task was given to {len(given)} idle polls")
