"""The conditions on runs that a page's address holds, and the filter of our own API that they make.

Owns the names of the parameters. A moment without an offset is in UTC; one such as `2h` is that long before `at`, which
links to further pages hold, so that all pages of one search mean the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, get_args
from urllib.parse import urlencode

from workflowsvc.console.refusals import Refusal
from workflowsvc.display.text import read_moment, read_span
from workflowsvc.model import own_shapes

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

CLOSE_STATUSES: tuple[str, ...] = get_args(own_shapes.CloseStatus)
STATUSES = ("OPEN", "CLOSED")
MAX_WHOLE = 2_147_483_647
MAX_DIGITS = 15  # of a moment in milliseconds: the year 9999 has them


class Condition(NamedTuple):
    """A field of the form of conditions."""

    parameter: str
    member: str
    label: str
    hint: str = ""


TEXTS = (
    Condition("id", "workflowId", "workflowId"),
    Condition("begins", "workflowIdBeginsWith", "workflowId begins with"),
    Condition("contains", "workflowIdContains", "workflowId contains"),
    Condition("run", "runId", "runId"),
    Condition("parent", "parentWorkflowId", "workflowId of the parent"),
    Condition("parent-run", "parentRunId", "runId of the parent"),
    Condition("reason", "failureReasonContains", "reason or cause contains"),
    Condition("details", "failureDetailsContains", "details contain"),
)
TAGS = (
    Condition("tag", "tagsAll", "has all of these tags", "with commas between them"),
    Condition("any-tag", "tagsAny", "has one of these tags", "with commas between them"),
    Condition("no-tag", "tagsNone", "has none of these tags", "with commas between them"),
)
_MOMENT = "2h (ago) or 2026-11-29T08:30, in UTC"
MOMENTS = (
    Condition("started-after", "startedAfter", "started then or later", _MOMENT),
    Condition("started-before", "startedBefore", "started then or earlier", _MOMENT),
    Condition("closed-after", "closedAfter", "closed then or later", _MOMENT),
    Condition("closed-before", "closedBefore", "closed then or earlier", _MOMENT),
)
SPANS = (
    Condition("min-duration", "minimumDurationInSeconds", "took at least", "90s, 15m, 2h or 1d"),
    Condition("max-duration", "maximumDurationInSeconds", "took at most", "90s, 15m, 2h or 1d"),
)
NUMBERS = (
    Condition("min-events", "minimumEvents", "events at least"),
    Condition("max-events", "maximumEvents", "events at most"),
)
ANSWERS = (
    Condition("cancel-requested", "cancelRequested", "cancellation requested"),
    Condition("continued", "continued", "continues an earlier run"),
)
FIELDS = (*TEXTS, *TAGS, *MOMENTS, *SPANS, *NUMBERS)
LABELS = {
    "status": "status",
    "close": "closed so",
    "type": "workflow type",
    "version": "version of the type",
    "list": "started on the task list",
}
PARAMETERS = frozenset((*(field.parameter for field in (*FIELDS, *ANSWERS)), *LABELS))


def read(query: QueryParams, at: float) -> dict[str, Any]:
    """The filter that the query of a page holds; `at` in seconds. Refusal when a value cannot be read."""
    found: dict[str, Any] = {}
    if status := query.get("status"):
        found["executionStatus"] = status
    if closes := [value for value in query.getlist("close") if value]:
        found["closeStatuses"] = closes
    if name := query.get("type"):
        version = query.get("version")
        found["workflowType"] = {"name": name} | ({"version": version} if version else {})
    if name := query.get("list"):
        found["taskList"] = {"name": name}
    for parameter, member, *_ in TEXTS:
        if value := query.get(parameter):
            found[member] = value
    for parameter, member, *_ in TAGS:
        if tags := [
            tag.strip() for value in query.getlist(parameter) for tag in value.split(",") if tag.strip()
        ]:
            found[member] = tags
    for field in MOMENTS:
        if value := query.get(field.parameter):
            found[field.member] = _moment(field, value, at)
    for field in SPANS:
        if value := query.get(field.parameter):
            found[field.member] = _span(field, value)
    for field in NUMBERS:
        if value := query.get(field.parameter):
            found[field.member] = _whole(field, value)
    for parameter, member, *_ in ANSWERS:
        if value := query.get(parameter):
            found[member] = value == "yes"
    return found


def text_of(query: QueryParams, **further: object) -> str:
    """The conditions of a query, and what is given further, as the query of another address."""
    kept = [(name, value) for name, value in query.multi_items() if name in PARAMETERS and value]
    return urlencode([*kept, *further.items()])


def given(query: QueryParams) -> list[tuple[str, str, str]]:
    """Of each condition of a query: its label, its value, its parameter."""
    labels = {field.parameter: field.label for field in (*FIELDS, *ANSWERS)} | LABELS
    return [
        (labels[name], value, name) for name, value in query.multi_items() if name in PARAMETERS and value
    ]


def moment(text: str | None, otherwise: float) -> float:
    """The moment, in seconds, that a parameter made by a page holds in milliseconds; another one when it holds none."""
    if text and text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS:
        return int(text) / 1000
    return otherwise


def without_status(filter: Mapping[str, Any]) -> dict[str, Any]:
    """The same for runs of every status: what the counts above the table are about."""
    return {name: value for name, value in filter.items() if name not in ("executionStatus", "closeStatuses")}


def only_closed(filter: Mapping[str, Any]) -> bool:
    """Whether no open run can match."""
    return filter.get("executionStatus") == "CLOSED" or bool(
        filter.keys() & {"closeStatuses", "closedAfter", "closedBefore"}
    )


def _moment(field: Condition, given: str, at: float) -> float:
    # `Z` is what Python reads as UTC; a date alone is its midnight.
    is_plain = (
        read_span(given) is None and not _has_offset(given) and not given.replace(".", "", 1).isdecimal()
    )
    found = read_moment(
        f"{given}T00:00Z" if is_plain and len(given) == 10 else f"{given}Z" if is_plain else given, at
    )
    if found is None:
        raise _unreadable(field, given, f"a moment, such as {_MOMENT}")
    return found


def _has_offset(given: str) -> bool:
    clock = given[10:]  # behind the date
    return "+" in clock or "-" in clock or clock.endswith(("Z", "z"))


def _span(field: Condition, given: str) -> int:
    found = float(given) if given.isascii() and given.isdecimal() else read_span(given)
    if found is None or found > MAX_WHOLE:
        raise _unreadable(field, given, "a span of time, such as 90s, 15m, 2h or 1d")
    return round(found)


def _whole(field: Condition, given: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) <= 10 and int(given) <= MAX_WHOLE):
        raise _unreadable(field, given, "a whole number")
    return int(given)


def _unreadable(field: Condition, given: str, wanted: str) -> Refusal:
    return Refusal(400, "A condition cannot be read", f"“{field.label}”: {given[:100]!r} is not {wanted}.")
