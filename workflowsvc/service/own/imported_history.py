"""A history as AWS's tools print it, read and judged: what is imported is a whole, closed history that lint accepts.

Owns the reading and the refusals. Each event is decoded by itself, so that no other thread waits for a long history.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.faults import ValidationException
from workflowsvc.lint import lint_history
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.constraints import has_no_control_characters, is_name
from workflowsvc.model.events import Event, decode_event, encode_event
from workflowsvc.settings import Limits
from workflowsvc.store.interface import Reader

MAX_BYTES = 64 << 20  # of a history that was compressed: 25,000 events of 2.6 KB
MAX_FINDINGS = 3  # named in a refusal

Json = dict[str, Any]


class ImportedRun(NamedTuple):
    """The events in our own spelling, as they are stored, and the state that they lead to."""

    bodies: list[bytes]
    execution: Execution


class _Answer(msgspec.Struct):
    """Of GetWorkflowExecutionHistory, in the forms that clients print."""

    events: list[msgspec.Raw]
    next_page_token: str | None = msgspec.field(default=None, name="nextPageToken")
    next_token: str | None = msgspec.field(default=None, name="NextToken")


def read_history(_reader: Reader, request: shapes.ImportHistoryInput, quotas: Limits) -> ImportedRun:
    """ValidationException for anything but a whole, closed, legal history."""
    member, text = _text(request)
    found = [_event(raw, member) for raw in _raw_events(text, member)]
    if not found:
        raise _refusal(member, "it holds no events")
    if _id_of(found[0]) > _id_of(found[-1]):
        found.reverse()  # newest first, as with reverseOrder
    if len(found) > quotas.max_events:
        raise _refusal(member, f"it has {len(found)} events; a history may have {quotas.max_events}")
    findings = lint_history(found, complete=True)
    if findings:
        listed = "; ".join(
            f"{found.rule} at event {found.event_id}: {found.message}" for found in findings[:MAX_FINDINGS]
        )
        more = f"; and {len(findings) - MAX_FINDINGS} more" if len(findings) > MAX_FINDINGS else ""
        raise _refusal(member, f"it breaks rules of SWF, which `workflowsvc lint` lists: {listed}{more}")
    events = [_typed(event, member) for event in found]
    execution = Execution(
        run=1,
        run_id="",
        domain=0,
        workflow_id=request.workflow_id,
        longest_ms=quotas.max_execution_seconds * 1000,
    )
    try:
        execution.replay(events)
    except (AssertionError, KeyError, ValueError) as error:
        raise _refusal(member, "it cannot be replayed") from error
    if execution.is_open:
        raise _refusal(member, "it has no closing event: only closed runs can be imported")
    _require_storable_names(execution, member)
    return ImportedRun([encode_event(event) for event in events], execution)


def _require_storable_names(execution: Execution, member: str) -> None:
    """What becomes a column must be what SWF would have accepted as a name."""
    started = execution.started
    parent = started.parent_workflow_execution
    names = [started.workflow_type.name, started.workflow_type.version]
    ids = [] if parent is None else [parent.workflow_id, parent.run_id]
    if not all(map(is_name, names)) or not all(map(has_no_control_characters, ids)):
        raise _refusal(member, "its first event has a name that SWF does not allow")


def _text(request: shapes.ImportHistoryInput) -> tuple[str, bytes]:
    """The member that holds the history, and the history."""
    if (request.history is None) == (request.compressed_history is None):
        raise _refusal("history", "exactly one of history and compressedHistory must be given")
    if request.history is not None:
        return "history", request.history.encode()
    member = "compressedHistory"
    try:
        packed = b64decode(request.compressed_history or "", validate=True)
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        text = unpacking.decompress(packed, MAX_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        raise _refusal(member, "it is not gzip in base64") from None
    if unpacking.unconsumed_tail:
        raise _refusal(member, f"it is longer than {MAX_BYTES} bytes when it is unpacked")
    if not unpacking.eof:
        raise _refusal(member, "it is not gzip in base64")
    return member, text


def _raw_events(text: bytes, member: str) -> list[msgspec.Raw]:
    try:
        if text.lstrip()[:1] == b"[":
            return msgspec.json.decode(text, type=list[msgspec.Raw])
        answer = msgspec.json.decode(text, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _refusal(member, 'it holds no history: expected {"events": […]} or a list of events') from None
    if answer.next_page_token or answer.next_token:
        raise _refusal(member, "it is a page: more events follow")
    return answer.events


def _event(raw: msgspec.Raw, member: str) -> Json:
    """One event, with its time as lint and our own decoder read it."""
    try:
        event: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _refusal(member, "an event is no JSON") from None
    if not isinstance(event, dict):
        raise _refusal(member, "an event is no object")
    found: Json = event  # pyright: ignore[reportUnknownVariableType] - names of members are text in JSON
    moment = found.get("eventTimestamp")
    if isinstance(moment, str):
        try:
            found["eventTimestamp"] = round(datetime.fromisoformat(moment).timestamp(), 3)
        except (ValueError, OverflowError):
            raise _refusal(member, f"{moment[:40]!r} is no time") from None
    return found


def _id_of(event: Json) -> int:
    event_id = event.get("eventId")
    return event_id if isinstance(event_id, int) else 0


def _typed(event: Json, member: str) -> Event:
    """In our own spelling; members that the service model does not know are left out."""
    try:
        return decode_event(msgspec.json.encode(event))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _refusal(member, f"event {_id_of(event)}: {error}") from None


def _refusal(member: str, why: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
        f"Member must be a whole history of a closed run: {why}"
    )
