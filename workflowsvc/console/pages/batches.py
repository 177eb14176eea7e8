"""Batch jobs of a domain: all of them, one with its progress and results, a new rate, an early end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console.page import Action, Data, Form, Page
from workflowsvc.console.paths import path
from workflowsvc.console.refusals import Refusal

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

PAGE_SIZE = 50
RESULTS_PAGE_SIZE = 100


async def gather_all(visit: Visit) -> Data:
    """The newest first."""
    page = await visit.own(
        "ListBatches",
        domain=visit.domain,
        maximumPageSize=PAGE_SIZE,
        nextPageToken=visit.one("after") or None,
    )
    return {
        "domain": visit.domain,
        "batches": page["batches"],
        "nextPageToken": page.get("nextPageToken"),
    }


async def gather_one(visit: Visit) -> Data:
    """One, and what has become of each of its runs."""
    page = await visit.own(
        "DescribeBatch",
        domain=visit.domain,
        batchId=visit.name("batch"),
        maximumPageSize=RESULTS_PAGE_SIZE,
        nextPageToken=visit.one("after") or None,
    )
    return {
        "domain": visit.domain,
        "batch": page["batch"],
        "results": page["results"],
        "nextPageToken": page.get("nextPageToken"),
    }


async def change_rate(visit: Visit, form: Form) -> str:
    """From now on, no more runs a second than the form says."""
    await visit.own(
        "UpdateBatch",
        domain=visit.domain,
        batchId=visit.name("batch"),
        ratePerSecond=rate_of(form.one("rate")),
    )
    return path("domains", visit.domain, "batches", visit.name("batch"), notice="batch-rate")


async def stop(visit: Visit, form: Form) -> str:
    """What is done stays done."""
    await visit.own("StopBatch", domain=visit.domain, batchId=visit.name("batch"))
    return path("domains", visit.domain, "batches", visit.name("batch"), notice="batch-stopped")


def rate_of(given: str) -> int:
    """Runs a second. Refusal when it is no number; the service says which numbers it takes."""
    if not (given.isascii() and given.isdecimal() and len(given) <= 9):
        raise Refusal(400, "The rate cannot be read", f"{given[:40]!r} is no number of runs a second.")
    return int(given)


PAGES = (
    Page("/domains/{domain}/batches", "batches.html", gather_all),
    Page("/domains/{domain}/batches/{batch}", "batch.html", gather_one),
    Action("/domains/{domain}/batches/{batch}/rate", change_rate),
    Action("/domains/{domain}/batches/{batch}/stop", stop),
)
