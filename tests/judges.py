"""What every history must be, whichever test produced it.

Owns the list of rules and the one way to apply them; knows wire histories (lists of plain dicts, as boto3 and
the JSON of GetWorkflowExecutionHistory give them) and nothing of the service's code. A rule takes the events
and yields complaints. The letters are those of the invariants that the project holds histories to.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

History = Sequence[dict[str, Any]]
Rule = Callable[[History], Iterator[str]]
Judge = Callable[[History], None]

CLOSING = {
    "WorkflowExecutionCompleted",
    "WorkflowExecutionFailed",
    "WorkflowExecutionTimedOut",
    "WorkflowExecutionCanceled",
    "WorkflowExecutionContinuedAsNew",
    "WorkflowExecutionTerminated",
}


def judge(history: History) -> None:
    """Fails with the rules that were broken and the whole history."""
    complaints = [complaint for rule in RULES for complaint in rule(history)]
    if complaints:
        told = "\n".join(json.dumps(event, default=str) for event in history)
        raise AssertionError("\n".join(complaints) + "\nin the history\n" + told)


def ids_are_dense(history: History) -> Iterator[str]:
    """H1: 1, 2, 3 and so on."""
    for expected, event in enumerate(history, 1):
        if event["eventId"] != expected:
            yield f"H1: event {event['eventId']} stands where {expected} should"
            return


def the_start_comes_first_and_once(history: History) -> Iterator[str]:
    """H2."""
    starts = [event["eventId"] for event in history if event["eventType"] == "WorkflowExecutionStarted"]
    if starts != [1]:
        yield f"H2: WorkflowExecutionStarted at {starts}"


def time_never_runs_backwards(history: History) -> Iterator[str]:
    """H3."""
    for before, event in itertools.pairwise(history):
        if event["eventTimestamp"] < before["eventTimestamp"]:
            yield f"H3: event {event['eventId']} is older than the one before it"


def attributes_are_those_of_the_type(history: History) -> Iterator[str]:
    """H4: one member of attributes, named after the type; what it refers to is an earlier event."""
    for event in history:
        kind = event["eventType"]
        member = kind[0].lower() + kind[1:] + "EventAttributes"
        present = [name for name in event if name.endswith("EventAttributes")]
        if present != [member]:
            yield f"H4: event {event['eventId']} of type {kind} has {present}"
        for name, value in event.get(member, {}).items():
            own = name.endswith("EventId") and not name.startswith(("parent", "external"))
            if own and not 0 <= value < event["eventId"]:
                yield f"H4: event {event['eventId']}: {name} is {value}"


def nothing_follows_the_end(history: History) -> Iterator[str]:
    """H5."""
    ends = [event["eventId"] for event in history if event["eventType"] in CLOSING]
    if ends and ends != [history[-1]["eventId"]]:
        yield f"H5: closing events at {ends} of {len(history)}"


RULES: list[Rule] = [
    ids_are_dense,
    the_start_comes_first_and_once,
    time_never_runs_backwards,
    attributes_are_those_of_the_type,
    nothing_follows_the_end,
]
