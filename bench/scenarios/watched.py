"""What watching costs: the load of `throughput` on a server without metrics, on one whose metrics are read, and on one
that also logs every call, as JSON; in turn.

Metrics are read every five seconds, three times as often as Prometheus reads by default.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from bench.load import Outcome, run_load
from bench.report import Result
from bench.scenarios import Bench
from bench.scenarios.throughput import CPU_PER_WORKFLOW, WORKFLOWS_PER_SECOND, described
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
TURNS = 3
READ_SECONDS = 5.0
MORE_CPU = 1.02  # the goal


async def run(bench: Bench) -> Result:
    outcomes: dict[str, list[Outcome]] = {mode: [] for mode in MODES}
    for _ in range(TURNS):
        for mode in MODES:
            outcomes[mode].append(await run_once(bench, mode))
    result = Result("watched", f"{TURNS} turns of each; {described(bench.plan)}")
    rates = {mode: median(one.workflows_per_second for one in found) for mode, found in outcomes.items()}
    cpu = {mode: median(one.server_cpu_ms_per_workflow for one in found) for mode, found in outcomes.items()}
    for mode in MODES:
        result.add(f"{mode}: {WORKFLOWS_PER_SECOND}", rates[mode], "/s")
        result.add(f"{mode}: {CPU_PER_WORKFLOW}", cpu[mode], "ms")
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
