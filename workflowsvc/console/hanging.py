"""Which of the open runs of a table hang, as the page of each run would say it.

Owns which runs are looked at, and how often: a table must not cost as much as the pages of all its runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workflowsvc import faults

if TYPE_CHECKING:
    from workflowsvc.console.lookups import Publish
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

ACTION = "workflowsvc:ExplainExecution"
MAX_RUNS = 50
MAX_EVENTS = 2_000  # of a run: it may have to be read from its first event
MIN_OPEN_SECONDS = 30  # what began just now is most often at work
REST_SECONDS = 5.0  # for which an answer is shown
PATIENCE_SECONDS = 0.02  # of the page, which has searched before; what is found later comes by itself
_MEMBERS = ("code", "severity", "sinceTimestamp")


async def marked(visit: Visit, domain: str, runs: Sequence[Data]) -> tuple[list[Data], bool]:
    """The runs, those that hang with their most urgent `finding`; and whether all were looked at."""
    asked = [run["execution"] for run in runs if _may_hang(run, visit.now)][:MAX_RUNS]
    if not asked or not visit.may(ACTION, domain):  # where a request decides, to ask could be refused
        return list(runs), True

    async def work(publish: Publish) -> dict[str, Data]:
        findings: dict[str, Data] = {}
        for execution in asked:
            if (finding := await _most_urgent(visit, domain, execution)) is not None:
                findings[execution["runId"]] = finding
            publish(dict(findings))
        return findings

    names = [execution["runId"] for execution in asked]
    found = await visit.look(
        "hanging",
        *names,
        needs=ACTION,
        domains=[domain],
        work=work,
        min_rest=REST_SECONDS,
        patience=PATIENCE_SECONDS,
    )
    findings: dict[str, Data] = found.value or {}
    return [_with(run, findings.get(run["execution"]["runId"])) for run in runs], found.is_complete


def _may_hang(run: Data, now: float) -> bool:
    is_open = run["executionStatus"] == "OPEN"
    return is_open and run["events"] <= MAX_EVENTS and now - run["startTimestamp"] >= MIN_OPEN_SECONDS


def _with(run: Data, finding: Data | None) -> Data:
    return run if finding is None or run["executionStatus"] != "OPEN" else {**run, "finding": finding}


async def _most_urgent(visit: Visit, domain: str, execution: dict[str, str]) -> Data | None:
    """None of a run that waits for what will come, or that is gone."""
    try:
        explained: Any = await visit.own("ExplainExecution", domain=domain, execution=execution)
    except faults.UnknownResourceFault:
        return None
    first = next(iter(explained["findings"]), None)
    if first is None or first["severity"] == "INFO":
        return None
    return {name: first[name] for name in _MEMBERS if name in first}
