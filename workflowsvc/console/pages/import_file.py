"""Histories from files: look at one with the tabs of a run without storing it, and store it as a closed run.

Owns these pages. What a tab shows is `run.py`'s, how a file is read `model/history_file.py`'s.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workflowsvc import faults
from workflowsvc.console.as_command import own_line
from workflowsvc.console.forms import MAX_FILE_BYTES
from workflowsvc.console.page import Action, Data, Form, Page, Shown
from workflowsvc.console.pages import run_head
from workflowsvc.console.pages.run import (
    TABS_OF_A_FILE,
    TIMES,
    addresses,
    event_data,
    head_extras,
    tab_data,
    tab_extras,
    whole_event_extras,
)
from workflowsvc.console.paths import path
from workflowsvc.console.shelf import MAX_AGE_SECONDS, HeldFile
from workflowsvc.console.visit import NoSuchPage
from workflowsvc.display import history
from workflowsvc.model.history_file import NoHistory, names_of, packed

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

DOMAIN = "imported"
"""Of the form that stores a history, before another one is typed."""

_STATUS = "WorkflowExecution"


async def ask(_: Visit) -> Data:
    """The page that takes a file."""
    return {"maximumBytes": MAX_FILE_BYTES, "minutes": round(MAX_AGE_SECONDS / 60), "problem": ""}


async def take(visit: Visit, form: Form) -> str | Shown:
    """Reads the file and leads to its pages."""
    file = form.file
    if file is None or not file.data:
        problem = "Choose a file first." if file is None or not file.name else f"{file.name} is empty."
        return Shown("import.html", {**await ask(visit), "problem": problem})
    try:
        key = await visit.shelf.put(visit.session.caller, file.name, file.data)
    except NoHistory as error:
        problem = f"{file.name[:200]} cannot be shown: {error}."
        return Shown("import.html", {**await ask(visit), "problem": problem})
    return path("import", "looks", key)


async def gather(visit: Visit) -> Data:
    """The head of the run in the file, and one tab."""
    file = _file(visit)
    kept = file.history.history
    tab = visit.chosen("tab", TABS_OF_A_FILE)
    return {
        "domain": "",
        "file": file.name,
        "look": visit.name("look"),
        "run": _run(file),
        **run_head.payloads(kept),
        "tab": tab,
        "time": visit.chosen("time", TIMES),
        "shown": await tab_data(visit, tab, file.history),
    }


def extras(visit: Visit, data: Data) -> Data:
    """What the tab's template needs beside its data."""
    run, here = data["run"], ("import", "looks", data["look"])
    return {
        "tabs": TABS_OF_A_FILE,
        "store_path": path(*here, "store"),
        "history_path": "",
        **addresses(here),
        **head_extras(data),
        **tab_extras(
            visit, data, start=run["startTimestamp"], until=run.get("closeTimestamp", run["lastTimestamp"])
        ),
    }


def _file(visit: Visit) -> HeldFile:
    file = visit.shelf.find(visit.session.caller, visit.name("look"))
    if file is None:
        raise NoSuchPage("The file is no longer held. Choose it again.")
    return file


def _run(file: HeldFile) -> Data:
    """What the history says of the run, in the names of DescribeWorkflowExecution."""
    kept = file.history.history
    assert kept.first is not None  # a history has events
    last = max((line.ended or line.began or 0.0 for line in kept.lines), default=0.0)
    started = history.attributes_of(kept.first)
    found: Data = {
        "events": file.history.total,
        "executionStatus": "OPEN",
        "startTimestamp": kept.first["eventTimestamp"],
        "lastTimestamp": last,
        "workflowType": started.get("workflowType"),
        "tagList": started.get("tagList"),
        "taskList": started.get("taskList"),
    }
    if kept.closing is not None:
        found |= {
            "executionStatus": "CLOSED",
            "closeStatus": _status(str(kept.closing["eventType"])),
            "closeTimestamp": kept.closing["eventTimestamp"],
        }
    return found


def _status(event_type: str) -> str:
    """`WorkflowExecutionTimedOut` as a close status: TIMED_OUT."""
    words = event_type.removeprefix(_STATUS)
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in words).lstrip("_")


async def gather_event(visit: Visit) -> Data:
    """One event with all that it holds."""
    file = _file(visit)
    return {
        "domain": "",
        "look": visit.name("look"),
        "execution": {"workflowId": file.name, "runId": ""},
        **await event_data(visit, file.history, file.history.history),
    }


def event_extras(_: Visit, data: Data) -> Data:
    return whole_event_extras(data, ("import", "looks", data["look"]))


async def ask_store(visit: Visit) -> Data:
    """The page that says what storing means."""
    workflow_id, run_id = names_of(_file(visit).name)
    return _store_page(visit, {"domain": DOMAIN, "workflowId": workflow_id, "runId": run_id or ""})


def _store_page(visit: Visit, values: dict[str, str], problem: str = "") -> Data:
    file = _file(visit)
    options = {
        "domain": values["domain"],
        "workflow-id": values["workflowId"],
        "run-id": values["runId"] or None,
    }
    return {
        "look": visit.name("look"),
        "file": file.name,
        "events": file.history.total,
        "isOpen": file.history.history.closing is None,
        "values": values,
        "command": own_line(visit.server, "import", (file.name,), {**options}),
        "problem": problem,
    }


async def store(visit: Visit, form: Form) -> str | Shown:
    """Stores the history as a closed run."""
    file = _file(visit)
    values = {name: form.one(name) for name in ("domain", "workflowId", "runId")}
    try:
        answer = await visit.own(
            "ImportHistory",
            domain=values["domain"],
            workflowId=values["workflowId"],
            runId=values["runId"] or None,
            compressedHistory=await asyncio.to_thread(lambda: packed(file.history.text)),
        )
    except faults.Fault as error:
        if error.status >= faults.InternalFailure.status:
            raise
        return Shown("import_store.html", _store_page(visit, values, error.message or error.code))
    execution = answer["execution"]
    return path(
        "domains",
        values["domain"],
        "runs",
        execution["workflowId"],
        execution["runId"],
        notice="history-imported",
    )


_LOOK = "/import/looks/{look}"
PAGES = (
    Page("/import", "import.html", ask),
    Action("/import", take, takes_file=True),
    Page(f"{_LOOK}/store", "import_store.html", ask_store),
    Action(f"{_LOOK}/store", store),
    Page(f"{_LOOK}/events/{{event_id}}", "run_event.html", gather_event, event_extras),
    Page(_LOOK, "import_look.html", gather, extras),
)
