"""Markers: annotations in the history, nothing more (SWF §5.8, §8.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.decisions import success
from workflowsvc.core.failed_decisions import counts_failures
from workflowsvc.core.rules import changes_nothing, decides
from workflowsvc.model.shapes import MarkerRecordedEventAttributes, RecordMarkerDecisionAttributes

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution


changes_nothing("MarkerRecorded")
counts_failures("RecordMarkerFailed")


@decides("RecordMarker")
def _record(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: RecordMarkerDecisionAttributes,
    _decision_context: DecisionContext,
) -> str | None:
    execution.record(at_ms, success(MarkerRecordedEventAttributes, attributes, completed_id))
    return None
