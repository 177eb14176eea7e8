"""What stands above every tab of a run: how it is, why it waits, and which runs belong to it.

Owns what is asked for it. A run that the service leaves alone after a bug of its own has a head, too.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workflowsvc import faults
from workflowsvc.console.pages.task_lists import DESCRIBE, described
from workflowsvc.console.visit import NoSuchPage
from workflowsvc.display import history

if TYPE_CHECKING:
    from workflowsvc.console.histories import Execution, History
    from workflowsvc.console.lookups import Publish
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

RUNS_OF_THE_ID = 20  # among which the chain of continued runs is looked for

_OF_A_SUMMARY = (
    "execution",
    "workflowType",
    "executionStatus",
    "closeStatus",
    "startTimestamp",
    "closeTimestamp",
    "tagList",
    "parent",
    "cancelRequested",
    "events",
    "taskList",
)


def execution_of(visit: Visit) -> Execution:
    """The run that the path names."""
    return {"workflowId": visit.name("workflow_id"), "runId": visit.name("run_id")}


async def gather(visit: Visit, execution: Execution) -> Data:
    """Its state, its findings, its chain. Raises Fault."""
    domain = visit.domain
    state, explanation, runs = await asyncio.gather(
        _state(visit, execution),
        visit.own("ExplainExecution", domain=domain, execution=execution),
        _runs_of_the_id(visit, execution["workflowId"]),
    )
    configuration: Data | None = None
    if state is not None:
        detail = await visit.swf("DescribeWorkflowExecution", domain=domain, execution=execution)
        configuration = detail["executionConfiguration"]
        state["pending"] = history.pending(detail["openCounts"])
    summary = state or await _summary(visit, execution)
    polls: Data | None = None
    if summary["executionStatus"] == "OPEN" and visit.may(DESCRIBE, domain):  # without a doubt
        polls = await described(visit, "decision", summary["taskList"]["name"])
    return {
        "domain": domain,
        "execution": execution,
        "run": {name: summary[name] for name in _OF_A_SUMMARY if name in summary},
        "state": state,
        "configuration": configuration,
        "deciderPolls": polls and polls["summary"],
        "findings": explanation["findings"],
        "chain": chain_of(execution["runId"], runs["executions"]),
        "otherRuns": max(len(runs["executions"]) - 1, 0),
        "hasMoreRuns": runs["isCut"],
    }


async def _runs_of_the_id(visit: Visit, workflow_id: str) -> Data:
    """The newest runs of the same workflowId, as they were lately."""

    async def work(_: Publish) -> Data:
        page = await visit.own(
            "SearchExecutions",
            domain=visit.domain,
            filter={"workflowId": workflow_id},
            maximumPageSize=RUNS_OF_THE_ID,
        )
        return {"executions": page["executions"], "isCut": "nextPageToken" in page}

    found = await visit.look(
        "runs of a workflowId",
        workflow_id,
        needs="workflowsvc:SearchExecutions",
        domains=[visit.domain],
        work=work,
    )
    return found.value or {"executions": [], "isCut": False}


async def _state(visit: Visit, execution: Execution) -> Data | None:
    """None of a run that the service leaves alone."""
    try:
        return await visit.own("DescribeExecutionState", domain=visit.domain, execution=execution)
    except faults.OperationNotPermittedFault:
        return None


async def _summary(visit: Visit, execution: Execution) -> Data:
    found = await visit.own("SearchExecutions", domain=visit.domain, filter=execution, maximumPageSize=1)
    if not found["executions"]:
        raise NoSuchPage(f"There is no run {execution['runId']} of {execution['workflowId']}")
    return found["executions"][0]


def chain_of(run_id: str, runs: list[Data]) -> list[Data]:
    """The runs that continue each other as new, oldest first, of which this one is a part; empty when it is alone."""
    by_id = {run["execution"]["runId"]: run for run in runs}
    following = {run["continuedExecutionRunId"]: run for run in runs if run.get("continuedExecutionRunId")}
    here = by_id.get(run_id)
    if here is None:
        return []
    chain = [here]
    while (before := by_id.get(chain[0].get("continuedExecutionRunId", ""))) and before not in chain:
        chain.insert(0, before)
    while (behind := following.get(chain[-1]["execution"]["runId"])) and behind not in chain:
        chain.append(behind)
    return chain if len(chain) > 1 else []


def payloads(kept: History) -> Data:
    """What the run was started with and how it closed, as far as the history is read; and its children by state."""
    found: dict[str, Any] = {}
    if kept.first is not None:
        found["started"] = history.attributes_of(kept.first)
    if kept.closing is not None:
        found["closed"] = history.attributes_of(kept.closing)
    return {**found, "children": kept.children()}


MAX_ABOUT = 3


def about(kept: History, finding: Data) -> list[Data]:
    """The child runs and types that the events of a finding are about, as far as the history is read."""
    found: list[Data] = []
    for event_id in finding.get("eventIds", ()):
        line = kept.line_of(event_id)
        if line is None:
            continue
        if line.kind == "child" and line.execution is not None and line.execution["runId"]:
            one: Data = {"kind": "child", "name": line.name, "execution": line.execution}
        elif line.kind.startswith(("decision ", "activity")) and line.type:
            one = {"kind": line.kind, "name": line.type}
        else:
            continue
        if one not in found:
            found.append(one)
    return found[:MAX_ABOUT]
