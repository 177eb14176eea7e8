"""What is wrong with open runs, of one domain or of all: findings that runs share, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console import problem_counts
from workflowsvc.console.page import Data, Page
from workflowsvc.console.problem_counts import ACTION
from workflowsvc.display.finding_groups import SEVERITIES

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

CHOICES = ("WARNING", "CRITICAL", "INFO")


async def of_a_domain(visit: Visit) -> Data:
    """The problems of one domain."""
    return {"domain": visit.domain, **await _problems(visit, [visit.domain], visit.domain)}


async def of_all(visit: Visit) -> Data:
    """The problems of all domains; a deprecated one may have open runs, too."""
    domains: list[str] = []
    for status in ("REGISTERED", "DEPRECATED"):
        token: str | None = None
        while True:
            page = await visit.swf("ListDomains", registrationStatus=status, nextPageToken=token)
            domains += [info["name"] for info in page["domainInfos"]]
            token = page.get("nextPageToken")
            if token is None:
                break
    return {"domain": "", **await _problems(visit, domains, "")}


async def _problems(visit: Visit, domains: list[str], name: str) -> Data:
    severity = visit.chosen("severity", CHOICES)
    left_out: list[str] = []
    if not name:  # one that may see some domains sees the problems of these
        left_out = [domain for domain in domains if visit.may(ACTION, domain) is False]
        domains = [domain for domain in domains if domain not in left_out]

    found = await problem_counts.look(visit, domains, name, severity)
    return {
        "severity": severity,
        "severities": list(SEVERITIES),
        **(found.value or {"groups": [], "examined": 0}),
        "isComplete": found.is_complete,
        "notAllowed": left_out,
    }


PAGES = (
    Page("/problems", "problems.html", of_all),
    Page("/domains/{domain}/problems", "problems.html", of_a_domain),
)
