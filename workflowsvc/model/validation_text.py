"""The text of a ValidationException, in AWS's words (SWF §3.2).

Owns the grammar of that text: how a value, a path and a broken constraint are written, and how many are listed. Must
not know how a violation is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import cast

from workflowsvc.faults import ValidationException

# AWS lists every violation. A hostile megabyte of `{},` would make a text of 100 MB, so the list ends where no
# honest request gets: at 100 decisions, the most that known clients send (SWF §4.6), with 10 violations each.
MAX_VIOLATIONS = 1000

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


def violation(value: object, path: str, constraint: str) -> str:
    """One item of the text; None stands for a missing member."""
    shown = "null" if value is None else f"'{_spelt(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


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


def refusal(violations: Iterable[str]) -> ValidationException | None:
    """The fault that names the violations, None if there are none."""
    items = list(islice(violations, MAX_VIOLATIONS))
    if not items:
        return None
    plural = "s" if len(items) > 1 else ""
    return ValidationException(f"{len(items)} validation error{plural} detected: {'; '.join(items)}")
