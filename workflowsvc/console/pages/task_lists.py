"""Task lists of a domain: what waits, for how long, how fast it goes, and who polls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console import problem_counts
from workflowsvc.console.page import Data, Page
from workflowsvc.console.visit import NoSuchPage

if TYPE_CHECKING:
    from workflowsvc.console.lookups import Publish
    from workflowsvc.console.visit import Visit

KINDS = ("decision", "activity")
FILTERS = ("all", *KINDS)
PAGE_SIZE = 100
DESCRIBE = "workflowsvc:DescribeTaskList"


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
    unpolled = [one for one in page["taskLists"] if waits_unpolled(one)]
    groups = await problem_counts.mentioned(visit, visit.domain) if unpolled else None
    return {
        "domain": visit.domain,
        "kind": kind,
        "taskLists": page["taskLists"],
        "unpolled": [{**one, "problem": _problem(groups, one)} for one in unpolled],
        "nextPageToken": page.get("nextPageToken"),
        "isComplete": found.is_complete,
    }


async def gather_one(visit: Visit) -> Data:
    """One with its backlog by priority and its pollers; `summary` is None while the tasks are being counted."""
    kind = visit.name("kind")
    if kind not in KINDS:
        raise NoSuchPage(f"{kind[:40]!r} is no kind of task lists")
    name = visit.name("list")
    detail: Data = await described(visit, kind, name) or {"summary": None}
    summary: Data | None = detail["summary"]
    is_unpolled = summary is not None and waits_unpolled(summary)
    groups = await problem_counts.mentioned(visit, visit.domain) if is_unpolled else None
    return {
        "domain": visit.domain,
        "taskList": {"name": name},
        **detail,
        "isUnpolled": is_unpolled,
        "problem": _problem(groups, summary) if summary and is_unpolled else None,
    }


async def described(visit: Visit, kind: str, name: str) -> Data | None:
    """A list with its backlog and its pollers, as it was lately; None while its tasks are being counted."""

    async def work(_: Publish) -> Data:
        return await visit.own(
            "DescribeTaskList", domain=visit.domain, taskList={"name": name}, kind=kind.upper()
        )

    found = await visit.look("task list", kind, name, needs=DESCRIBE, domains=[visit.domain], work=work)
    return found.value


def _problem(groups: list[Data] | None, summary: Data) -> Data | None:
    """Which runs wait on a list that no client polls, and what to do, as far as that is known."""
    group = problem_counts.of_list(groups, summary["kind"], summary["taskList"]["name"])
    return group and {name: group[name] for name in ("action", "executions", "examples") if name in group}


def waits_unpolled(summary: Data) -> bool:
    """Whether tasks wait and no client has polled of late."""
    return summary["backlog"] > 0 and summary["pollers"] == 0


PAGES = (
    Page("/domains/{domain}/task-lists", "task-lists.html", gather_all),
    Page("/domains/{domain}/task-lists/{kind}/{list}", "task-list.html", gather_one),
)
