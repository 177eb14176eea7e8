"""All domains: how many runs are open and have failed, since when the oldest open one runs, and the retention.

Also registers, deprecates and undeprecates them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workflowsvc.console import counting, problem_counts
from workflowsvc.console.clocks import clock_of
from workflowsvc.console.page import Action, Data, Download, Form, Page, see
from workflowsvc.console.paths import path
from workflowsvc.console.problem_counts import problem_numbers
from workflowsvc.console.visit import NoSuchPage

if TYPE_CHECKING:
    from starlette.responses import Response

    from workflowsvc.console.visit import Visit

STATUSES = ("REGISTERED", "DEPRECATED")
PAGE_SIZE = 50
NEEDED = ("workflowsvc:CountExecutions", "swf:ListOpenWorkflowExecutions", "swf:DescribeDomain")
"""What the row of a domain is made of; who may not do all of it sees its name alone."""
RETENTION = "workflowsvc:DescribeRetention"
# action -> its verb, what will happen
LIFE = {
    "deprecate": (
        "Deprecate",
        "No run can be started in it and no type registered, until it is undeprecated. Open runs go on.",
    ),
    "undeprecate": ("Undeprecate", "Runs can be started in it again."),
}


async def gather(visit: Visit) -> Data:
    """Registered or deprecated domains by name, with counts of their runs."""
    status = visit.chosen("status", STATUSES)
    page = await visit.swf(
        "ListDomains",
        registrationStatus=status,
        maximumPageSize=PAGE_SIZE,
        nextPageToken=visit.one("after") or None,
    )
    domains = await asyncio.gather(*(_counted(visit, info) for info in page["domainInfos"]))
    return {
        "registrationStatus": status,
        "domains": domains,
        "nextPageToken": page.get("nextPageToken"),
    }


async def _counted(visit: Visit, info: dict[str, Any]) -> Data:
    name = info["name"]
    lacks = [action for action in NEEDED if visit.may(action, name) is False]
    if lacks:
        return {**info, "notAllowed": lacks}
    # All at once: what takes long is waited for a moment each (lookups.py), which would add up.
    counts, problems, retention, oldest, detail, clock = await asyncio.gather(
        counting.counts(visit, name, {}),
        problem_counts.mentioned(visit, name),
        _retention(visit, name),
        visit.swf(
            "ListOpenWorkflowExecutions",
            domain=name,
            startTimeFilter={"oldestDate": 0},
            reverseOrder=True,
            maximumPageSize=1,
        ),
        visit.swf("DescribeDomain", name=name),
        clock_of(visit, name),
    )
    first = next(iter(oldest["executionInfos"]), None)
    return {
        **info,
        "clock": clock,
        "counts": counts,
        "problems": problem_numbers(problems),
        "oldestOpen": first and {key: first[key] for key in ("execution", "startTimestamp")},
        "retentionInDays": detail["configuration"]["workflowExecutionRetentionPeriodInDays"],
        "retention": retention,
    }


async def _retention(visit: Visit, domain: str) -> Data | None:
    """None for a visitor who may not know."""
    if not visit.may(
        RETENTION, domain
    ):  # to ask where it could be refused would be written down as a refusal
        return None
    return await visit.own("DescribeRetention", domain=domain)


async def register(visit: Visit, form: Form) -> str:
    """A new domain."""
    await visit.swf(
        "RegisterDomain",
        name=form.one("name"),
        description=form.text("description"),
        workflowExecutionRetentionPeriodInDays=form.one("retention"),
    )
    return path("domains", notice="domain-registered")


async def ask(visit: Visit) -> Data:
    """The page that says what deprecating or undeprecating means."""
    action = visit.name("action")
    if action not in LIFE:
        raise NoSuchPage(f"{action[:40]!r} is nothing that can be done to a domain")
    verb, meaning = LIFE[action]
    return {
        "domain": visit.domain,
        "heading": f"{verb} the domain {visit.domain}?",
        "meaning": meaning,
        "address": path("domains", action),
        "fields": {"name": visit.domain},
        "back": path("domains", status="REGISTERED" if action == "deprecate" else "DEPRECATED"),
        "verb": verb,
        "needs": [f"swf:{verb}Domain"],
        "isDangerous": False,
    }


async def deprecate(visit: Visit, form: Form) -> str:
    """No run can be started in it any more."""
    await visit.swf("DeprecateDomain", name=form.one("name"))
    return path("domains", status="DEPRECATED", notice="domain-deprecated")


async def undeprecate(visit: Visit, form: Form) -> str:
    """Runs can be started in it again."""
    await visit.swf("UndeprecateDomain", name=form.one("name"))
    return path("domains", notice="domain-undeprecated")


async def go(visit: Visit) -> Response:
    """To a domain by its name, for those who may not list all."""
    name = visit.one("domain")
    return see(path("domains", name, "executions") if name else path("domains"))


PAGES = (
    Download("/go", go),
    Page("/domains", "domains.html", gather),
    Page("/domains/{domain}/ask/{action}", "confirm.html", ask),
    Action("/domains/register", register),
    Action("/domains/deprecate", deprecate),
    Action("/domains/undeprecate", undeprecate),
)
