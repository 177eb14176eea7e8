"""The compact and the timeline tab of a run: one row for all that happened to one activity, timer, child or signal.

Owns which rows there are and which of them a page shows. Which events belong together, and the words, are
`display/history.py`'s; where bars stand is `svg.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from workflowsvc.console import svg
from workflowsvc.console.windows import Place, place_of, window
from workflowsvc.display import history
from workflowsvc.display.history import BAD, OPEN, Line

if TYPE_CHECKING:
    from workflowsvc.console.histories import History, Source
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

LINES = 100  # of a page; with texts of clients in each it stays below 300 KB
ROWS = 150
MAX_ATTEMPTS = 10  # of one row: a timer or signal that comes again and again; all of a page stay below 300 KB
ONLY = ("", "open", "failed")
ON_TIMELINE = ("activity", "timer", "child", "signal", "signal to", "Lambda task")
# What waits until it is taken up. A timer or signal does not.
WAITS = ("activity", "child", "Lambda task", "decision task")
_ONE_AFTER_ANOTHER = ("activity", "timer", "child", "signal", "Lambda task", "decision task")


def chosen_kinds(visit: Visit) -> list[str]:
    """The categories of events that the address asks for; none means all."""
    given = visit.query.getlist("kind")
    return [name for name in history.CATEGORIES if name in given]


async def compact(visit: Visit, source: Source) -> Data:
    """The lines of a page, in the order in which their things began."""
    folded = await source.folded()
    kinds, only = chosen_kinds(visit), visit.chosen("only", ONLY)
    decisions = visit.one("decisions") == "yes" or "decisions" in kinds

    def chosen(all_lines: list[Line]) -> list[Line]:
        return [
            line
            for line in history.shown(all_lines, decisions=decisions)
            if (not kinds or history.category(line.kind) in kinds)
            and (not only or line.tone == (OPEN if only == "open" else BAD))
            and line.events
        ]

    lines: list[Line] = folded.history.derived(("compact", *kinds, only, decisions), chosen)
    place = place_of(visit)
    found = window(lines, _first_event, place, LINES)

    def data(_: list[Line]) -> list[Data]:
        return [_as_data(line) for line in found.items]

    return {
        "kinds": kinds,
        "only": only,
        "lines": _derived(folded.history, place, ("lines", *kinds, only, decisions), data),
        "linesInAll": len(lines),
        "thingsInAll": sum(line.times for line in lines),
        "earlier": found.earlier,
        "later": found.later,
        "answeredDecisions": 0 if decisions else folded.history.derived("answered", _answered),
        "isWhole": folded.is_whole,
        "eventsRead": folded.read,
    }


async def timeline(visit: Visit, source: Source) -> Data:
    """The rows of a page of the timeline, each with its attempts."""
    folded = await source.folded()
    with_decisions = visit.one("decisions") == "yes"
    rows: list[list[Line]] = folded.history.derived(
        ("timeline", with_decisions), partial(attempts_of, with_decisions=with_decisions)
    )
    place = place_of(visit)
    found = window(rows, lambda row: _first_event(row[0]), place, ROWS)

    def data(_: list[Line]) -> list[Data]:
        return [_row(row) for row in found.items]

    return {
        "rows": _derived(folded.history, place, ("rows", with_decisions), data),
        "rowsInAll": len(rows),
        "earlier": found.earlier,
        "later": found.later,
        "isWhole": folded.is_whole,
        "eventsRead": folded.read,
    }


def _derived(
    kept: History, place: Place, what: tuple[object, ...], make: Callable[[list[Line]], list[Data]]
) -> list[Data]:
    """The end of a history is what open pages ask for again and again."""
    return kept.derived(what, make) if place.is_end else make(kept.lines)


def timeline_extras(visit: Visit, data: Data, *, start: float, until: float) -> Data:
    """The picture, drawn as of now."""
    folds_idle = visit.one("idle") == "folded"
    return {
        "picture": svg.draw(
            data["rows"],
            start=start,
            until=until,
            folds_idle=folds_idle,
            from_start=data["earlier"] is None,
            to_end=data["later"] is None,
        ),
        "folds_idle": folds_idle,
        "labels": svg.LABELS,
        "row_height": svg.ROW,
        "bar_height": svg.BAR,
        "top": svg.TOP,
    }


def attempts_of(lines: list[Line], *, with_decisions: bool = False) -> list[list[Line]]:
    """Lines by what they are about: those of one name after another are attempts at one thing. Of decision tasks those
    that are open or were lost, unless all are asked for."""
    rows: list[list[Line]] = []
    open_rows: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        if not line.events or not (line.kind in ON_TIMELINE or line.kind == "decision task"):
            continue
        if line.is_quiet() and not with_decisions:
            continue
        key = (line.kind, line.name, line.type)
        row = open_rows.get(key)
        if (
            row is not None
            and line.kind in _ONE_AFTER_ANOTHER
            and row[-1].ended is not None
            and len(row) < MAX_ATTEMPTS
        ):
            row.append(line)
        else:
            row = open_rows[key] = [line]
            rows.append(row)
    return rows


def _answered(lines: list[Line]) -> int:
    return sum(line.is_quiet() for line in lines)


def _first_event(line: Line) -> int:
    return line.events[0]


def _row(row: list[Line]) -> Data:
    last = row[-1]
    execution = {"execution": last.execution} if last.execution else {}
    return {
        "kind": last.kind,
        "name": last.name,
        "type": last.type,
        "tone": last.tone,
        **execution,
        "attempts": [_as_data(line) for line in row],
    }


def _as_data(line: Line) -> Data:
    found: dict[str, Any] = line.as_json()
    found |= {
        "kind": line.kind,
        "name": line.name,
        "state": line.state,
        "tone": line.tone,
        "times": line.times,
        "note": history.note(line),
        "took": history.took(line),
        "waits": line.kind in WAITS,
    }
    if line.times > 1:  # the ids of a thousand equal failures would fill the page
        found["eventIds"] = [line.events[0], line.events[-1]]
    found["events"] = history.event_ids(line.events)
    return found
