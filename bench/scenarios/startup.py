"""Time from the start of its process to the server's first answer, on an empty file."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import perf_counter

from bench.report import Result
from bench.scenarios import Bench
from bench.server import Server, workflowsvc
from bench.swf import DOMAIN, Requests, expect

STARTS = 7


async def run(bench: Bench) -> Result:
    seconds: list[float] = []
    for _ in range(STARTS):
        with bench.fresh_store() as store:
            seconds.append(await first_answer(lambda store=store: workflowsvc(store, code=bench.code)))
    result = Result("startup", f"{STARTS} starts, each on a new file")
    result.add("first answer, middle of all starts", statistics.median(seconds), "s", at_most=0.7)
    result.add("first answer, slowest", max(seconds), "s")
    return result


async def first_answer(start: Callable[[], AbstractContextManager[Server]]) -> float:
    """Seconds from the start of the process to the answer of a call that reads the store."""
    began = perf_counter()
    with start() as server:
        requests = Requests(server.host, server.port)
        async with requests.connected() as connection:
            request = requests.of("ListDomains", registrationStatus="REGISTERED")
            expect(await connection.call(request), f"ListDomains before {DOMAIN} exists")
            return connection.answered_at - began
