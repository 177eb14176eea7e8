"""Recordings: histories in files, checked, and cut into the steps that a replay takes.

Owns the forms of files, what makes a history unfit for a replay, and which events a decider had seen when it answered
each decision task. One recording is read at a time: there may be many, and long ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from workflowsvc.lint import Limits, lint_history
from workflowsvc.model.history_file import (
    Event,
    NoHistory,
    execution_of,
    id_of,
    names_of,
    read_events,
    text_of,
)
from workflowsvc.replay.decisions import MadeDecision, attributes_of, of_events

SUFFIXES = (".json", ".jsonl", ".ndjson", ".jsonl.gz")  # of the files in a folder
STANDARD_INPUT = "-"
MAX_FINDINGS = 3  # named when a history is illegal
_DECISION_TASKS = ("DecisionTaskScheduled", "DecisionTaskStarted", "DecisionTaskTimedOut")


class Unusable(Exception):
    """The recording cannot be replayed; the text says why."""


class Source(NamedTuple):
    """One history as it was found, not yet looked at."""

    name: str  # the file, and the line in it where there are several
    text: bytes
    stem: str  # the file's name, which may hold workflowId and runId
    problem: str = ""  # why there is no text


class Step(NamedTuple):
    """One decision task of a recording."""

    scheduled_id: int
    started_id: int  # the last event that the decider saw
    previous_started_id: int  # of the task that was completed before; 0: none was
    completed_id: int  # 0: the recording has no answer
    after: str  # the event that the decider answered to: its id and type
    returned: bool  # a task before it timed out, so that it was on the run's own task list again
    decisions: tuple[MadeDecision, ...]
    is_cut: bool  # SWF terminated the run within the decisions (SWF §12.1): there may have been more
    execution_context: str | None


class Recording(NamedTuple):
    """A legal history, ready to be played."""

    name: str
    workflow_id: str
    run_id: str
    workflow_type: tuple[str, str]  # name, version
    task_list: str
    events: list[bytes]  # as JSON, as the decider gets them
    steps: tuple[Step, ...]

    @property
    def type_text(self) -> str:
        return ":".join(self.workflow_type)


# --- files ---


def find_files(given: Sequence[str]) -> list[str]:
    """The files that are named, and those in folders that are. Unusable when there are none."""
    found: list[str] = []
    for name in given:
        path = Path(name)
        if name == STANDARD_INPUT or not path.is_dir():
            if name != STANDARD_INPUT and not path.exists():
                raise Unusable(f"{name}: there is no such file or folder")
            found.append(name)
            continue
        inside = sorted(
            str(file) for file in path.rglob("*") if file.name.endswith(SUFFIXES) and file.is_file()
        )
        if not inside:
            raise Unusable(f"{name}: there is no file in it whose name ends with {' or '.join(SUFFIXES)}")
        found += inside
    return found


def read_sources(files: Iterable[str], standard_input: BinaryIO) -> Iterator[Source]:
    """Every history in the files, one after the other; a file that cannot be read becomes a source with a problem."""
    for file in files:
        stem = "standard input" if file == STANDARD_INPUT else Path(file).name.rpartition(".")[0]
        name = stem if file == STANDARD_INPUT else file
        try:
            data = standard_input.read() if file == STANDARD_INPUT else Path(file).read_bytes()
            text = text_of(data).encode()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            yield Source(name, b"", stem, f"cannot be read: {reason}")
            continue
        yield from _sources_in(name, stem, text)


def _sources_in(name: str, stem: str, text: bytes) -> Iterator[Source]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    first = _decoded(lines[0][1]) if len(lines) > 1 else None
    if isinstance(first, dict) and "events" in first:
        for number, line in lines:
            yield Source(f"{name}, line {number}", line, f"{stem}-{number}")
    elif isinstance(first, dict) and "eventId" in first:
        yield Source(name, b"[" + b",".join(line for _, line in lines) + b"]", stem)
    else:
        yield Source(name, text, stem)


def _decoded(text: bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


# --- one history ---


def read_recording(
    source: Source, *, of_type: dict[str, str] | None = None, limits: Limits | None = None
) -> Recording:
    """The history, judged and cut into steps; Unusable when it cannot be replayed. `of_type`: the name, and perhaps
    the version, of the workflow type that it must be of; `limits`: the quotas that it was recorded under [SWF's]."""
    if source.problem:
        raise Unusable(source.problem)
    try:
        events = read_events(source.text)
    except NoHistory as error:
        raise Unusable(f"is cut, or is no history: {error}") from None
    _require_legal(events, limits)
    started = attributes_of(events[0])
    named = started["workflowType"]
    workflow_type = (str(named["name"]), str(named["version"]))
    if of_type and (
        named["name"] != of_type["name"] or named["version"] != of_type.get("version", named["version"])
    ):
        raise Unusable(
            f"is of the workflow type {':'.join(workflow_type)}, not of {':'.join(of_type.values())}"
        )
    workflow_id, run_id = _names(source)
    return Recording(
        source.name,
        workflow_id,
        run_id,
        workflow_type,
        str(started["taskList"]["name"]),
        [msgspec.json.encode(event) for event in events],
        tuple(_steps(events)),
    )


def _require_legal(events: list[Event], limits: Limits | None) -> None:
    findings = lint_history(events, complete=True, limits=limits)
    if not findings:
        return
    listed = "; ".join(
        f"{one.rule} at event {one.event_id}: {one.message}" for one in findings[:MAX_FINDINGS]
    )
    more = f"; and {len(findings) - MAX_FINDINGS} more" if len(findings) > MAX_FINDINGS else ""
    raise Unusable(f"is cut or illegal, as `workflowsvc lint` says: {listed}{more}")


def _names(source: Source) -> tuple[str, str]:
    """The workflowId and runId: of a member `execution` beside the events, of the file's name, or made of the text."""
    beside = execution_of(source.text)
    if beside is not None:
        return beside
    workflow_id, run_id = names_of(source.stem)
    made = hashlib.sha256(source.name.encode() + b"\0" + source.text).hexdigest()[:40]
    return workflow_id or "replayed", run_id or f"replay-{made}"


def _steps(events: list[Event]) -> Iterator[Step]:
    """Every decision task that was started, whether it was answered or not."""
    previous = decided = 0
    returned = False
    cut_id = _cut_decision(events)
    for event in events:
        event_type, attributes, event_id = event.get("eventType"), attributes_of(event), id_of(event)
        if event_type == "DecisionTaskTimedOut":
            returned = True
        if event_type != "DecisionTaskStarted":
            continue
        completed = _completion(events, event_id)
        yield Step(
            scheduled_id=int(attributes["scheduledEventId"]),
            started_id=event_id,
            previous_started_id=previous,
            completed_id=0 if completed is None else id_of(completed),
            after=_news(events[decided : event_id - 1]),
            returned=returned,
            decisions=() if completed is None else of_events(events, id_of(completed)),
            is_cut=completed is not None and id_of(completed) == cut_id,
            execution_context=None if completed is None else attributes_of(completed).get("executionContext"),
        )
        if completed is not None:
            previous, decided, returned = event_id, id_of(completed), False


def _completion(events: list[Event], started_id: int) -> Event | None:
    """The DecisionTaskCompleted of a started task; None when it timed out or is open."""
    for place in range(started_id, len(events)):
        event = events[place]
        if event.get("eventType") in ("DecisionTaskCompleted", "DecisionTaskTimedOut"):
            answers = attributes_of(event).get("startedEventId") == started_id
            if answers:
                return event if event["eventType"] == "DecisionTaskCompleted" else None
    return None


def _news(events: list[Event]) -> str:
    """The last event that was new to the decider, if possible one that it had not caused itself."""
    told = [event for event in events if event.get("eventType") not in _DECISION_TASKS]
    foreign = [event for event in told if not attributes_of(event).get("decisionTaskCompletedEventId")]
    for event in (foreign or told or events)[-1:]:
        return f"{id_of(event)} {event.get('eventType')}"
    return ""


def _cut_decision(events: list[Event]) -> int:
    """The id of the DecisionTaskCompleted within whose decisions SWF terminated the run; 0 when it did not."""
    if attributes_of(events[-1]).get("cause") != "EVENT_LIMIT_EXCEEDED":
        return 0
    return next(
        (id_of(event) for event in reversed(events) if event.get("eventType") == "DecisionTaskCompleted"), 0
    )


def step_at(recording: Recording, event_id: int) -> Step:
    """The decision task that was started or completed with this event. Unusable when there is none."""
    for step in recording.steps:
        if event_id in (step.started_id, step.completed_id):
            return step
    answered = [str(step.completed_id or step.started_id) for step in recording.steps]
    shown = ", ".join(answered[:10]) + (f" and {len(answered) - 10} more" if len(answered) > 10 else "")
    raise Unusable(
        f"has no decision task that was started or completed with event {event_id}; there are {shown or 'none at all'}"
    )
