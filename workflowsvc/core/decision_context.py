"""What the rules of decisions may ask about everything outside one execution: types, quotas, rates, permissions.

Owns the `DecisionContext` protocol and the records that it returns. `service/decision_context.py` implements it, and so
do tests.
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
    """Its answers do not change while a list of decisions is carried out."""

    @property
    def limits(self) -> Limits: ...

    def workflow_type(self, name: str, version: str) -> WorkflowTypeRecord | None:
        """None when the type was never registered in this domain, or was deleted."""
        ...

    def activity_type(self, name: str, version: str) -> ActivityTypeRecord | None: ...

    def open_executions(self) -> int:
        """Open runs in this domain, children included."""
        ...

    def new_run_id(self) -> str:
        """A fresh runId for the workflowId of this execution."""
        ...

    def permits(self, decision_type: str, attributes: object) -> bool:
        """False: the decision fails with OPERATION_NOT_PERMITTED (SWF §13.3)."""
        ...

    def admits(self, decision_type: str, task_list: str | None = None) -> bool:
        """False: the rate bucket of the decision, or of the task list it would fill, is empty (SWF §12.1, §12.3)."""
        ...
