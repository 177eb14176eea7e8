"""What the rules may ask about the world outside one execution.

Owns the `DecisionContext` protocol and the small records it answers with. Implemented by the engine's session,
and by tests.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from workflowsvc.model.shapes import ActivityTypeConfiguration, WorkflowTypeConfiguration
from workflowsvc.settings import Limits


class WorkflowTypeRecord(NamedTuple):
    deprecated: bool
    defaults: WorkflowTypeConfiguration


class ActivityTypeRecord(NamedTuple):
    deprecated: bool
    defaults: ActivityTypeConfiguration


class DecisionContext(Protocol):
    """Answers are read, never changed, while decisions are carried out."""

    @property
    def limits(self) -> Limits: ...

    def workflow_type(self, name: str, version: str) -> WorkflowTypeRecord | None:
        """None when it was never registered in this domain, or deleted."""
        ...

    def activity_type(self, name: str, version: str) -> ActivityTypeRecord | None: ...

    def open_executions(self) -> int:
        """Open runs in this domain, children included."""
        ...

    def new_run_id(self) -> str:
        """A fresh runId for the workflowId at hand."""
        ...

    def permits(self, decision_type: str, attributes: object) -> bool:
        """False: the decision fails with OPERATION_NOT_PERMITTED (reference 13.3)."""
        ...

    def admits(self, decision_type: str, task_list: str | None = None) -> bool:
        """False: the decision's bucket, or that of the task list it would fill, is empty (12.1, 12.3)."""
        ...
