"""The text of a ValidationException, in AWS's words (SWF §3.2).

Owns the grammar of that text: how a value, a path and a broken constraint are written, and how many are listed; and the
text without any value, for the log. Must not know how a violation is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple, cast

from workflowsvc.faults import ValidationException

# AWS lists every violation. A hostile megabyte of `{},` would make a text of 100 MB, so the list ends where no
# honest request gets: at 100 decisions, the most that known clients send (SWF §4.6), with 10 violations each.
MAX_VIOLATIONS = 1000

MAX_LOGGED_VIOLATIONS = 3  # a log line is read by a person

NOT_NULL = "Member must not be null"
UNKNOWN = "Member must be one that its structure has"  # of our own API alone

# The orders of enum values observed in AWS's texts (SWF §3.2); other enums follow the model.
_OBSERVED_ORDERS = (
    (
        "CompleteWorkflowExecution",
        "StartTimer",
        "RequestCancelExternalWorkflowExecution",
        "SignalExternalWorkflowExecution",
        "CancelTimer",
        "RecordMarker",
        "ScheduleActivityTask",
        "ContinueAsNewWorkflowExecution",
        "ScheduleLambdaFunction",
        "FailWorkflowExecution",
        "RequestCancelActivityTask",
        "StartChildWorkflowExecution",
        "CancelWorkflowExecution",
    ),
    ("REGISTERED", "DEPRECATED"),
)
_order_of = {frozenset(order): order for order in _OBSERVED_ORDERS}


class Violation(NamedTuple):
    """One item of the text, and the same without the value, which may be data of the caller."""

    text: str
    without_value: str


def violation(value: object, path: str, constraint: str) -> Violation:
    """One item of the text; None stands for a missing member."""
    shown = "null" if value is None else f"'{_spelt(value)}'"
    broken = f"at '{path}' failed to satisfy constraint: {constraint}"
    return Violation(f"Value {shown} {broken}", f"Value {broken}")


def _spelt(value: object) -> str:
    """The value as Java prints it."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(_spelt, cast(list[object], value)))}]"
    return str(value)


def at_most_long(length: int) -> str:
    return f"Member must have length less than or equal to {length}"


def at_least_long(length: int) -> str:
    return f"Member must have length greater than or equal to {length}"


def at_most(value: int) -> str:
    return f"Member must have value less than or equal to {value}"


def at_least(value: int) -> str:
    return f"Member must have value greater than or equal to {value}"


def one_of(values: Iterable[str]) -> str:
    values = tuple(values)
    return f"Member must satisfy enum value set: [{', '.join(_order_of.get(frozenset(values), values))}]"


def each(constraints: Iterable[str]) -> str:
    """What all elements of a list must satisfy."""
    return f"Member must satisfy constraint: [{', '.join(constraints)}]"


def one_refusal(value: object, path: str, constraint: str) -> ValidationException:
    """The fault that names this violation alone."""
    refused = refusal([violation(value, path, constraint)])
    assert refused is not None
    return refused


def refusal(violations: Iterable[Violation]) -> ValidationException | None:
    """The fault that names the violations, None if there are none."""
    items = list(islice(violations, MAX_VIOLATIONS))
    if not items:
        return None
    counted = f"{len(items)} validation error{'s' if len(items) > 1 else ''} detected: "
    return ValidationException(
        counted + "; ".join(item.text for item in items),
        detail=counted + "; ".join(item.without_value for item in items[:MAX_LOGGED_VIOLATIONS]),
    )
