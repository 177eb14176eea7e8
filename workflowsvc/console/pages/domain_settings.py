"""How a domain is set up: for how long its closed runs are kept, whether they are archived, its event feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console.clocks import live_by
from workflowsvc.console.page import Data, Page

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

# member of the page -> the operation of our own API that answers it
PARTS = {"retention": "DescribeRetention", "feed": "DescribeFeed"}


async def gather(visit: Visit) -> Data:
    """What the visitor may see of it."""
    domain = visit.domain
    clock = await live_by(visit, domain)
    detail = await visit.swf("DescribeDomain", name=domain)
    found: Data = {"domain": domain, "clock": clock, "info": detail["domainInfo"]}
    lacks: list[str] = []
    for member, operation in PARTS.items():
        action = f"workflowsvc:{operation}"
        if visit.may(action, domain) is False:
            lacks.append(action)
        else:
            found[member] = await visit.own(operation, domain=domain)
    return {**found, "notAllowed": lacks}


PAGES = (Page("/domains/{domain}/settings", "domain_settings.html", gather),)
