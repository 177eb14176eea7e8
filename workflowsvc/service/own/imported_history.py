"""A history as AWS's tools print it, read and judged: what is imported is a whole, closed history that lint accepts.

Owns the refusals. The forms of the file are those of `model/history_file.py`.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from typing import Any, NamedTuple

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.faults import ValidationException
from workflowsvc.lint import lint_history
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.constraints import has_no_control_characters, is_name
from workflowsvc.model.events import Event, decode_event, encode_event
from workflowsvc.model.history_file import NoHistory, id_of, read_events
from workflowsvc.settings import Limits
from workflowsvc.store.interface import Reader

MAX_BYTES = 64 << 20  # of a history that was compressed: 25,000 events of 2.6 KB
MAX_FINDINGS = 3  # named in a refusal


class ImportedRun(NamedTuple):
    """The events in our own spelling, as they are stored, and the state that they lead to."""

    bodies: list[bytes]
    execution: Execution


def read_history(_reader: Reader, request: shapes.ImportHistoryInput, quotas: Limits) -> ImportedRun:
    """ValidationException for anything but a whole, closed, legal history."""
    member, text = _text(request)
    try:
        found = read_events(text)
    except NoHistory as error:
        raise _refusal(member, str(error)) from None
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


def _typed(event: dict[str, Any], member: str) -> Event:
    """In our own spelling; members that the service model does not know are left out."""
    try:
        return decode_event(msgspec.json.encode(event))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _refusal(member, f"event {id_of(event)}: {error}") from None


def _refusal(member: str, why: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
        f"Member must be a whole history of a closed run: {why}"
    )
