"""What grows to its limit: one history to 25,000 events, one domain to 100,000 open executions, over HTTP.

Owns both stress tests. At the limit the answer is SWF's (SWF §8.11, §12.1), also after the server was killed and
started again, and other calls still work.
"""

from __future__ import annotations

import time
from collections import Counter

from bench.connection import Connection
from bench.swf import DOMAIN, Execution, Requests
from tests.abuse.clients import allow_open_files, call_all, connections, furnished, outcome, said
from tests.abuse.report import Report
from tests.crash.server import Server
from workflowsvc.lint import Limits, lint_history

CONNECTIONS = 16
RESERVED = 10  # events; the service ends a run between two tasks, a little before the limit (SWF §8.11)


async def history(server: Server, max_events: int) -> Report:
    """Signals until the service ends the execution."""
    report = Report()
    await server.start()
    requests = await furnished(server)
    async with connections(server, CONNECTIONS) as lines:
        started = await lines[0].call(requests.start_workflow_execution("grows"))
        execution = Execution("grows", said(started)["runId"])
        signal = requests.of("SignalWorkflowExecution", domain=DOMAIN, workflowId="grows", signalName="s")
        began = time.monotonic()
        answers = await call_all(lines, (signal for _ in range(max_events + 200)))
        took = time.monotonic() - began
        outcomes = Counter(map(outcome, answers))
        report.require(
            outcomes.keys() == {"200", "UnknownResourceFault"}, f"signals were answered {outcomes}"
        )
    await server.kill()
    await server.start()
    async with connections(server, 1) as lines:
        events = await _events(lines[0], requests, execution)
        last = events[-1]
        cause = last.get("workflowExecutionTerminatedEventAttributes", {}).get("cause")
        report.require(
            max_events - RESERVED <= len(events) <= max_events, f"the history has {len(events)} events"
        )
        report.require(cause == "EVENT_LIMIT_EXCEEDED", f"it ends with {last}")
        findings = lint_history(events, limits=Limits(events=max_events))
        report.require(not findings, f"lint: {findings[:3]}")
        signals = sum(event["eventType"] == "WorkflowExecutionSignaled" for event in events)
        report.require(signals == outcomes["200"], f"{signals} events for {outcomes['200']} acknowledgements")
        again = await lines[0].call(requests.start_workflow_execution("grows"))
        report.require(outcome(again) == "200", f"a new run of it was answered {outcome(again)}")
    report.say(
        f"a history grew to {len(events):,} events in {took:.1f} s ({outcomes['200'] / took:,.0f} signals/s) "
        f"and was ended with {cause}"
    )
    return report


async def _events(line: Connection, requests: Requests, execution: Execution) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    token: dict[str, str] = {}
    named = {"workflowId": execution.workflowId, "runId": execution.runId}
    while True:
        page = said(
            await line.call(
                requests.of("GetWorkflowExecutionHistory", domain=DOMAIN, execution=named, **token)
            )
        )
        events += page["events"]
        if "nextPageToken" not in page:
            return events
        token = {"nextPageToken": page["nextPageToken"]}


async def open_executions(server: Server, maximum: int) -> Report:
    """Starts until the domain is full; then one is ended and one fits in again."""
    report = Report()
    allow_open_files(CONNECTIONS * 2)
    await server.start()
    requests = await furnished(server)
    before = server.resident_bytes()
    async with connections(server, CONNECTIONS * 2) as lines:
        began = time.monotonic()
        answers = await call_all(
            lines, (requests.start_workflow_execution(f"open {n}") for n in range(maximum))
        )
        took = time.monotonic() - began
        outcomes = Counter(map(outcome, answers))
        report.require(outcomes == {"200": maximum}, f"starts were answered {outcomes}")
        report.say(
            f"{maximum:,} executions started in {took:.0f} s ({maximum / took:,.0f}/s), all open; "
            f"server memory {server.resident_bytes() / 2**20:.0f} MiB, before {before / 2**20:.0f} MiB"
        )
    await _is_full(report, server, requests, maximum)
    await server.kill()
    began = time.monotonic()
    await server.start()
    report.say(f"a restart beside them took {time.monotonic() - began:.2f} s")
    await _is_full(report, server, requests, maximum)
    return report


async def _is_full(report: Report, server: Server, requests: Requests, maximum: int) -> None:
    async with connections(server, 1) as lines:
        line = lines[0]
        asked = time.monotonic()
        one_more = outcome(await line.call(requests.start_workflow_execution("one too many")))
        report.require(one_more == "LimitExceededFault", f"execution {maximum + 1:,} was answered {one_more}")
        report.say(f"execution {maximum + 1:,}: {one_more} after {1e3 * (time.monotonic() - asked):.0f} ms")
        counted = said(
            await line.call(
                requests.of("CountOpenWorkflowExecutions", domain=DOMAIN, startTimeFilter={"oldestDate": 0})
            )
        )
        report.require(counted["count"] == maximum, f"CountOpenWorkflowExecutions says {counted}")
        for action, want in (("TerminateWorkflowExecution", "200"), ("StartWorkflowExecution", "200")):
            request = (
                requests.of(action, domain=DOMAIN, workflowId="open 0")
                if action.startswith("Terminate")
                else requests.start_workflow_execution("open 0")
            )
            said_now = outcome(await line.call(request))
            report.require(said_now == want, f"{action} at the limit was answered {said_now}")
