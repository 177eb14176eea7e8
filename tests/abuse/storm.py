"""Very many timers due at once, with a kill in the middle: each fires once, and other calls are served meanwhile."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Iterator
from contextlib import closing

import apsw

from bench.connection import Connection
from bench.swf import Requests
from tests.abuse.clients import Probe, connections, furnished, outcome, said
from tests.abuse.report import Report
from tests.crash.server import Server

CONNECTIONS = 8
PATIENCE_SECONDS = 300.0
SETUP_SECONDS_PER_TIMER = 0.0002  # generous, because the moment when all are due is fixed before setting them
MIN_SECONDS = 2


async def storm(server: Server, *, runs: int, timers: int, kill: bool = True) -> Report:
    """`runs` executions with `timers` timers each, all due within one second."""
    report = Report()
    await server.start()
    requests = await furnished(server)
    due_at = math.ceil(time.time()) + MIN_SECONDS + math.ceil(runs * timers * SETUP_SECONDS_PER_TIMER)
    async with connections(server, CONNECTIONS) as lines:
        began = time.monotonic()
        await asyncio.gather(
            *(line.call(requests.start_workflow_execution(f"calm {n}")) for n, line in enumerate(lines))
        )
        waiting = iter(range(len(lines), runs))
        await asyncio.gather(*(_prepare(line, requests, waiting, due_at, timers) for line in lines))
        report.say(f"{runs * timers:,} timers of {runs:,} runs set in {time.monotonic() - began:.1f} s")
    if time.time() >= due_at:
        report.say("setting them took longer than planned: they were not due all at once")
    async with Probe(server) as probe:
        await asyncio.sleep(max(0, due_at - time.time()))
        calm = probe.summary()
        probe.seconds.clear()
        if kill:
            await _some_have_fired(server, runs)
            await server.kill()
            left = _due(server)
            began = time.monotonic()
            await server.start()
            report.say(
                f"killed when {left:,} of {runs:,} runs had timers that were due; "
                f"listening again after {time.monotonic() - began:.2f} s"
            )
        await _all_have_fired(server, due_at)
        took = time.time() - due_at
    report.say(
        f"all fired {took:.1f} s after the moment they were due ({runs * timers / max(took, 1e-9):,.0f}/s)"
    )
    report.say(f"others before the storm: p99 {calm.p99_ms:.1f} ms; in it: {probe}")
    report.require(not probe.failures, f"others were answered {probe.failures[:5]}")
    _count(report, server, runs, timers)
    return report


async def _prepare(
    line: Connection, requests: Requests, numbers: Iterator[int], due_at: int, timers: int
) -> None:
    """Sets the timers of one run after the other until no run is left."""
    while True:
        task = said(await line.call(requests.poll_for_decision_task))
        seconds = max(1, due_at - math.floor(time.time()))
        decisions = [
            {
                "decisionType": "StartTimer",
                "startTimerDecisionAttributes": {"timerId": f"t{n}", "startToFireTimeout": str(seconds)},
            }
            for n in range(timers)
        ]
        body = json.dumps({"taskToken": task["taskToken"], "decisions": decisions}).encode()
        answer = await line.call(requests.build("RespondDecisionTaskCompleted", body))
        assert answer.status == 200, outcome(answer)
        number = next(numbers, None)
        if number is None:
            return
        await line.call(requests.start_workflow_execution(f"calm {number}"))


def _due(server: Server, at: float = 0) -> int:
    """Runs with something that is due by now, or by a later moment, as the database says."""
    with closing(apsw.Connection(str(server.file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(5_000)
        now = int(max(time.time(), at) * 1000)
        return connection.execute("select count(*) from executions where wake_at <= ?", (now,)).get


async def _some_have_fired(server: Server, runs: int) -> None:
    """Returns when the timers of at least one run have fired, or after a second."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if 0 < _due(server) < runs:
            return
        await asyncio.sleep(0.005)


async def _all_have_fired(server: Server, due_at: int) -> None:
    """The last ones are due within a second after `due_at`: each was set somewhere between two full seconds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if not _due(server, due_at + 1):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{_due(server)} runs still have timers to fire")


def _count(report: Report, server: Server, runs: int, timers: int) -> None:
    """Each timer has one TimerFired, not early, by the events themselves."""
    with closing(apsw.Connection(str(server.file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(5_000)
        text = "cast(body as text)"
        fired = (
            f"json_extract({text}, '$.timerFiredEventAttributes.timerId')",
            f"json_extract({text}, '$.eventType') = 'TimerFired'",
        )
        events, distinct = connection.execute(
            f"select count(*), count(distinct run || ' ' || {fired[0]}) from events where {fired[1]}"
        ).fetchall()[0]
    wanted = runs * timers
    report.require(events == distinct == wanted, f"{events} events of {distinct} timers, {wanted} were set")
