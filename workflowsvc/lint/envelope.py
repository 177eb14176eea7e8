"""Findings about single events: numbering, times, members and their values (rules H1 to H4, H7).

Owns the reading of raw events; all other rule files get `Event`s only. Knows the tables, not the life of
anything.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from workflowsvc.lint.history import Event, Finding, as_object, brief
from workflowsvc.lint.tables import EVENTS, TEXT_LENGTHS, UNDOCUMENTED, Member, attributes_name

__all__ = ["check_numbering", "read_events", "read_ms"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"[0-9]{1,8}", re.ASCII)
_PRIORITY = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_STRUCTURES = {  # structure kind -> its members and their text kinds, all required
    "taskList": {"name": "name"},
    "type": {"name": "name", "version": "version"},
    "execution": {"workflowId": "name", "runId": "runId"},
}


def read_ms(value: object) -> tuple[int, bool] | None:
    """The timestamp in milliseconds and whether it was whole ones; None if it is no timestamp."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return None
        micros = (value - _EPOCH) // timedelta(microseconds=1)
        return (micros + 500) // 1_000, micros % 1_000 == 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # SDKs cannot show times after the year 9999, and such a time is milliseconds taken for seconds.
    if not 0 <= value < 253_402_300_800:
        return None
    whole = round(value * 1_000)
    return whole, abs(value * 1_000 - whole) < 0.01  # precision of a double near 2e9 seconds: 0.0003 ms


def _check_text(value: object, kind: str) -> str:
    """What is wrong with this text, or ""."""
    if not isinstance(value, str):
        return f"must be a text, not {brief(value)}"
    shortest, longest = TEXT_LENGTHS[kind]
    if not shortest <= len(value) <= longest:
        return f"has {len(value)} characters, allowed are {shortest} to {longest}"
    return ""


def _check_duration(value: object, kind: str) -> str:
    if not isinstance(value, str):
        return f"must be a text with whole seconds, not {brief(value)}"
    if _WHOLE.fullmatch(value) or (value == "NONE" and kind == "seconds"):
        return ""
    return f"must be whole seconds{' or NONE' if kind == 'seconds' else ''}, not {brief(value)}"


def _check_priority(value: object) -> str:
    if isinstance(value, str) and _PRIORITY.fullmatch(value) and -(2**31) <= int(value) < 2**31:
        return ""
    return f"must be a text with a whole number of 32 bits, not {brief(value)}"


def _check_tags(value: object) -> str:
    if not isinstance(value, list):
        return f"must be a list, not {brief(value)}"
    tags: list[object] = [*value]
    if len(tags) > 5:
        return f"has {len(tags)} tags, allowed are 5"
    # A null among tags was stored and shown by the real service (SWF §1.1.11).
    wrong = [tag for tag in tags if tag is not None and not (isinstance(tag, str) and len(tag) <= 256)]
    return f"holds {brief(wrong[0])}" if wrong else ""


def _check_structure(value: object, kind: str) -> str:
    members = _STRUCTURES[kind]
    structure = as_object(value)
    if set(structure) != set(members):
        return f"must hold {' and '.join(members)}, not {brief(value)}"
    for name, text_kind in members.items():
        if wrong := _check_text(structure[name], text_kind):
            return f"{name} {wrong}"
    return ""


def _check_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return ""
    return f"must be an event id, not {brief(value)}"


def _check_value(value: object, kind: str) -> tuple[str, str]:
    """Rule and fault of one member's value; the fault is "" if there is none."""
    if kind in TEXT_LENGTHS:
        return ("H7" if isinstance(value, str) else "H4"), _check_text(value, kind)
    if kind in ("seconds", "whole"):
        return "H7", _check_duration(value, kind)
    if kind == "priority":
        return "H7", _check_priority(value)
    if kind == "tags":
        return "H7", _check_tags(value)
    if kind in _STRUCTURES:
        return "H4", _check_structure(value, kind)
    if kind.startswith("="):
        words = kind[1:].split("|")
        return "H4", "" if value in words else f"must be one of {', '.join(words)}, not {brief(value)}"
    return "H4", _check_id(value)


def _check_reference(event: Event, member: Member, types: Sequence[str]) -> str:
    """What is wrong with an id that names an earlier event of this history, or ""."""
    target, wanted = event.number(member.name), member.kind[1:]
    if target == 0:
        return ""
    if target >= event.id:
        return f"names event {target}, which is not an earlier one"
    if types[target - 1] != wanted:
        return f"names event {target} {types[target - 1]}, which is no {wanted}"
    return ""


def _check_attributes(event: Event, types: Sequence[str] | None) -> Iterator[Finding]:
    members = EVENTS[event.type].members
    for name in event.attributes:
        if name not in members and name not in UNDOCUMENTED:
            yield event.breaks("H4", f"{name} is no member of {event.type}")
    for member in members.values():
        if member.name not in event.attributes:
            if member.mark != "?":
                why = "the model requires it" if member.mark == "!" else "SWF always writes it"
                yield event.breaks("H4", f"{member.name} is missing; {why}")
            continue
        rule, fault = _check_value(event.attributes[member.name], member.kind)
        if not fault and types and member.kind.startswith(">"):
            fault = _check_reference(event, member, types)
        if fault:
            yield event.breaks(rule, f"{member.name} {fault}")


def _check_members(raw: Mapping[str, object], event: Event) -> Iterator[Finding]:
    if event.type not in EVENTS:
        yield event.breaks("H4", f"{event.type or brief(raw.get('eventType'))} is no event type of SWF")
        return
    wanted = attributes_name(event.type)
    for name in raw:
        if name not in ("eventId", "eventTimestamp", "eventType", wanted):
            yield event.breaks("H4", f"{name} does not belong to {event.type}")
    if not isinstance(raw.get(wanted), dict):
        yield event.breaks("H4", f"{wanted} is missing")


def _read_event(raw: Mapping[str, object]) -> Event:
    event_id, event_type = raw.get("eventId"), raw.get("eventType")
    event_id = event_id if isinstance(event_id, int) and not isinstance(event_id, bool) else 0
    event_type = event_type if isinstance(event_type, str) else ""
    at_ms, _ = read_ms(raw.get("eventTimestamp")) or (0, False)
    attributes = as_object(raw.get(attributes_name(event_type)) if event_type else None)
    return Event(event_id, at_ms, event_type, attributes)


def _check_times(raws: Sequence[Mapping[str, object]], events: Sequence[Event]) -> Iterator[Finding]:
    latest = 0
    for raw, event in zip(raws, events, strict=True):
        read = read_ms(raw.get("eventTimestamp"))
        if read is None:
            yield event.breaks("H3", f"eventTimestamp {brief(raw.get('eventTimestamp'))} is no time")
            continue
        if not read[1]:
            yield event.breaks(
                "H3", f"eventTimestamp {brief(raw['eventTimestamp'])} is finer than a millisecond"
            )
        if event.at_ms < latest:
            yield event.breaks("H3", f"eventTimestamp is {latest - event.at_ms} ms before an earlier event's")
        latest = max(latest, event.at_ms)


def check_numbering(events: Sequence[Event]) -> list[Finding]:
    """H1: ids are 1..n in order. With a finding here, no rule about the order of events can be judged."""
    for index, event in enumerate(events):
        if event.id != index + 1:
            where = f"at place {index + 1} stands event {event.id or 'without id'}"
            return [event.breaks("H1", f"{where}; rules about the order of events were not checked")]
    return []


def read_events(raws: Sequence[object]) -> tuple[list[Event], list[Finding]]:
    """The events, and what is wrong with each one for itself (H2, H3, H4, H7)."""
    objects = [as_object(raw) for raw in raws]
    events = [_read_event(raw) for raw in objects]
    findings: list[Finding] = []
    # Without correct numbering an id cannot be resolved, so only its own form is judged.
    types = None if check_numbering(events) else [event.type for event in events]
    for index, (raw, event) in enumerate(zip(objects, events, strict=True)):
        findings += _check_members(raw, event)
        if event.type in EVENTS:
            findings += _check_attributes(event, types)
        if (event.type == "WorkflowExecutionStarted") != (index == 0):
            what = "is not WorkflowExecutionStarted" if index == 0 else "is not the first event"
            findings.append(event.breaks("H2", f"{event.type or 'the first event'} {what}"))
    findings += _check_times(objects, events)
    return events, findings
