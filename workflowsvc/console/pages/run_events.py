"""The events tab of a run, and the page of one event.

Owns which events a page shows. How their members are drawn is `payloads.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workflowsvc.console.pages.run_lines import chosen_kinds
from workflowsvc.console.payloads import Room, Value, values_of, whole_event
from workflowsvc.console.windows import Place, Window, place_of
from workflowsvc.display import history
from workflowsvc.display.history import attributes_of

if TYPE_CHECKING:
    from workflowsvc.console.histories import Event, Source
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

EVENTS = 100
MAX_SPREAD = 3_000  # events that are read to find those of a page: chosen kinds may stand far apart
END = 1_000_000_000


async def events(visit: Visit, source: Source) -> Data:
    """The events of a page: the last ones, unless the address names others."""
    kinds, place = chosen_kinds(visit), place_of(visit)
    if kinds:
        found = await _of_kinds(source, kinds, place)
    else:
        first, last = bounds(place, source.total)
        listed = await source.events(first, last)
        found = Window(listed, first if first > 1 else None, last if last < source.total else None)
    folded = await source.folded() if kinds else None
    return {
        "kinds": kinds,
        "events": found.items,
        "names": _names(source, found.items),
        "earlier": found.earlier,
        "later": found.later,
        "isWhole": folded is None or folded.is_whole,
        "eventsRead": folded.read if folded else source.total,
    }


def bounds(place: Place, total: int) -> tuple[int, int]:
    """The ids of the first and the last event of a page."""
    if place.at:
        first = max(1, min(place.at, total) - EVENTS // 2)
    elif place.after:
        first = min(place.after, total) + 1
    elif place.before:
        return max(1, min(place.before, total + 1) - EVENTS), min(place.before - 1, total)
    else:
        return max(1, total - EVENTS + 1), total
    return first, min(first + EVENTS - 1, total)


async def _of_kinds(source: Source, kinds: list[str], place: Place) -> Window[Event]:
    """Those of some categories. The window holds fewer than a page has when they stand far apart."""
    forwards = bool(place.after or place.at)
    after = max(place.at - 1, 0) or place.after
    before = END if forwards else place.before or END
    ids = await source.ids(kinds, before=before, after=after, limit=EVENTS + 1)
    more = len(ids) > EVENTS
    ids = ids[:EVENTS] if forwards else ids[-EVENTS:]
    near = ids[0] + MAX_SPREAD if forwards and ids else (ids[-1] - MAX_SPREAD if ids else 0)
    kept = [one for one in ids if (one <= near if forwards else one >= near)]
    more = more or len(kept) < len(ids)
    wanted = set(kept)
    found: list[Event] = []
    for first, last in _ranges(kept):
        found += [event for event in await source.events(first, last) if event["eventId"] in wanted]
    if not kept:
        return Window([], None, None)
    if forwards:
        return Window(found, earlier=kept[0], later=kept[-1] if more else None)
    later = kept[-1] if not place.is_end else None
    return Window(found, earlier=kept[0] if more else None, later=later)


def _ranges(ids: list[int]) -> list[tuple[int, int]]:
    """Few ranges that hold these ids: events between them that are near are read as well."""
    found: list[tuple[int, int]] = []
    for one in ids:
        if found and one - found[-1][1] <= EVENTS:
            found[-1] = (found[-1][0], one)
        else:
            found.append((one, one))
    return found


def event_views(visit: Visit, data: Data, start: float | None) -> Data:
    """The events as the template draws them."""
    room = Room()
    shown = [event_view(event, room, start, data["names"]) for event in data["events"]]
    if visit.one("order") == "descending":
        shown.reverse()
    return {"event_views": shown}


def _names(source: Source, events: list[Event]) -> dict[str, str]:
    """What these events belong to, by their ids, as far as the history is read: most name an earlier event instead."""
    lines = ((event["eventId"], source.history.line_of(event["eventId"])) for event in events)
    return {str(event_id): line.name or line.type for event_id, line in lines if line is not None}


def event_view(event: Event, room: Room, start: float | None, names: Mapping[str, str]) -> Data:
    """One event: what it says in a few words, and its members."""
    attributes = attributes_of(event)
    (line,) = history.fold([event])
    at = event.get("eventTimestamp")
    return {
        "id": event["eventId"],
        "type": str(event.get("eventType", "")),
        "at": at,
        "elapsed": at - start if isinstance(at, int | float) and start is not None else None,
        "name": names.get(str(event["eventId"])) or line.name or line.type,
        "tone": line.tone,
        "values": values_of(attributes, room),
    }


async def one_event(source: Source, event_id: int) -> Event | None:
    """None when there is no event with this id."""
    found = await source.events(event_id, event_id) if 0 < event_id <= source.total else []
    return found[0] if found else None


def whole_values(event: dict[str, Any]) -> list[Value]:
    """All members of one event, uncut."""
    return values_of(attributes_of(event), whole_event())
