"""The clock of a domain whose time is not real, for the pages about the domain.

Owns what a page says of it. Ages and what `2h` ago means are by that clock: the moment of the visit becomes the
domain's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc import faults
from workflowsvc.console.drawing import utc
from workflowsvc.display.clock import spoken_clock

if TYPE_CHECKING:
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

NEEDED = "workflowsvc:DescribeClock"


async def clock_of(visit: Visit, domain: str) -> Data | None:
    """None for a domain in real time, and for a visitor who may not know."""
    if not visit.may(NEEDED, domain):  # to ask where it could be refused would be written down as a refusal
        return None
    try:
        clock = await visit.own("DescribeClock", domain=domain)
    except faults.Fault:
        return None  # whatever it is, the page itself meets it, and says so
    if clock["mode"] == "REAL":
        return None
    return {**clock, "text": spoken_clock(clock, now=f"{utc(clock['now'])} UTC")}


async def live_by(visit: Visit, domain: str) -> Data | None:
    """The same; from now on the visit is at that moment."""
    clock = await clock_of(visit, domain)
    if clock is not None:
        visit.now = clock["now"]
    return clock
