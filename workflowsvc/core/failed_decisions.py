"""Decisions that failed, counted by type and cause: a decider that repeats its mistake is seen.

Owns the count. It changes nothing of what a run does: the `...Failed` events wake the decider, which may read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workflowsvc.core.rules import applies
from workflowsvc.core.state import Failures
from workflowsvc.model.shapes import EVENT_TYPE_OF

if TYPE_CHECKING:
    from workflowsvc.core.execution import Execution


def counts_failures(*event_types: str) -> None:
    """Registers the events of failed decisions that change nothing but the count."""
    applies(*event_types)(count_failure)


def count_failure(execution: Execution, event_id: int, at_ms: int, attributes: Any) -> None:
    """One more decision of this type has failed with this cause."""
    key = (EVENT_TYPE_OF[type(attributes)], attributes.cause)
    known = execution.failures.get(key)
    subject = _subject(attributes)
    execution.failures[key] = (
        Failures(1, event_id, at_ms, event_id, at_ms, subject)
        if known is None
        else known._replace(times=known.times + 1, last_id=event_id, last_at=at_ms, subject=subject)
    )


_SUBJECTS = (
    "activity_type",
    "workflow_type",
    "timer_id",
    "activity_id",
    "workflow_id",
    "marker_name",
    "name",
)
"""The members that say what a failed decision was about, the most telling first."""


def _subject(attributes: Any) -> str:
    for member in _SUBJECTS:
        value = getattr(attributes, member, None)
        if value is not None:
            return value if isinstance(value, str) else f"{value.name} {value.version}"
    return ""
