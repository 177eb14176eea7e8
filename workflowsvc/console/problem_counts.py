"""What is wrong with the open runs of a domain, as other pages than that of problems mention it.

Owns when it is looked for: of a domain with few open runs whenever a page mentions it; of one with many, nothing is
shown but what its page of problems has found of late.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from workflowsvc import faults
from workflowsvc.console import counting
from workflowsvc.console.lookups import Found
from workflowsvc.display.finding_groups import FindingGroups

if TYPE_CHECKING:
    from workflowsvc.console.lookups import Publish
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

ACTION = "workflowsvc:ExplainDomain"
EXPLAIN_ONE = "workflowsvc:ExplainExecution"
MAX_SENTENCES = 20  # of groups that are looked at once more
MAX_EXAMPLES = 5
FEW = 1_000  # open runs: they are explained in some tens of milliseconds
URGENT = "WARNING"
_WHAT = "problems"


async def look(visit: Visit, domains: Sequence[str], name: str, severity: str) -> Found:
    """All groups of findings that are so urgent, as far as they are found. `name`: of the domain, or empty for all."""
    work = partial(_explain, visit, domains, severity)
    return await visit.look(_WHAT, name, severity, needs=ACTION, domains=domains, work=work)


async def mentioned(visit: Visit, domain: str) -> list[Data] | None:
    """The groups of one domain; None where that is not known, or not to be seen by this visitor."""
    if visit.may(ACTION, domain) is False:
        return None
    # Where a right depends on the request, to ask could be refused, and that written down: the page is no place for it.
    if visit.may(ACTION, domain) and visit.may("workflowsvc:CountExecutions", domain):
        runs = await counting.counts(visit, domain, {})
        if runs["isComplete"] and runs["byStatus"].get("OPEN", 0) <= FEW:
            found = await look(visit, [domain], domain, URGENT)
            return None if found.value is None else found.value["groups"]
    return known(visit, domain)


def known(visit: Visit, domain: str) -> list[Data] | None:
    """What was found of late, without a look."""
    found = visit.known(_WHAT, domain, URGENT, needs=ACTION, domains=[domain])
    return None if found is None or found.value is None else found.value["groups"]


def of_list(groups: list[Data] | None, kind: str, name: str) -> Data | None:
    """The one about tasks that wait on this list for want of a client."""
    code = f"NO_{kind.upper()}_POLLER"
    return next(
        (group for group in groups or () if group["code"] == code and group["taskList"]["name"] == name), None
    )


async def _explain(visit: Visit, domains: Sequence[str], severity: str, publish: Publish) -> Data:
    groups = FindingGroups(MAX_EXAMPLES)
    examined = 0
    for domain in domains:
        token: str | None = None
        while True:
            page: Any = await visit.own(
                "ExplainDomain",
                domain=domain,
                minimumSeverity=severity,
                maximumExamples=MAX_EXAMPLES,
                nextPageToken=token,
            )
            examined += page["examined"]
            groups.add(page["groups"], domain=domain)
            publish({"groups": groups.ranked(), "examined": examined})
            token = page.get("nextPageToken")
            if token is None:
                break
    ranked = groups.ranked()
    for group in ranked[:MAX_SENTENCES]:
        await _say_after_what(visit, group)
    return {"groups": ranked, "examined": examined}


async def _say_after_what(visit: Visit, group: Data) -> None:
    """Where nothing is pending, the sentence about the first run names what its decider was asked about last:
    ExplainDomain does not look that up."""
    if group["code"] != "NOTHING_PENDING" or not visit.may(EXPLAIN_ONE, group["domain"]):
        return
    try:
        explained: Any = await visit.own(
            "ExplainExecution", domain=group["domain"], execution=group["examples"][0]
        )
    except faults.UnknownResourceFault:
        return
    for finding in explained["findings"]:
        if finding["code"] == group["code"]:
            group |= {"message": finding["message"], "action": finding["action"]}


def problem_numbers(groups: list[Data] | None) -> Data | None:
    """How many groups there are, and how many of them are critical."""
    if groups is None:
        return None
    return {"count": len(groups), "critical": sum(group["severity"] == "CRITICAL" for group in groups)}
