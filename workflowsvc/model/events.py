"""A history event becomes the exact JSON that AWS answers, and is read back from it.

Owns the spelling of one event and of points in time. Times are whole milliseconds since the epoch on this side.
Must not know what an event means or where it is kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Union

import msgspec

from workflowsvc.model.shapes import EVENTS, EventShape, Shape

# Java writes a double plainly below 10^7 and in scientific notation from there on; as seconds, 1970-04-26.
_SCIENTIFIC_FROM_MS = 10**10
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that has a date


class Event(msgspec.Struct, gc=False):
    """One event of a history. Without the garbage collector: it holds a tree of shapes, never a cycle."""

    id: int
    at_ms: int
    type: str
    attributes: Shape


# Events of one batch share their time (one reading of the clock per batch), hence the small cache.
@lru_cache(maxsize=64)
def spell(at_ms: int) -> bytes:
    """The moment in epoch seconds as `Double.toString` spells it: `1.497371587073E9` (SWF §1.2.6)."""
    if at_ms < 0:
        return b"-" + spell(-at_ms)
    if at_ms >= _SCIENTIFIC_FROM_MS:
        digits = str(at_ms)
        return f"{digits[0]}.{digits[1:].rstrip('0') or '0'}E{len(digits) - 4}".encode()
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{seconds}.{f'{milliseconds:03}'.rstrip('0') or '0'}".encode()


def timestamp(at_ms: int) -> msgspec.Raw:
    """The moment as a member of an answer."""
    return msgspec.Raw(spell(at_ms))


@lru_cache(maxsize=64)
def date_and_time(at_s: int) -> bytes:
    """The moment in UTC, to the second, as events for EventBridge have it: `2020-05-08T15:57:38Z`."""
    moment = datetime.fromtimestamp(min(max(at_s, 0), _LAST_SECOND), UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z").encode()


def encode_event(event: Event) -> bytes:
    """The event as one element of `events`, members in alphabetical order."""
    template, attributes_first = _TEMPLATES[event.type]
    attributes = _encode(event.attributes)
    if attributes_first:
        return template % (attributes, event.id, spell(event.at_ms))
    return template % (event.id, spell(event.at_ms), attributes)


def decode_event(body: bytes) -> Event:
    """The event that `encode_event` wrote, to the millisecond."""
    stored = _decode(body)
    return Event(stored.event_id, round(stored.event_timestamp * 1000), stored.type, stored.attributes)


def _template(shape: EventShape) -> tuple[bytes, bool]:
    """The JSON with three blanks, and whether the attributes are the first of them or the last."""
    head = f'"eventId":%d,"eventTimestamp":%b,"eventType":"{shape.type}"'
    attributes = f'"{shape.member}":%b'
    if shape.member < "eventId":
        return f"{{{attributes},{head}}}".encode(), True
    return f"{{{head},{attributes}}}".encode(), False


def _stored(shape: EventShape) -> type[msgspec.Struct]:
    """A struct for events of one type; the decoder chooses among the 54 by `eventType`.

    One struct with 54 optional members, or reading the type before decoding, took as long or longer.
    """
    return msgspec.defstruct(
        f"Stored{shape.type}",
        [
            ("attributes", shape.attributes, msgspec.field(name=shape.member)),
            ("event_id", int, msgspec.field(name="eventId")),
            ("event_timestamp", float, msgspec.field(name="eventTimestamp")),
        ],
        tag_field="eventType",
        tag=shape.type,
        namespace={"type": shape.type},
        gc=False,
    )


_encode = msgspec.json.Encoder().encode
_decode: Any = msgspec.json.Decoder(Union[tuple(_stored(shape) for shape in EVENTS.values())]).decode  # noqa: UP007
_TEMPLATES = {shape.type: _template(shape) for shape in EVENTS.values()}
