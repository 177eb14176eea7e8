"""A decision context for one execution: a type with all defaults, small limits, runIds made by counting."""

from __future__ import annotations

from base64 import b64encode

from workflowsvc.core import workflow
from workflowsvc.core.decision_context import ActivityTypeRecord, WorkflowTypeRecord
from workflowsvc.core.execution import Execution
from workflowsvc.model import shapes
from workflowsvc.settings import Limits

LIMITS = Limits(max_events=200, max_open_activities=5, max_open_timers=5, max_open_children=5)
LONGEST_MS = LIMITS.max_execution_seconds * 1000
LIST = shapes.TaskList(name="l")
TYPE = shapes.WorkflowType(name="t", version="1")


class SmallWorld:
    """A `workflowsvc.core.decision_context.DecisionContext`."""

    limits = LIMITS

    def __init__(self, *, permitted: bool = True, admitted: bool = True) -> None:
        self._permitted = permitted
        self._admitted = admitted
        self._runs = 0

    def workflow_type(self, name: str, version: str) -> WorkflowTypeRecord | None:
        defaults = shapes.WorkflowTypeConfiguration(
            default_child_policy="TERMINATE",
            default_execution_start_to_close_timeout="100",
            default_task_list=LIST,
            default_task_start_to_close_timeout="10",
        )
        return WorkflowTypeRecord(False, defaults) if name == "t" else None

    def activity_type(self, name: str, version: str) -> ActivityTypeRecord | None:
        defaults = shapes.ActivityTypeConfiguration(
            default_task_heartbeat_timeout="5",
            default_task_list=LIST,
            default_task_schedule_to_close_timeout="30",
            default_task_schedule_to_start_timeout="10",
            default_task_start_to_close_timeout="20",
        )
        return ActivityTypeRecord(False, defaults) if name == "t" else None

    def open_executions(self) -> int:
        return 1

    def new_run_id(self) -> str:
        self._runs += 1
        return "22" + b64encode(self._runs.to_bytes(32, "big")).decode()

    def permits(self, decision_type: str, attributes: object) -> bool:
        return self._permitted

    def admits(self, decision_type: str, task_list: str | None = None) -> bool:
        return self._admitted


def begun(at_ms: int = 1_000) -> Execution:
    """A run with events 1 and 2."""
    execution = Execution(
        run=1, run_id=SmallWorld().new_run_id(), domain=1, workflow_id="w", longest_ms=LONGEST_MS
    )
    workflow.start(
        execution,
        at_ms,
        shapes.WorkflowExecutionStartedEventAttributes(
            child_policy="TERMINATE",
            execution_start_to_close_timeout="100",
            parent_initiated_event_id=0,
            task_list=LIST,
            task_start_to_close_timeout="10",
            workflow_type=TYPE,
        ),
    )
    execution.settle(at_ms, max_events=LIMITS.max_events)
    return execution
