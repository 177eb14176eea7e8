"""Task lists of a domain: what waits, for how long, how fast it goes, and who polls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console.page import Data, Page
from workflowsvc.console.visit import NoSuchPage

if TYPE_CHECKING:
    from workflowsvc.console.lookups import Publish
    from workflowsvc.console.visit import Visit

KINDS = ("decision", "activity")
FILTERS = ("all", *KINDS)
PAGE_SIZE = 100


async def gather_all(visit: Visit) -> Data:
    """Those with tasks or pollers. `unpolled` names those whose tasks wait for a poller that is not there."""
    kind = visit.chosen("kind", FILTERS)
    after = visit.one("after")

    async def work(_: Publish) -> Data:
        return await visit.own(
            "ListTaskLists",
            domain=visit.domain,
            kind=None if kind == "all" else kind.upper(),
            maximumPageSize=PAGE_SIZE,
            nextPageToken=after or None,
        )

    # The tasks of a list are counted one by one.
    found = await visit.look(
        "task lists", kind, after, needs="workflowsvc:ListTaskLists", domains=[visit.domain], work=work
    )
    page: Data = found.value or {"taskLists": []}
    return {
        "domain": visit.domain,
        "kind": kind,
        "taskLists": page["taskLists"],
        "unpolled": [one for one in page["taskLists"] if waits_unpolled(one)],
        "nextPageToken": page.get("nextPageToken"),
        "isComplete": found.is_complete,
    }


async def gather_one(visit: Visit) -> Data:
    """One with its backlog by priority and its pollers; `summary` is None while the tasks are being counted."""
    kind = visit.name("kind")
    if kind not in KINDS:
        raise NoSuchPage(f"{kind[:40]!r} is no kind of task lists")
    named = {"name": visit.name("list")}

    async def work(_: Publish) -> Data:
        return await visit.own("DescribeTaskList", domain=visit.domain, taskList=named, kind=kind.upper())

    found = await visit.look(
        "task list",
        kind,
        named["name"],
        needs="workflowsvc:DescribeTaskList",
        domains=[visit.domain],
        work=work,
    )
    detail: Data = found.value or {"summary": None}
    return {
        "domain": visit.domain,
        "taskList": named,
        **detail,
        "isUnpolled": found.value is not None and waits_unpolled(detail["summary"]),
    }


def waits_unpolled(summary: Data) -> bool:
    """Whether tasks wait and no client has polled of late."""
    return summary["backlog"] > 0 and summary["pollers"] == 0


PAGES = (
    Page("/domains/{domain}/task-lists", "task-lists.html", gather_all),
    Page("/domains/{domain}/task-lists/{kind}/{list}", "task-list.html", gather_one),
)
