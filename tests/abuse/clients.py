"""Many connections to one server, and a client that keeps asking beside them to see how it is served.

Owns opening in bulk, calling in bulk with a bounded number of calls in flight, and the probe. Built on the load
generator's connection, which is cheap enough for ten thousand of them.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from bench import swf
from bench.connection import Answer, Connection
from bench.measure import Summary, summarize
from bench.swf import DOMAIN, TYPE, Requests
from tests.crash.client import fault_of
from tests.crash.server import HOST, Server

OPENING_BATCH_SIZE = 100  # connections; fewer than a listen queue holds
SPARE_FILES = 300


def allow_open_files(count: int) -> int:
    """Raises the limit of this process; returns the number of connections that it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE_FILES if hard == resource.RLIM_INFINITY else min(count + SPARE_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return min(count, max(soft, wanted) - SPARE_FILES)


async def furnished(server: Server) -> Requests:
    """Registers the domain and types of the load generator; returns what builds requests for them."""
    requests = Requests(HOST, server.port)
    await swf.register(requests)
    return requests


@asynccontextmanager
async def connections(server: Server, count: int) -> AsyncIterator[list[Connection]]:
    """`count` open connections; they are closed at the end of the block."""
    opened: list[Connection] = []
    try:
        for first in range(0, count, OPENING_BATCH_SIZE):
            some = range(first, min(first + OPENING_BATCH_SIZE, count))
            opened += await asyncio.gather(*(Connection.open(HOST, server.port) for _ in some))
        yield opened
    finally:
        for one in opened:
            one.close()


async def call_all(lines: Sequence[Connection], requests: Iterable[bytes]) -> list[Answer]:
    """All answers, in no order; every connection has one call in flight."""
    waiting = iter(requests)
    answers: list[Answer] = []

    async def work(line: Connection) -> None:
        for request in waiting:
            answers.append(await line.call(request))

    await asyncio.gather(*(work(line) for line in lines))
    return answers


def outcome(answer: Answer) -> str:
    """`200`, or the name of the fault."""
    return "200" if answer.status == 200 else fault_of(answer.body)


def said(answer: Answer) -> Any:
    return json.loads(answer.body) if answer.body else None


class Probe:
    """A caller that writes and reads without pause and records the duration of each call."""

    def __init__(self, server: Server, pause_seconds: float = 0.01) -> None:
        self.seconds: list[float] = []
        self.failures: list[str] = []
        self._server = server
        self._pause = pause_seconds
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def __aenter__(self) -> Probe:
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        assert self._task is not None
        await self._task

    def summary(self) -> Summary:
        return summarize(self.seconds or [0.0])

    def __str__(self) -> str:
        found = self.summary()
        return (
            f"{found.count} calls, p50 {found.p50_ms:.1f}, p99 {found.p99_ms:.1f}, "
            f"slowest {found.worst_ms:.0f} ms"
        )

    async def _ask(self) -> None:
        requests, number = Requests(HOST, self._server.port, task_list="never polled"), 0
        line: Connection | None = None
        while not self._stopping:
            number += 1
            try:
                line = line or await Connection.open(HOST, self._server.port)
                for request in self._round(requests, number):
                    began = perf_counter()
                    answer = await line.call(request)
                    self.seconds.append(perf_counter() - began)
                    if answer.status != 200:
                        self.failures.append(outcome(answer))
            except OSError:  # the server is being restarted
                line = None
            await asyncio.sleep(self._pause)
        if line is not None:
            line.close()

    def _round(self, requests: Requests, number: int) -> list[bytes]:
        workflow_id = f"probe {id(self)} {number}"
        return [
            requests.start_workflow_execution(workflow_id),
            requests.of("SignalWorkflowExecution", domain=DOMAIN, workflowId=workflow_id, signalName="s"),
            requests.of("DescribeWorkflowType", domain=DOMAIN, workflowType=TYPE),
            requests.of("TerminateWorkflowExecution", domain=DOMAIN, workflowId=workflow_id),
        ]
