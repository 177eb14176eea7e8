"""Searches for runs, on every server of SWF: SearchExecutions where it exists, and else the lists of SWF.

Owns which conditions and orders the lists of SWF can serve. They take one condition at most, so the others are applied
here to what they answer; what they do not answer, such as the number of events, cannot be asked for.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

from workflowsvc.client.answers import Object, part, rows, seconds, text
from workflowsvc.client.problems import NoSuchOperation
from workflowsvc.commands.asking import Asking

Condition = Mapping[str, Any]

_UNSERVED = {
    "taskList": "--task-list",
    "failureReasonContains": "--reason-contains",
    "failureDetailsContains": "--details-contain",
    "minimumEvents": "--min-events",
    "maximumEvents": "--max-events",
    "continued": "--continued",
}
_UNSERVED_ORDERS = {"DURATION": "--sort duration", "EVENTS": "--sort events", "WORKFLOW_ID": "--sort id"}


def search(
    at_work: Asking,
    condition: Condition,
    *,
    sort_by: str = "START_TIME",
    ascending: bool = False,
    page_size: int = 1000,
) -> Iterator[Object]:
    """Pages of the runs that meet the condition, as SearchExecutions answers them.

    NoSuchOperation when the server lacks it and the lists of SWF cannot serve the condition or the order."""
    pages = at_work.own_pages(
        "SearchExecutions",
        filter=condition,
        sortBy=sort_by,
        sortOrder="ASCENDING" if ascending else "DESCENDING",
        maximumPageSize=page_size,
    )
    begun = False
    try:
        for page in pages:
            begun = True
            yield page
    except NoSuchOperation as lacking:
        if begun:
            raise
        listed = listed_by_swf(
            at_work, condition, lacking, sort_by=sort_by, ascending=ascending, page_size=page_size
        )
        yield from ({"executions": [summary]} for summary in listed)


def listed_by_swf(
    at_work: Asking,
    condition: Condition,
    lacking: NoSuchOperation,
    *,
    sort_by: str = "START_TIME",
    ascending: bool = False,
    page_size: int = 1000,
) -> Iterator[Object]:
    """The runs that meet the condition, from the lists of SWF, in the form of SearchExecutions but without what those
    lists do not hold. `lacking` is raised, with what they cannot serve, when that was asked for."""
    unserved = [option for member, option in _UNSERVED.items() if member in condition]
    unserved += [_UNSERVED_ORDERS[sort_by]] if sort_by in _UNSERVED_ORDERS else []
    if unserved:
        raise NoSuchOperation(f"{lacking}, and the lists of SWF cannot serve {', '.join(unserved)}")
    by_close = sort_by == "CLOSE_TIME"
    status = "CLOSED" if by_close else _status_of(condition)
    lists = [
        _list_of_swf(
            at_work, operation, condition, by_close=by_close, ascending=ascending, page_size=page_size
        )
        for operation, kind in (
            ("ListOpenWorkflowExecutions", "OPEN"),
            ("ListClosedWorkflowExecutions", "CLOSED"),
        )
        if status in (None, kind)
    ]
    order = "closeTimestamp" if by_close else "startTimestamp"
    merged = heapq.merge(*lists, key=lambda info: seconds(info, order) or 0.0, reverse=not ascending)
    for info in merged:
        summary = _summary_of(info, at_work.now)
        if _meets(summary, condition):
            yield summary


def _status_of(condition: Condition) -> str | None:
    """Which runs can meet the condition; None: both."""
    if "executionStatus" in condition:
        return str(condition["executionStatus"])
    if {"closeStatuses", "closedAfter", "closedBefore"} & condition.keys():
        return "CLOSED"
    return "OPEN" if "cancelRequested" in condition else None


def _list_of_swf(
    at_work: Asking, operation: str, condition: Condition, *, by_close: bool, ascending: bool, page_size: int
) -> Iterator[Object]:
    times = ("closedAfter", "closedBefore") if by_close else ("startedAfter", "startedBefore")
    within = {"oldestDate": condition.get(times[0], 0), "latestDate": condition.get(times[1])}
    pages = at_work.swf_pages(
        operation,
        **{
            "closeTimeFilter" if by_close else "startTimeFilter": {
                k: v for k, v in within.items() if v is not None
            }
        },
        **_one_filter(operation, condition),
        reverseOrder=ascending,
        maximumPageSize=page_size,
    )
    for page in pages:
        yield from rows(page, "executionInfos")


def _one_filter(operation: str, condition: Condition) -> dict[str, Any]:
    """The condition that leaves out most; SWF takes one at most (SWF §10.2)."""
    if "workflowId" in condition:
        return {"executionFilter": {"workflowId": condition["workflowId"]}}
    if operation == "ListClosedWorkflowExecutions" and len(condition.get("closeStatuses", ())) == 1:
        return {"closeStatusFilter": {"status": condition["closeStatuses"][0]}}
    if condition.get("tagsAll"):
        return {"tagFilter": {"tag": condition["tagsAll"][0]}}
    return {"typeFilter": condition["workflowType"]} if "workflowType" in condition else {}


def _summary_of(info: Object, now: float) -> Object:
    started, closed = seconds(info, "startTimestamp"), seconds(info, "closeTimestamp")
    took = {} if started is None else {"durationInSeconds": round((closed or now) - started, 3)}
    return {**info, **took}


def _meets(summary: Object, condition: Condition) -> bool:
    """Whether the run meets all conditions, as the service's own API means them."""
    execution, parent = part(summary, "execution"), part(summary, "parent")
    workflow_id, tags = text(execution, "workflowId"), set(map(str, summary.get("tagList") or ()))
    started, closed = seconds(summary, "startTimestamp"), seconds(summary, "closeTimestamp")
    took = seconds(summary, "durationInSeconds")
    named = {
        "executionStatus": text(summary, "executionStatus"),
        "workflowId": workflow_id,
        "runId": text(execution, "runId"),
        "parentWorkflowId": text(parent, "workflowId"),
        "parentRunId": text(parent, "runId"),
    }
    limits = (
        ("startedAfter", "startedBefore", started),
        ("closedAfter", "closedBefore", closed),
        ("minimumDurationInSeconds", "maximumDurationInSeconds", took),
    )
    wanted_type = condition.get("workflowType", {})
    is_open = text(summary, "executionStatus") == "OPEN"
    return (
        all(condition.get(member, value) == value for member, value in named.items())
        and all(_is_within(value, condition.get(least), condition.get(most)) for least, most, value in limits)
        and wanted_type.items() <= part(summary, "workflowType").items()
        and workflow_id.startswith(condition.get("workflowIdBeginsWith", ""))
        and condition.get("workflowIdContains", "") in workflow_id
        and set(condition.get("tagsAll", ())) <= tags
        and ("tagsAny" not in condition or not tags.isdisjoint(condition["tagsAny"]))
        and tags.isdisjoint(condition.get("tagsNone", ()))
        and text(summary, "closeStatus") in condition.get("closeStatuses", (text(summary, "closeStatus"),))
        and condition.get("cancelRequested") in (None, is_open and bool(summary.get("cancelRequested")))
        and ("cancelRequested" not in condition or is_open)
    )


def _is_within(value: float | None, least: float | None, most: float | None) -> bool:
    if value is None:
        return least is None and most is None
    return (least is None or value >= least) and (most is None or value <= most)
