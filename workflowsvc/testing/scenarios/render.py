"""Answers as lines that a person reads: compact, in one order, the same over every back end.

Owns the spelling of values, times, events and lists. In a history, settings that are those of the standard types of
`prelude.txt` are left out, so that what a line says is what the scenario is about; `history w full` shows all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from workflowsvc.testing.scenarios.names import Names

_BARE = re.compile(r"[^\s\"\[\]{},=]+")
_LITERALS = {"true", "false", "null", ""}

# What the types `flow` and `work` of prelude.txt give.
STANDARD: dict[str, dict[str, Any]] = {
    "WorkflowExecutionStarted": {
        "childPolicy": "TERMINATE",
        "executionStartToCloseTimeout": "3600",
        "parentInitiatedEventId": 0,
        "taskList": {"name": "deciders"},
        "taskStartToCloseTimeout": "300",
        "workflowType": {"name": "flow", "version": "1"},
    },
    "DecisionTaskScheduled": {
        "scheduleToStartTimeout": "NONE",
        "startToCloseTimeout": "300",
        "taskList": {"name": "deciders"},
    },
    "ActivityTaskScheduled": {
        "activityType": {"name": "work", "version": "1"},
        "heartbeatTimeout": "NONE",
        "scheduleToCloseTimeout": "1800",
        "scheduleToStartTimeout": "600",
        "startToCloseTimeout": "1200",
        "taskList": {"name": "workers"},
    },
}
STANDARD["StartChildWorkflowExecutionInitiated"] = {
    name: value
    for name, value in STANDARD["WorkflowExecutionStarted"].items()
    if name != "parentInitiatedEventId"
}
STANDARD["WorkflowExecutionContinuedAsNew"] = STANDARD["StartChildWorkflowExecutionInitiated"]


def attributes_of(event: dict[str, Any]) -> dict[str, Any]:
    kind = event["eventType"]
    return event[kind[0].lower() + kind[1:] + "EventAttributes"]


def milliseconds(timestamp: float) -> int:
    return round(timestamp * 1000)


def seconds(ms: int) -> str:
    """`584` -> `0.584`."""
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


class Render:
    """For one scenario, which began at `zero_ms`."""

    def __init__(self, names: Names, zero_ms: int) -> None:
        self._names = names
        self._zero_ms = zero_ms

    # --- values ---

    def text(self, value: str) -> str:
        """Without quotes where nothing can be mistaken."""
        plain = self._names.plain(value)
        if _BARE.fullmatch(plain) and plain not in _LITERALS:
            return plain
        return json.dumps(plain, ensure_ascii=False)

    def value(self, value: Any, name: str = "") -> str:
        if isinstance(value, str):
            return self.text(value)
        if name.endswith(("Timestamp", "Date")):
            return self.moment(value)
        if isinstance(value, list):
            return "[" + ", ".join(map(self.value, cast("list[Any]", value))) + "]"
        if isinstance(value, dict):
            return self._structure(cast("dict[str, Any]", value))
        return json.dumps(value)

    def moment(self, timestamp: float) -> str:
        return "@" + seconds(milliseconds(timestamp) - self._zero_ms)

    def _structure(self, value: dict[str, Any]) -> str:
        members = set(value)
        if members == {"name"}:
            return self.text(value["name"])
        if members == {"name", "version"}:
            return f"{self.text(value['name'])}@{self.text(value['version'])}"
        if members == {"workflowId", "runId"}:
            return self.execution(value)
        return "{" + self.members(value, between=", ") + "}"

    def execution(self, value: dict[str, str]) -> str:
        return self.text(self._names.alias(value["runId"], value["workflowId"]))

    def members(self, value: dict[str, Any], between: str = " ", without: Iterable[str] = ()) -> str:
        return between.join(
            f"{name}={self.value(value[name], name)}" for name in sorted(value) if name not in without
        )

    # --- answers ---

    def event(self, event: dict[str, Any], *, workflow_id: str, zero_ms: int, full: bool) -> str:
        """`5 ActivityTaskScheduled +0.584 activityId=a decisionTaskCompletedEventId=4`."""
        attributes = attributes_of(event)
        for name in ("runId", "newExecutionRunId", "continuedExecutionRunId"):
            if name in attributes:  # make its name known
                self._names.alias(attributes[name], attributes.get("workflowId", workflow_id))
        if not full:
            standard = STANDARD.get(event["eventType"], {})
            attributes = {
                name: value
                for name, value in attributes.items()
                if name not in standard or standard[name] != value
            }
        after = milliseconds(event["eventTimestamp"]) - zero_ms
        told = f"{event['eventId']} {event['eventType']} +{seconds(after)}"
        return f"{told} {self.members(attributes)}".rstrip()

    def decision_task(self, task: dict[str, Any], name: str | None) -> Iterator[str]:
        if not task.get("taskToken"):
            yield "nothing"
            return
        ids = [event["eventId"] for event in task["events"]]
        step = -1 if len(ids) > 1 and ids[0] > ids[-1] else 1
        assert ids == list(range(ids[0], ids[-1] + step, step)), ids
        known = self._names.token_name(task["taskToken"])
        told = f"{self.execution(task['workflowExecution'])} events {ids[0]}..{ids[-1]}"
        told += f" startedEventId={task['startedEventId']}"
        told += f" previousStartedEventId={task.get('previousStartedEventId', 'absent')}"
        if task["workflowType"] != {"name": "flow", "version": "1"}:
            told += f" workflowType={self.value(task['workflowType'])}"
        if known and known != name:
            told += f", again the task {known}"
        if "nextPageToken" in task:
            told += ", and more"
        yield told

    def activity_task(self, task: dict[str, Any]) -> Iterator[str]:
        if not task.get("taskToken"):
            yield "nothing"
            return
        without = ("taskToken", "workflowExecution", "activityType")
        told = f"{self.execution(task['workflowExecution'])} {self.members(task, without=without)}"
        if task["activityType"] != {"name": "work", "version": "1"}:
            told += f" activityType={self.value(task['activityType'])}"
        yield told

    def info(self, info: dict[str, Any]) -> str:
        """One line of a list of executions."""
        told = [self.execution(info["execution"]), info.get("closeStatus", info["executionStatus"])]
        told.append(f"{self.moment(info['startTimestamp'])}")
        if "closeTimestamp" in info:
            told.append(f"to {self.moment(info['closeTimestamp'])}")
        known = ("execution", "executionStatus", "closeStatus", "startTimestamp", "closeTimestamp")
        rest = {name: value for name, value in info.items() if name not in known}
        if not rest["cancelRequested"]:
            del rest["cancelRequested"]
        if rest["workflowType"] == {"name": "flow", "version": "1"}:
            del rest["workflowType"]
        told.append(self.members(rest))
        return " ".join(told).rstrip()

    def anything(self, answer: Any) -> Iterator[str]:
        """An answer as it is: one line for each member, one for each element of a list of structures."""
        if not answer:
            return
        for name in sorted(answer, key=lambda name: (name == "nextPageToken", name)):
            value = answer[name]
            if name == "nextPageToken":
                yield "and more"
            elif name == "executionInfos":
                yield from (self.info(info) for info in value)
            elif name == "events":
                yield from (
                    self.event(event, workflow_id="", zero_ms=self._zero_ms, full=False) for event in value
                )
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                yield from (f"{name} {self.members(item)}" for item in cast("list[dict[str, Any]]", value))
            elif isinstance(value, dict) and not set(cast("dict[str, Any]", value)) <= {"name", "version"}:
                yield f"{name} {self.members(cast('dict[str, Any]', value))}".rstrip()
            else:
                yield f"{name}={self.value(value, name)}"

    def fields(self, answer: dict[str, Any], wanted: list[str]) -> Iterator[str]:
        """Only the members of these names, wherever they stand in the answer, on one line."""
        found: dict[str, Any] = {}
        _gather(answer, found)
        yield " ".join(
            f"{name}={self.value(found[name], name)}" if name in found else f"{name} absent"
            for name in wanted
        )


def _gather(value: dict[str, Any], found: dict[str, Any]) -> None:
    for name, member in value.items():
        found.setdefault(name, member)
        if isinstance(member, dict):
            _gather(cast("dict[str, Any]", member), found)
