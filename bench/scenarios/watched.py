"""What watching costs: the load of `throughput` on a server without metrics, on one whose metrics are read, and on one
that also logs every call, as JSON; in turn.

Metrics are read every five seconds, three times as often as Prometheus reads by default.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from bench.load import Outcome, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import TURNS, described, in_turn
from bench.server import workflowsvc
from tools.ports import free_port

MODES = {
    "metrics off": {},
    "metrics read": {},
    "metrics read, every call logged": {
        "WORKFLOWSVC_LOG_FORMAT": "json",
        "WORKFLOWSVC_ACCESS_LOG": "true",
    },
}
OFF, READ, LOGGED = MODES
READ_SECONDS = 5.0
MORE_CPU = 1.02  # the goal


async def run(bench: Bench) -> Result:
    result = Result("watched", f"{TURNS} turns of each; {described(bench.plan)}")
    rates, cpu = await in_turn(result, {mode: mode for mode in MODES}, partial(run_once, bench))
    result.add("complete workflows, metrics read to off", rates[READ] / rates[OFF], "")
    result.add("CPU of a workflow, metrics read to off", cpu[READ] / cpu[OFF], "", at_most=MORE_CPU)
    result.add("CPU of a workflow, every call logged to off", cpu[LOGGED] / cpu[OFF], "")
    return result


async def run_once(bench: Bench, mode: str) -> Outcome:
    with ExitStack() as opened:
        store = opened.enter_context(bench.fresh_store())
        port = free_port()
        settings: dict[str, str] = dict(MODES[mode])
        if mode != OFF:
            settings["WORKFLOWSVC_METRICS_PORT"] = str(port)
        server = opened.enter_context(workflowsvc(store, code=bench.code, settings=settings))
        if mode != OFF:
            opened.enter_context(being_read(f"http://127.0.0.1:{port}/metrics"))
        return await run_load(server, bench.plan)


@contextmanager
def being_read(url: str) -> Iterator[None]:
    """For a block, the metrics are read again and again; fails when they could not be."""
    over = threading.Event()
    failed: list[Exception] = []

    def read() -> None:
        while not over.wait(READ_SECONDS):
            try:
                with urllib.request.urlopen(url, timeout=60) as answer:
                    answer.read()
            except OSError as error:
                failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
