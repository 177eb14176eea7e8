"""A disk-fault run: a server under load whose disk fails for a while refuses what it cannot store, and loses nothing.

Owns the course: load, fault, calls meanwhile, a kill or a stop in the middle if wanted, recovery, the end of all
workflows, the audit of `audit.py`. The caller gives the fault.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.measure import Summary, summarize
from tests.crash import soundness
from tests.crash.audit import audit
from tests.crash.audit_names import audit_names
from tests.crash.findings import read_all
from tests.support.client import Client
from tests.support.journal import Call, Journal
from tests.support.load import Load
from tests.support.names import DOMAIN
from tests.support.server import Server
from tests.support.waiting import PATIENCE_SECONDS

BEFORE_SECONDS = 0.5
REFUSALS = 10  # answers with 503 that show that calls meet the fault
FELT_SECONDS = PATIENCE_SECONDS  # time-out of the waits for the fault and for its end

Meanwhile = Literal["nothing", "kill", "stop"]


@dataclass
class Report:
    """What the run did and found."""

    outcomes: dict[str, int] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    recovered_in_seconds: float = 0.0
    writes: Summary | None = None  # of calls that write, while the fault lasted
    start_while_broken: str = ""
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        latency = (
            f"; writes p50 {self.writes.p50_ms:.0f}, p99 {self.writes.p99_ms:.0f} ms" if self.writes else ""
        )
        return (
            f"{outcomes}; served again after {self.recovered_in_seconds:.2f} s{latency}; "
            f"{len(self.wrong)} things are wrong"
        )


async def suffer(
    server: Server,
    begin: Callable[[], None],
    heal: Callable[[], None],
    *,
    seed: int,
    fault_seconds: float = 0.5,
    refuses: bool = True,
    meanwhile: Meanwhile = "nothing",
) -> Report:
    """`refuses`: the fault makes writing impossible, so that every call that writes must be answered 503."""
    report, journal = Report(), Journal()
    load = Load(server.port, journal, seed)
    try:
        await server.start()
        await load.furnish()
        load.begin()
        await asyncio.sleep(BEFORE_SECONDS)
        faulty = len(journal.calls)
        begin()
        if refuses:
            await _until_refused(journal, faulty)
            report.wrong += await _reads_still_work(load.client())
        await asyncio.sleep(fault_seconds)
        if meanwhile != "nothing":
            report.start_while_broken = await _end_and_start(server, meanwhile, report)
        calls = journal.calls[faulty:]
        heal()
        if not server.is_running:
            await server.wait()
            await server.start()
        report.recovered_in_seconds = await _until_served(load.client())
        report.codes = {call.code for call in journal.calls if call.outcome == "failed"}
        report.writes = _latencies(calls)
        await load.finish()
        client = load.client()
        found = await read_all(client)
        report.wrong += audit(journal, found)
        report.wrong += await audit_names(journal, client)
        client.hang_up()
        await server.kill()
        with tempfile.TemporaryDirectory() as elsewhere:
            report.wrong += soundness.of(server.file, Path(elsewhere) / "at the end", lint=True)
        report.wrong += server.bugs_in_log()
    finally:
        heal()
        await server.end()
    report.outcomes = journal.counts()
    return report


async def _until_refused(journal: Journal, first: int) -> None:
    end = time.monotonic() + FELT_SECONDS
    while time.monotonic() < end:
        if sum(call.outcome == "failed" for call in journal.calls[first:]) >= REFUSALS:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no call has met the fault")


async def _reads_still_work(client: Client) -> list[str]:
    """Reads succeed while the disk cannot be written to; the problems."""
    call = await client.call("DescribeDomain", name=DOMAIN)
    client.hang_up()
    return [] if call.acknowledged else [f"{call} while the disk cannot be written to"]


async def _end_and_start(server: Server, how: Meanwhile, report: Report) -> str:
    """Ends the server while its disk is broken and starts it again; its message if it refuses to start."""
    if how == "stop":
        status = await server.stop()
        if status:
            report.wrong.append(f"stopping on a broken disk ended with status {status}")
    else:
        await server.kill()
    try:
        await server.start()
    except ChildProcessError as refusal:
        return str(refusal).splitlines()[-1]
    return ""


async def _until_served(client: Client) -> float:
    """Seconds until a call that writes is acknowledged."""
    began = time.monotonic()
    served = False
    while not served and time.monotonic() - began < FELT_SECONDS:
        name = client.journal.marker("healed")[1:-1]
        call = await client.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="NONE")
        served = call.acknowledged
        if not served:
            await asyncio.sleep(0.01)
    client.hang_up()
    return time.monotonic() - began


def _latencies(calls: list[Call]) -> Summary | None:
    reads = ("PollFor", "Get", "Describe", "Count", "List")
    seconds = [
        call.answered - call.sent
        for call in calls
        if call.outcome in ("acknowledged", "failed") and not call.action.startswith(reads)
    ]
    return summarize(seconds) if seconds else None
