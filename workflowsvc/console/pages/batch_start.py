"""One thing done to several runs: the page that says what will happen, and the doing.

Owns the two scopes. The ticked runs of one page are dealt with one by one and at once; all runs that match become a
batch job of the service, which goes on when this page is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.datastructures import QueryParams

from workflowsvc.console import conditions
from workflowsvc.console.page import Action, Data, Form, Shown
from workflowsvc.console.pages.action_kinds import OPERATIONS
from workflowsvc.console.pages.batches import rate_of
from workflowsvc.console.paths import BadSegment, name_of, path
from workflowsvc.console.refusals import Refusal, refusal_of
from workflowsvc.faults import Fault

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

MAX_TICKED = 100  # what one page of runs can hold
CALLS_AT_A_TIME = 10
MAX_TAGS = 5  # of a run (SWF §2); one more is the reason of a re-run
CHILD_POLICIES = ("TERMINATE", "REQUEST_CANCEL", "ABANDON")

Execution = dict[str, str]


async def confirm(visit: Visit, form: Form) -> Shown:
    """What would happen, and the fields that it needs. Nothing is changed."""
    operation = _operation(form)
    data: Data = {
        "domain": visit.domain,
        "operation": operation,
        "verb": OPERATIONS[operation][0],
        "query": form.one("query"),
        "is_all": form.one("scope") == "all",
        "child_policies": CHILD_POLICIES,
    }
    if data["is_all"]:
        data |= {"filter": _filter(visit, form), "reason": "dry run"}
        data["found"] = await visit.own("StartBatch", **_batch(visit, form, "dry run"), dryRun=True)
        return Shown("batch-confirm.html", data)
    found = await _each(_ticked(form), partial(_look, visit))
    wants = "CLOSED" if operation == "RERUN" else "OPEN"
    return Shown(
        "batch-confirm.html",
        {
            **data,
            "runs": [run for _, run in found if run and run["executionStatus"] == wants],
            "left_out": [run for _, run in found if run and run["executionStatus"] != wants],
            "gone": [execution for execution, run in found if not run],
            "values": form.all("run"),
        },
    )


async def start(visit: Visit, form: Form) -> str | Shown:
    """Does it: the page of the batch job, or what has become of each ticked run."""
    operation = _operation(form)
    reason = form.one("reason").strip()
    if not reason:
        raise Refusal(400, "A reason is needed", "It is kept with what is done. Go back and give one.")
    if form.one("scope") == "all":
        rate = rate_of(form.one("rate", "10"))
        answer = await visit.own("StartBatch", **_batch(visit, form, reason), ratePerSecond=rate)
        return path("domains", visit.domain, "batches", answer["batchId"], notice="batch-started")
    done = await _each(_ticked(form), partial(_do, visit, form, operation, reason))
    results = [{"execution": execution, **result} for execution, result in done]
    data = {
        "domain": visit.domain,
        "verb": OPERATIONS[operation][0],
        "results": results,
        "query": form.one("query"),
    }
    return Shown("batch-done.html", data)


def _operation(form: Form) -> str:
    operation = form.one("operation")
    if operation not in OPERATIONS:
        raise Refusal(
            400, "Nothing to do", f"{operation[:40]!r} is nothing that can be done to several runs."
        )
    return operation


def _filter(visit: Visit, form: Form) -> dict[str, Any]:
    query = QueryParams(form.one("query"))
    return conditions.read(query, conditions.moment(query.get("at"), visit.now))


def _batch(visit: Visit, form: Form, reason: str) -> dict[str, Any]:
    """The members of StartBatch. Its operation implies the status, and one that contradicts it matches no run."""
    operation = _operation(form)
    filter = _filter(visit, form)
    given: dict[str, Any] = {
        "domain": visit.domain,
        "filter": filter,
        "all": True if not filter.keys() - {"executionStatus"} else None,
        "operation": operation,
        "reason": reason,
    }
    if operation == "SIGNAL":
        given |= {"signalName": form.one("signal", reason), "input": form.text("input")}
    if operation == "TERMINATE":
        given |= {"details": form.text("details"), "childPolicy": form.text("child-policy")}
    return given


def _ticked(form: Form) -> list[Execution]:
    values = form.all("run")
    if not values:
        raise Refusal(400, "No run is ticked", "Go back and tick some, or choose all runs that match.")
    if len(values) > MAX_TICKED:
        raise Refusal(400, "Too many runs are ticked", f"At most {MAX_TICKED} can be; choose all that match.")
    found: list[Execution] = []
    for value in values:
        workflow_id, _, run_id = value.partition("/")
        try:
            found.append({"workflowId": name_of(workflow_id), "runId": name_of(run_id)})
        except BadSegment:
            raise Refusal(400, "A run cannot be read", f"{value[:80]!r} names no run.") from None
    return found


async def _each(
    executions: list[Execution], work: Callable[[Execution], Awaitable[Any]]
) -> list[tuple[Execution, Any]]:
    """What the work answers for each run, a few at a time."""
    places = asyncio.Semaphore(CALLS_AT_A_TIME)

    async def one(execution: Execution) -> tuple[Execution, Any]:
        async with places:
            return execution, await work(execution)

    return await asyncio.gather(*map(one, executions))


async def _look(visit: Visit, execution: Execution) -> Data | None:
    """The run as a search finds it; None when it is not there."""
    filter = {"runId": execution["runId"], "workflowId": execution["workflowId"]}
    page = await visit.own("SearchExecutions", domain=visit.domain, filter=filter)
    return next(iter(page["executions"]), None)


async def _do(visit: Visit, form: Form, operation: str, reason: str, execution: Execution) -> Data:
    try:
        new_run = await _call(visit, form, operation, reason, execution)
    except Fault as fault:
        refusal = refusal_of(fault)
        return {"status": "FAILED", "error": f"{refusal.code}: {refusal.message}"}
    return {"status": "SUCCEEDED", "newRun": new_run}


async def _call(
    visit: Visit, form: Form, operation: str, reason: str, execution: Execution
) -> Execution | None:
    """The run that was started, if one was."""
    domain = visit.domain
    match operation:
        case "SIGNAL":
            await visit.swf(
                "SignalWorkflowExecution",
                domain=domain,
                **execution,
                signalName=form.one("signal", reason),
                input=form.one("input", reason),
            )
        case "REQUEST_CANCEL":
            await visit.swf("RequestCancelWorkflowExecution", domain=domain, **execution)
        case "TERMINATE":
            await visit.swf(
                "TerminateWorkflowExecution",
                domain=domain,
                **execution,
                reason=reason,
                details=form.text("details"),
                childPolicy=form.text("child-policy"),
            )
        case _:
            closed = await _look(visit, execution) or {}
            tags: list[str] = closed.get("tagList", [])
            more = [*tags, reason] if len(tags) < MAX_TAGS else None
            answer = await visit.own("RerunExecution", domain=domain, execution=execution, tagList=more)
            return answer["execution"]
    return None


PAGES = (
    Action("/domains/{domain}/batch", confirm),
    Action("/domains/{domain}/batch/start", start),
)
