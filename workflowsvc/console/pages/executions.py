"""The runs of a domain that meet the conditions in the address, with counts by status above them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workflowsvc.console import conditions, counting, hanging, problem_counts
from workflowsvc.console.clocks import live_by
from workflowsvc.console.page import Data, Page
from workflowsvc.console.pages.action_kinds import NEEDS, OPERATIONS
from workflowsvc.console.paths import segment
from workflowsvc.console.problem_counts import problem_numbers

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

SORTS = {
    "started": "START_TIME",
    "closed": "CLOSE_TIME",
    "duration": "DURATION",
    "events": "EVENTS",
    "id": "WORKFLOW_ID",
}
ORDERS = ("descending", "ascending")
SIZES = ("50", "100", "20")

# name, parameters: views that every domain has
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("All", {}),
    ("Open", {"status": "OPEN"}),
    ("Failed or timed out", {"close": ["FAILED", "TIMED_OUT"]}),
    ("Last hour", {"started-after": "1h"}),
    ("Last day", {"started-after": "1d"}),
    ("Open for a day", {"status": "OPEN", "min-duration": "1d", "order": "ascending"}),
    ("Cancellation requested", {"cancel-requested": "yes"}),
    ("More than 10,000 events", {"min-events": "10000", "sort": "events"}),
)


async def gather(visit: Visit) -> Data:
    """One page of runs, and how many match by status."""
    domain = visit.domain
    clock = await live_by(visit, domain)
    filter = conditions.read(visit.query, moment_of_conditions(visit))
    sort = visit.chosen("sort", tuple(SORTS))
    if sort == "closed" and filter.get("executionStatus") == "OPEN":
        sort = "started"  # open runs have no other moment
    order = visit.chosen("order", ORDERS)
    found, counts, newer = await asyncio.gather(
        counting.search(
            visit,
            domain,
            _of_the_page(visit, filter, sort, order),
            sort_by=SORTS[sort],
            order=order.upper(),
            size=int(visit.chosen("size", SIZES)),
            after=visit.one("after") or None,
        ),
        counting.counts(visit, domain, conditions.without_status(filter)),
        _newer(visit, domain, filter),
    )
    found["executions"], is_marked = await hanging.marked(visit, domain, found["executions"])
    return {
        "domain": domain,
        "clock": clock,
        "isMarked": is_marked,
        "filter": filter,
        "sort": sort,
        "order": order,
        "counts": counts,
        "newer": newer,
        "problems": problem_numbers(await problem_counts.mentioned(visit, domain)),
        **found,
    }


def moment_of_conditions(visit: Visit) -> float:
    """What `2h` ago is counted from: the load of the first page, or of this one."""
    return conditions.moment(visit.one("at") or visit.one("seen"), visit.now)


def _of_the_page(visit: Visit, filter: dict[str, Any], sort: str, order: str) -> dict[str, Any]:
    """While a page stays open, its runs are those that were there when it was loaded: newer ones would take their
    places, and then no change of theirs would be seen. Not where that could make a long search begin again."""
    is_by_start = sort == "started" and order == "descending" and not filter.keys() - {"executionStatus"}
    if not visit.one("seen") or visit.one("after") or not is_by_start:
        return filter
    return {**filter, "startedBefore": conditions.moment(visit.one("seen"), visit.now)}


async def _newer(visit: Visit, domain: str, filter: dict[str, Any]) -> int | None:
    """How many runs have come since the page was loaded, when it has asked so."""
    if not visit.one("seen") or visit.one("after"):
        return 0
    since = conditions.moment(visit.one("seen"), visit.now) + 0.001
    member = "closedAfter" if conditions.only_closed(filter) else "startedAfter"
    since = max(since, filter.get(member, 0.0))
    return await counting.newer(visit, domain, {**filter, member: since})


def extras(visit: Visit, _: Data) -> Data:
    """What the form of conditions is made of, and the addresses that go on from here."""
    at_ms = round(moment_of_conditions(visit) * 1000)
    return {
        "views": VIEWS,
        "given_conditions": conditions.given(visit.query),
        "close_statuses": conditions.CLOSE_STATUSES,
        "condition_fields": conditions.FIELDS,
        "condition_answers": conditions.ANSWERS,
        "condition_query": conditions.text_of(visit.query),
        "batch_query": conditions.text_of(visit.query, at=at_ms),
        "at_ms": at_ms,
        "run_value": run_value,
        "operations": [(name, verb, NEEDS[action]) for name, (verb, action) in OPERATIONS.items()],
    }


def run_value(execution: Mapping[str, str]) -> str:
    """One run as the value of its tick box."""
    return f"{segment(execution['workflowId'])}/{segment(execution['runId'])}"


PAGES = (Page("/domains/{domain}/executions", "executions.html", gather, extras),)
