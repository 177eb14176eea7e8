"""A history in a file: the answer of GetWorkflowExecutionHistory as AWS's tools and this project's print it.

Owns the forms that such a file has. Each event is decoded by itself, so that no other thread waits for a long history.
Must not judge events: `lint` does.
"""

from __future__ import annotations

import base64
import gzip
from datetime import datetime
from typing import Any

import msgspec

Event = dict[str, Any]


class NoHistory(ValueError):
    """The text is not a whole history; the message says why, and follows `it`."""


class _Answer(msgspec.Struct):
    """Of GetWorkflowExecutionHistory, in the forms that clients print."""

    events: list[msgspec.Raw]
    next_page_token: str | None = msgspec.field(default=None, name="nextPageToken")
    next_token: str | None = msgspec.field(default=None, name="NextToken")


class _Named(msgspec.Struct):
    workflow_id: str = msgspec.field(name="workflowId")
    run_id: str = msgspec.field(name="runId")


class _Beside(msgspec.Struct):
    """What may stand beside the events: our own export, and an answer of PollForDecisionTask."""

    execution: _Named | None = None
    workflow_execution: _Named | None = msgspec.field(default=None, name="workflowExecution")


def text_of(data: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16. UnicodeDecodeError for another one."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # a redirect in PowerShell writes UTF-16
    return data.decode("utf-16" if marked else "utf-8-sig")


def read_events(text: bytes) -> list[Event]:
    """The events, oldest first, their times in seconds. NoHistory for anything but a whole history."""
    found = [_event(raw) for raw in _raw_events(text)]
    if not found:
        raise NoHistory("it holds no events")
    if id_of(found[0]) > id_of(found[-1]):
        found.reverse()  # newest first, as with reverseOrder
    return found


def _raw_events(text: bytes) -> list[msgspec.Raw]:
    try:
        if text.lstrip()[:1] == b"[":
            return msgspec.json.decode(text, type=list[msgspec.Raw])
        answer = msgspec.json.decode(text, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoHistory('it holds no history: expected {"events": […]} or a list of events') from None
    if answer.next_page_token or answer.next_token:
        raise NoHistory("it is a page: more events follow")
    return answer.events


def _event(raw: msgspec.Raw) -> Event:
    """One event, with its time as lint and our own decoder read it."""
    try:
        event: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoHistory("an event is no JSON") from None
    if not isinstance(event, dict):
        raise NoHistory("an event is no object")
    found: Event = event  # pyright: ignore[reportUnknownVariableType] - names of members are text in JSON
    moment = found.get("eventTimestamp")
    if isinstance(moment, str):
        try:
            found["eventTimestamp"] = round(datetime.fromisoformat(moment).timestamp(), 3)
        except (ValueError, OverflowError):
            raise NoHistory(f"{moment[:40]!r} is no time") from None
    return found


def packed(text: bytes) -> str:
    """The text as the member `compressedHistory` of ImportHistory: gzip in base64."""
    return base64.b64encode(gzip.compress(text, mtime=0)).decode()


def execution_of(text: bytes) -> tuple[str, str] | None:
    """The workflowId and runId that stand beside the events; None where they do not."""
    try:
        beside = msgspec.json.decode(text, type=_Beside)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    named = beside.execution or beside.workflow_execution
    return None if named is None else (named.workflow_id, named.run_id)


def names_of(file_name: str) -> tuple[str, str | None]:
    """The workflowId and runId in WORKFLOW_ID.RUN_ID.json, as `workflowsvc export` names files; the runId is None where
    there is but one part."""
    stem = file_name.removesuffix(".json")
    workflow_id, _, run_id = stem.rpartition(".")
    return (workflow_id, run_id) if workflow_id else (stem, None)


def id_of(event: Event) -> int:
    """The event's id; 0 when it has none."""
    event_id = event.get("eventId")
    return event_id if isinstance(event_id, int) else 0
