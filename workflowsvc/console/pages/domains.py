"""All domains: how many runs are open and have failed, since when the oldest open one runs, and the retention.

Also registers, deprecates and undeprecates them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workflowsvc.console.page import Action, Data, Form, Page
from workflowsvc.console.paths import path

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

STATUSES = ("REGISTERED", "DEPRECATED")


async def gather(visit: Visit) -> Data:
    """Registered or deprecated domains by name, with counts of their runs."""
    status = visit.chosen("status", STATUSES)
    page = await visit.swf("ListDomains", registrationStatus=status, nextPageToken=visit.one("after") or None)
    domains = await asyncio.gather(*(_counted(visit, info) for info in page["domainInfos"]))
    return {
        "registrationStatus": status,
        "domains": domains,
        "nextPageToken": page.get("nextPageToken"),
    }


async def _counted(visit: Visit, info: dict[str, Any]) -> Data:
    name = info["name"]
    always = {"oldestDate": 0}
    opened, failed, oldest, detail = await asyncio.gather(
        visit.swf("CountOpenWorkflowExecutions", domain=name, startTimeFilter=always),
        visit.swf(
            "CountClosedWorkflowExecutions",
            domain=name,
            startTimeFilter=always,
            closeStatusFilter={"status": "FAILED"},
        ),
        visit.swf(
            "ListOpenWorkflowExecutions",
            domain=name,
            startTimeFilter=always,
            reverseOrder=True,
            maximumPageSize=1,
        ),
        visit.swf("DescribeDomain", name=name),
    )
    first = next(iter(oldest["executionInfos"]), None)
    return {
        **info,
        "open": opened,
        "failed": failed,
        "oldestOpen": first and {key: first[key] for key in ("execution", "startTimestamp")},
        "retentionInDays": detail["configuration"]["workflowExecutionRetentionPeriodInDays"],
    }


async def register(visit: Visit, form: Form) -> str:
    """A new domain."""
    await visit.swf(
        "RegisterDomain",
        name=form.one("name"),
        description=form.text("description"),
        workflowExecutionRetentionPeriodInDays=form.one("retention"),
    )
    return path("domains", notice="domain-registered")


async def deprecate(visit: Visit, form: Form) -> str:
    """No run can be started in it any more."""
    await visit.swf("DeprecateDomain", name=form.one("name"))
    return path("domains", status="DEPRECATED", notice="domain-deprecated")


async def undeprecate(visit: Visit, form: Form) -> str:
    """Runs can be started in it again."""
    await visit.swf("UndeprecateDomain", name=form.one("name"))
    return path("domains", notice="domain-undeprecated")


PAGES = (
    Page("/domains", "domains.html", gather),
    Action("/domains/register", register),
    Action("/domains/deprecate", deprecate),
    Action("/domains/undeprecate", undeprecate),
)
