"""A history in a file: the answer of GetWorkflowExecutionHistory as AWS's tools and this project's print it, or a run
of an archive.

Owns the forms that such a file has. Each event is decoded by itself, so that no other thread waits for a long history.
Must not judge events: `lint` does.
"""

from __future__ import annotations

import base64
import errno
import gzip
import zlib
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


GZIP = b"\x1f\x8b"
MAX_UNPACKED = 512 << 20  # bytes: more than 25,000 events of 20 KB
_ARCHIVED = '{"archive":'


class _ArchivedHead(msgspec.Struct):
    """Of the first line of an archived run (archive/form.py), what is said here."""

    execution: msgspec.Raw
    events: int


def text_of(data: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16, also when it is packed by gzip; an archived run as an export has it.
    UnicodeDecodeError or OSError for another one.
    """
    if data.startswith(GZIP):
        data = _unpacked(data)
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # a redirect in PowerShell writes UTF-16
    text = data.decode("utf-16" if marked else "utf-8-sig")
    return _as_exported(text) if text.startswith(_ARCHIVED) else text


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpacking.decompress(data, MAX_UNPACKED)
    except zlib.error:
        raise OSError(errno.EBADMSG, "it is damaged: it is no whole gzip") from None
    if unpacking.unconsumed_tail:
        raise OSError(errno.EFBIG, f"it is longer than {MAX_UNPACKED} bytes when it is unpacked")
    if not unpacking.eof:
        raise OSError(errno.EBADMSG, "it is damaged: it is no whole gzip")
    return text


def _as_exported(text: str) -> str:
    """Lines become one object; a run that is not whole stays as it is, and is no history then."""
    first, *lines = text.removesuffix("\n").split("\n")
    try:
        head = msgspec.json.decode(first, type=_ArchivedHead)
    except msgspec.MsgspecError:
        return text
    if len(lines) != head.events:
        return text
    return f'{{"execution":{bytes(head.execution).decode()},"events":[{",".join(lines)}]}}'


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
