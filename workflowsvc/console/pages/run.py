"""The page of a run: its head and five tabs, the page of each event, and its whole history as a file.

Owns which tab shows what. A history from a file is shown with the same tabs (`import_file.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response, StreamingResponse

from workflowsvc.console.clocks import live_by
from workflowsvc.console.page import Data, Download, Page
from workflowsvc.console.pages import run_head
from workflowsvc.console.pages.action_kinds import NEEDS
from workflowsvc.console.pages.run_events import event_views, events, one_event, whole_values
from workflowsvc.console.pages.run_lines import compact, timeline, timeline_extras
from workflowsvc.console.paths import path
from workflowsvc.console.payloads import Room, values_of, visible
from workflowsvc.console.visit import NoSuchPage
from workflowsvc.display.history import CATEGORIES
from workflowsvc.display.text import history_file_name, with_times

if TYPE_CHECKING:
    from workflowsvc.console.histories import Execution, History, Source
    from workflowsvc.console.visit import Visit

TABS = ("compact", "timeline", "events", "pending", "json")
TABS_OF_A_FILE = ("compact", "timeline", "events", "json")
TIMES = ("elapsed", "clock")
HEAD_BYTES = 20_000  # of input and result above the tabs
HEAD_LETTERS = 1_500
# path, label, the status that it needs
ACTIONS = (
    ("signal", "Signal", "OPEN"),
    ("cancel", "Request cancel", "OPEN"),
    ("terminate", "Terminate", "OPEN"),
    ("rerun", "Re-run", "CLOSED"),
    ("start", "Start one like this", ""),
)
SENTENCES_SECONDS = 30
MAX_FINDINGS = 12
MAX_PENDING = 100  # rows of each kind; a run may have a thousand open activities
JSON_BYTES = 220_000
BLOCK = 500  # events of a download that are held at once
RUN = "/domains/{domain}/runs/{workflow_id}/{run_id}"


async def gather(visit: Visit) -> Data:
    """The head and one tab."""
    execution = run_head.execution_of(visit)
    clock = await live_by(visit, visit.domain)
    head = await run_head.gather(visit, execution)
    source = await visit.history(execution, head["run"]["events"])
    tab = visit.chosen("tab", TABS)
    return {
        **head,
        "clock": clock,
        **run_head.payloads(source.history),
        "findings": [{**one, "about": run_head.about(source.history, one)} for one in head["findings"]],
        "tab": tab,
        "time": visit.chosen("time", TIMES),
        "shown": await tab_data(visit, tab, source),
    }


async def tab_data(visit: Visit, tab: str, source: Source) -> Data:
    """What a tab shows of a history."""
    match tab:
        case "compact":
            return await compact(visit, source)
        case "timeline":
            return await timeline(visit, source)
        case "events" | "json":
            return await events(visit, source)
        case _:
            return {}


def extras(visit: Visit, data: Data) -> Data:
    """What the tab's template needs beside its data."""
    run = data["run"]
    until = run.get("closeTimestamp", visit.now)
    here = ("domains", data["domain"], "runs", data["execution"]["workflowId"], data["execution"]["runId"])
    return {
        "tabs": TABS,
        "actions": [
            (label, path(*here, name), NEEDS[name])
            for name, label, when in ACTIONS
            if when in ("", run["executionStatus"])
        ],
        "max_pending": MAX_PENDING,
        "max_findings": MAX_FINDINGS,
        "history_path": path(*here, "history"),
        **addresses(here),
        **head_extras(data),
        **tab_extras(visit, data, start=run["startTimestamp"], until=until),
    }


def addresses(here: tuple[str, ...]) -> Data:
    """Of the run or file whose path is made of these names, and of its events."""

    def event_path(event_id: object) -> str:
        return path(*here, "events", str(event_id))

    return {"run_path": path(*here), "event_path": event_path}


def seen(visit: Visit, data: Data) -> Data:
    """The sentences of findings say for how long, so they are new every second: a page has new ones every half minute,
    and counts the time since by itself."""
    findings = [
        {name: value for name, value in finding.items() if name not in ("message", "action")}
        for finding in data["findings"]
    ]
    shown = {name: value for name, value in data.items() if name != "deciderPolls"}  # new with every poll
    return {**shown, "findings": findings, "sentencesOf": visit.now // SENTENCES_SECONDS if findings else 0}


def head_extras(data: Data) -> Data:
    """The payloads above the tabs: what went in, and what came of it."""
    room = Room(HEAD_BYTES, HEAD_LETTERS)
    started, closed = data.get("started", {}), data.get("closed", {})
    names = [(started, "input"), *((closed, name) for name in ("result", "reason", "details", "cause"))]
    shown = {name: members[name] for members, name in names if members.get(name)}
    return {"payloads": values_of(shown, room)}


def tab_extras(visit: Visit, data: Data, *, start: float, until: float) -> Data:
    """The picture of the timeline, or the events as they are drawn."""
    common: Data = {"categories": CATEGORIES, "start": start, "order": visit.one("order")}
    match data["tab"]:
        case "timeline":
            return common | timeline_extras(visit, data["shown"], start=start, until=until)
        case "events":
            return common | event_views(visit, data["shown"], start)
        case "json":
            return common | {"json_text": _json_text(data)}
        case _:
            return common


def _json_text(data: Data) -> list[tuple[str, str, bool]]:
    """Of each part: its name, its text, whether more of it is left out."""
    parts = {
        "state": data.get("state"),
        "configuration": data.get("configuration"),
        "events": data["shown"]["events"],
    }
    room = Room(JSON_BYTES, JSON_BYTES // 2)
    found: list[tuple[str, str, bool]] = []
    for name, value in parts.items():
        if value is None:
            continue
        text = msgspec.json.format(msgspec.json.encode(with_times(value)), indent=2).decode()
        shown = room.cut(text)
        found.append((name, visible(shown), len(shown) < len(text)))
    return found


async def gather_event(visit: Visit) -> Data:
    """One event with all that it holds."""
    execution = run_head.execution_of(visit)
    state = await visit.own("SearchExecutions", domain=visit.domain, filter=execution, maximumPageSize=1)
    if not state["executions"]:
        raise NoSuchPage(f"There is no run {execution['runId']} of {execution['workflowId']}")
    run = state["executions"][0]
    source = await visit.history(execution, run["events"])
    return {
        "domain": visit.domain,
        "execution": execution,
        "run": run,
        **await event_data(visit, source, source.history),
    }


async def event_data(visit: Visit, source: Source, history: History) -> Data:
    """The event that the path names, and the thing that it belongs to. NoSuchPage when there is none."""
    named = visit.name("event_id")
    event_id = int(named) if named.isascii() and named.isdecimal() and len(named) < 10 else 0
    event = await one_event(source, event_id)
    if event is None:
        raise NoSuchPage(f"The history has {source.total:,} events, and none with the id {named[:40]!r}")
    line = history.line_of(event_id)
    return {"event": event, "total": source.total, "line": line.as_json() if line else None}


def event_extras(_: Visit, data: Data) -> Data:
    execution = data["execution"]
    here = ("domains", data["domain"], "runs", execution["workflowId"], execution["runId"])
    return whole_event_extras(data, here)


def whole_event_extras(data: Data, here: tuple[str, ...]) -> Data:
    """What the page of an event needs beside its data."""
    event_id = data["event"]["eventId"]
    return {
        "values": whole_values(data["event"]),
        "list_path": f"{path(*here, tab='events', at=event_id)}#event-{event_id}",
        **addresses(here),
    }


async def download(visit: Visit) -> Response:
    """The history as `aws swf get-workflow-execution-history` prints it, and beside it which run it was."""
    execution = run_head.execution_of(visit)
    # What is refused becomes a page that says so.
    first = await _part_of_history(visit, execution, None)

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"events":['
        page, comma = first, b""
        while True:
            for event in page["events"]:
                yield comma + msgspec.json.encode(with_times(event))
                comma = b",\n"
            token = page.get("nextPageToken")
            if token is None:
                break
            page = await _part_of_history(visit, execution, token)
        yield b'],"execution":' + msgspec.json.encode(execution) + b"}\n"

    name = history_file_name(execution["workflowId"], execution["runId"])
    return StreamingResponse(
        parts(),
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _part_of_history(visit: Visit, execution: Execution, token: str | None) -> Data:
    return await visit.swf(
        "GetWorkflowExecutionHistory",
        domain=visit.domain,
        execution=execution,
        maximumPageSize=BLOCK,
        nextPageToken=token,
    )


PAGES = (
    Download(f"{RUN}/history", download),
    Page(f"{RUN}/events/{{event_id}}", "run_event.html", gather_event, event_extras),
    Page(RUN, "run.html", gather, extras, seen),
)
