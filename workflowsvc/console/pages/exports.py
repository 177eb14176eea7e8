"""All runs that meet conditions as a file: CSV for spreadsheets, or their ids for scripts.

Owns the form of the files. They are sent while they are read, a page of the search at a time, so a million runs need no
memory to speak of; a file that cannot be ended is cut off, so that no client takes it for a whole one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from workflowsvc.console import conditions
from workflowsvc.console.drawing import iso
from workflowsvc.console.page import Data, Download
from workflowsvc.console.pages.executions import ORDERS, SORTS

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

COLUMNS = (
    "workflowId",
    "runId",
    "status",
    "type",
    "version",
    "started",
    "closed",
    "seconds",
    "events",
    "taskList",
    "parentWorkflowId",
    "parentRunId",
    "tags",
    "reason",
)
PAGE_SIZE = 1_000  # the largest that the service answers
# A spreadsheet takes a cell that begins so for a formula, which may run programs or send data (QUALITY §5.4).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def as_csv(visit: Visit) -> Response:
    """The runs as a table."""
    return await _file(visit, "executions.csv", _table, _table_line(COLUMNS))


async def as_ids(visit: Visit) -> Response:
    """One run on a line: its workflowId as JSON has it, without quotes, a tab, its runId."""
    return await _file(visit, "executions.txt", _ids, "")


async def _file(visit: Visit, name: str, spell: Callable[[list[Data]], str], head: str) -> Response:
    pages = _pages(visit)
    first = await anext(pages)  # what is refused becomes a page that says so

    async def parts() -> AsyncIterator[str]:
        yield head + spell(first)
        async for runs in pages:
            yield spell(runs)

    return StreamingResponse(
        parts(),
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _pages(visit: Visit) -> AsyncIterator[list[Data]]:
    """At least one page, which may be empty. The order is that of the page where an index has it: for any other one all
    runs would have to be ranked again for every page."""
    sort = visit.chosen("sort", tuple(SORTS))
    at = conditions.moment(visit.one("at"), visit.now)
    filter = conditions.read(visit.query, at)
    token: str | None = None
    while True:
        page = await visit.own(
            "SearchExecutions",
            domain=visit.domain,
            filter=filter,
            sortBy=SORTS[sort] if sort == "closed" else SORTS["started"],
            sortOrder=visit.chosen("order", ORDERS).upper(),
            maximumPageSize=PAGE_SIZE,
            nextPageToken=token,
        )
        yield page["executions"]
        token = page.get("nextPageToken")
        if token is None:
            return


def _table(runs: list[Data]) -> str:
    return "".join(_table_line(_row(run)) for run in runs)


def _row(run: Data) -> tuple[object, ...]:
    execution, parent = run["execution"], run.get("parent", {})
    return (
        execution["workflowId"],
        execution["runId"],
        run.get("closeStatus", run["executionStatus"]),
        run["workflowType"]["name"],
        run["workflowType"]["version"],
        iso(run["startTimestamp"]),
        iso(run.get("closeTimestamp")),
        run["durationInSeconds"],
        run["events"],
        run.get("taskList", {}).get("name", ""),
        parent.get("workflowId", ""),
        parent.get("runId", ""),
        " ".join(run.get("tagList", ())),
        run.get("failureReason", ""),
    )


def _table_line(cells: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
    return line.getvalue()


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula, also behind blanks."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) or text.startswith(("\n", "\0")) else text


def _ids(runs: list[Data]) -> str:
    return "".join(
        f"{_on_one_line(run['execution']['workflowId'])}\t{run['execution']['runId']}\n" for run in runs
    )


def _on_one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


PAGES = (
    Download("/domains/{domain}/executions.csv", as_csv),
    Download("/domains/{domain}/executions.ids", as_ids),
)
