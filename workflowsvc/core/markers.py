"""Markers: annotations in the history, nothing more (reference 5.8, 8.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.rules import applies, decides
from workflowsvc.model.shapes import MarkerRecordedEventAttributes, RecordMarkerDecisionAttributes

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution


@applies("MarkerRecorded", "RecordMarkerFailed")
def _recorded(_: Execution, __: int, ___: int, ____: object) -> None:
    """A marker changes nothing."""


@decides("RecordMarker")
def _record(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: RecordMarkerDecisionAttributes,
    _: DecisionContext,
) -> str | None:
    execution.record(
        at_ms,
        MarkerRecordedEventAttributes(
            decision_task_completed_event_id=completed_id,
            details=attributes.details,
            marker_name=attributes.marker_name,
        ),
    )
    return None
