"""The order of a shop and the deciders that lead it: prices are asked, the goods are billed and packed side by side, a
timer runs, and it ends.

Imports little, since deciders run in programs of their own, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from tests.command_line.shell import decision

Events = list[dict[str, Any]]
Decide = Callable[[Events], list[dict[str, Any]]]

DOMAIN = "d"
ACTIVITY = {"name": "activity", "version": "1"}


def count(events: Events, event_type: str) -> int:
    return sum(event["eventType"] == event_type for event in events)


def activity(activity_id: str, given: object) -> dict[str, Any]:
    return decision(
        "ScheduleActivityTask", activityId=activity_id, activityType=ACTIVITY, input=json.dumps(given)
    )


def bill() -> dict[str, Any]:
    return activity("bill", {"amount": 12, "currency": "EUR"})


def pack() -> dict[str, Any]:
    return activity("pack", {"parcels": 1})


def decide(events: Events) -> list[dict[str, Any]]:
    """The decider that made the recordings. Decisions behind events 4, 10, 17 or 18, and so on."""
    done = count(events, "ActivityTaskCompleted")
    if count(events, "TimerFired"):
        return [decision("CompleteWorkflowExecution", result="delivered")]
    if done == 0:
        return [activity("price", {"article": 7})]
    if done == 1 and count(events, "MarkerRecorded") == 0:
        return [bill(), pack(), decision("RecordMarker", markerName="priced")]
    if done == 3 and not count(events, "TimerStarted"):
        return [decision("StartTimer", timerId="rest", startToFireTimeout="5")]
    return []


def client_of(url: str) -> Any:
    return boto3.client(
        "swf",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=Config(read_timeout=70, retries={"total_max_attempts": 1}),
    )


Round = Callable[[Any], None]
"""One poll of a decider and what follows from it."""


def plainly(decide: Decide, task_list: str = "list") -> Round:
    """A decider that looks at whole histories, page by page."""

    def once(swf: Any) -> None:
        asked = {"domain": DOMAIN, "taskList": {"name": task_list}}
        task = swf.poll_for_decision_task(**asked)
        if not task.get("taskToken"):
            return
        events, token = task["events"], task.get("nextPageToken")
        while token:
            page = swf.poll_for_decision_task(**asked, nextPageToken=token)
            assert page["taskToken"] == task["taskToken"]
            events, token = events + page["events"], page.get("nextPageToken")
        assert events[-1]["eventId"] == task["startedEventId"]
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(events))

    return once


# --- deciders that have changed ---


def swapped(events: Events) -> list[dict[str, Any]]:
    decisions = decide(events)
    return [decisions[1], decisions[0], *decisions[2:]] if len(decisions) == 3 else decisions


def without_packing(events: Events) -> list[dict[str, Any]]:
    return [one for one in decide(events) if one != pack()]


def with_more(events: Events) -> list[dict[str, Any]]:
    decisions = decide(events)
    return [*decisions, decision("RecordMarker", markerName="new")] if len(decisions) == 3 else decisions


def in_dollars(events: Events) -> list[dict[str, Any]]:
    dollars = activity("bill", {"amount": 12, "currency": "USD"})
    return [dollars if one == bill() else one for one in decide(events)]
