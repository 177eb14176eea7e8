"""All histories of the domain at the end of a round: the input of the audit.

Owns reading them over HTTP and finding the event that carries a marker. Must not know the rules.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support.client import Client
from tests.support.names import DOMAIN

Run = tuple[str, str]  # workflowId, runId
Event = dict[str, Any]


class EventOfRun(NamedTuple):
    """An event of a run."""

    run: Run
    event: Event

    @property
    def event_id(self) -> int:
        return self.event["eventId"]

    @property
    def at_ms(self) -> int:
        return ms(self.event["eventTimestamp"])

    @property
    def said(self) -> dict[str, Any]:
        return attributes(self.event)


def ms(seconds: float) -> int:
    return round(seconds * 1000)


def attributes(event: Event) -> dict[str, Any]:
    kind = event["eventType"]
    return event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]


# Where the marker of a call is found: action -> event type, member of its attributes.
CARRIED = {
    "StartWorkflowExecution": ("WorkflowExecutionStarted", "input"),
    "SignalWorkflowExecution": ("WorkflowExecutionSignaled", "input"),
    "TerminateWorkflowExecution": ("WorkflowExecutionTerminated", "details"),
    "PollForDecisionTask": ("DecisionTaskStarted", "identity"),
    "PollForActivityTask": ("ActivityTaskStarted", "identity"),
    "RespondDecisionTaskCompleted": ("DecisionTaskCompleted", "executionContext"),
    "RespondActivityTaskCompleted": ("ActivityTaskCompleted", "result"),
    "RespondActivityTaskFailed": ("ActivityTaskFailed", "details"),
    "RespondActivityTaskCanceled": ("ActivityTaskCanceled", "details"),
}
_MEMBER_OF = dict(CARRIED.values())


@dataclass
class Found:
    """All histories and descriptions, read once."""

    histories: dict[Run, list[Event]] = field(default_factory=dict)
    descriptions: dict[Run, dict[str, Any]] = field(default_factory=dict)
    by_marker: dict[tuple[str, str], list[EventOfRun]] = field(default_factory=lambda: defaultdict(list))
    runs_of: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))

    def add(self, run: Run, events: list[Event], description: dict[str, Any]) -> None:
        self.histories[run] = events
        self.descriptions[run] = description
        self.runs_of[run[0]].append(run)
        for event in events:
            member = _MEMBER_OF.get(event["eventType"])
            text = attributes(event).get(member) if member else None
            if text is not None:
                marker = json.loads(text)["marker"] if text.startswith("{") else text
                self.by_marker[event["eventType"], marker].append(EventOfRun(run, event))

    def carrying(self, action: str, marker: str) -> list[EventOfRun]:
        """The events that a call with this marker has left."""
        return self.by_marker.get((CARRIED[action][0], marker), [])


async def read_all(client: Client) -> Found:
    """Every execution of the domain, as the public actions show them. The load must have ended."""
    found = Found()
    for run in await _runs(client):
        named = {"workflowId": run[0], "runId": run[1]}
        events = await pages(client, "GetWorkflowExecutionHistory", "events", domain=DOMAIN, execution=named)
        call = await client.call("DescribeWorkflowExecution", domain=DOMAIN, execution=named)
        assert call.acknowledged, call
        found.add(run, events, call.answer)
    return found


async def _runs(client: Client) -> list[Run]:
    runs: list[Run] = []
    for action in ("ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"):
        infos = await pages(
            client, action, "executionInfos", domain=DOMAIN, startTimeFilter={"oldestDate": 0}
        )
        runs += [(info["execution"]["workflowId"], info["execution"]["runId"]) for info in infos]
    return runs


async def pages(client: Client, action: str, member: str, **members: Any) -> list[Any]:
    """The items of all pages."""
    items: list[Any] = []
    token: dict[str, str] = {}
    while True:
        call = await client.call(action, **members, **token)
        assert call.acknowledged, call
        items += call.answer[member]
        if "nextPageToken" not in call.answer:
            return items
        token = {"nextPageToken": call.answer["nextPageToken"]}
