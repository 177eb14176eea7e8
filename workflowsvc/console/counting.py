"""Counts of runs by status, and pages of searches, gathered from as many calls as they take.

Owns the loops over CountExecutions and SearchExecutions, which end each call after about a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from workflowsvc.console.lookups import Publish
from workflowsvc.console.page import Data

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

Filter = Mapping[str, Any]


def key_of(filter: Filter) -> str:
    """The filter as one text."""
    return msgspec.json.encode(filter, order="sorted").decode()


async def counts(visit: Visit, domain: str, filter: Filter) -> Data:
    """How many runs match, by status; `isComplete` is false while they are still being counted."""

    async def work(publish: Publish) -> Data:
        return await _count(visit, domain, filter, publish)

    found = await visit.look(
        "counts", key_of(filter), needs="workflowsvc:CountExecutions", domains=[domain], work=work
    )
    return {**(found.value or {"count": 0, "byStatus": {}}), "isComplete": found.is_complete}


async def _count(visit: Visit, domain: str, filter: Filter, publish: Publish) -> Data:
    groups: Counter[str] = Counter()
    total = 0
    token: str | None = None
    while True:
        page = await visit.own(
            "CountExecutions", domain=domain, filter=filter, groupBy="STATUS", nextPageToken=token
        )
        total += page["count"]
        for group in page.get("groups", ()):
            groups[group["key"]] += group["count"]
        found = {"count": total, "byStatus": dict(sorted(groups.items()))}
        token = page.get("nextPageToken")
        if token is None:
            return found
        publish(found)


async def newer(visit: Visit, domain: str, filter: Filter) -> int | None:
    """How many runs match by now; None while that is not known."""

    async def work(_: Publish) -> int:
        count = 0
        token: str | None = None
        while True:
            page = await visit.own("CountExecutions", domain=domain, filter=filter, nextPageToken=token)
            count += page["count"]
            token = page.get("nextPageToken")
            if token is None:
                return count

    found = await visit.look(
        "newer", key_of(filter), needs="workflowsvc:CountExecutions", domains=[domain], work=work
    )
    return found.value


async def search(
    visit: Visit, domain: str, filter: Filter, *, sort_by: str, order: str, size: int, after: str | None
) -> Data:
    """One page of runs; `isComplete` is false while the search goes on."""

    async def work(publish: Publish) -> Data:
        return await _search(visit, domain, filter, sort_by, order, size, after, publish)

    names = (key_of(filter), sort_by, order, str(size), after or "")
    found = await visit.look(
        "search", *names, needs="workflowsvc:SearchExecutions", domains=[domain], work=work
    )
    return {**(found.value or {"executions": [], "examined": 0}), "isComplete": found.is_complete}


async def _search(
    visit: Visit,
    domain: str,
    filter: Filter,
    sort_by: str,
    order: str,
    size: int,
    after: str | None,
    publish: Publish,
) -> Data:
    runs: list[Data] = []
    examined = 0
    token = after
    while True:
        page = await visit.own(
            "SearchExecutions",
            domain=domain,
            filter=filter,
            sortBy=sort_by,
            sortOrder=order,
            maximumPageSize=size - len(runs),
            nextPageToken=token,
        )
        runs += map(steady, page["executions"])
        examined += page["examined"]
        token = page.get("nextPageToken")
        found = {"executions": runs, "examined": examined, "nextPageToken": token}
        if token is None or not page["timeLimitReached"] or len(runs) >= size:
            return found
        publish({**found, "executions": list(runs), "nextPageToken": None})


def steady(run: Data) -> Data:
    """The run without what changes with every look: an open run has taken the time since its start."""
    if run["executionStatus"] == "OPEN":
        return {name: value for name, value in run.items() if name != "durationInSeconds"}
    return run
