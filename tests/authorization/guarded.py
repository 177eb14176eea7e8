"""A World with access control, an administrator who may do everything, and a domain `d` with types and tags.

Owns the short forms of calls by this and that user. What a user may do is the test's.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from tests.support.access import TENANT, Statement, Users, allow
from tests.world_fixture import ACTIVITY, WORKFLOW
from workflowsvc.access.caller import Caller
from workflowsvc.clock import ManualClock
from workflowsvc.faults import AccessDeniedException
from workflowsvc.store.interface import Store
from workflowsvc.testing import PendingAnswer, World

D = TENANT.domain_arn("d")
LIST = {"name": "list"}


class Guarded:
    """The World, its users, and the administrator."""

    def __init__(self, *, enforces: bool = True, store: Store | None = None) -> None:
        self.clock = ManualClock()
        self.users = Users()
        self.authorization = self.users.authorization(self.clock, enforces=enforces)
        self.world = World(store=store, clock=self.clock, authorization=self.authorization)
        self.admin = self.users.add("admin", allow("swf:*", "workflowsvc:*"))
        self.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="10")
        self.call("TagResource", resourceArn=D, tags=[{"key": "Team", "value": "orders"}])
        self.call(
            "RegisterWorkflowType",
            domain="d",
            **WORKFLOW,
            defaultTaskList=LIST,
            defaultChildPolicy="TERMINATE",
            defaultTaskStartToCloseTimeout="NONE",
            defaultExecutionStartToCloseTimeout="86400",
        )
        never = {
            f"defaultTask{name}Timeout": "NONE"
            for name in ("ScheduleToStart", "ScheduleToClose", "StartToClose", "Heartbeat")
        }
        self.call("RegisterActivityType", domain="d", **ACTIVITY, **never, defaultTaskList=LIST)

    def call(self, operation: str, /, caller: Caller | None = None, **members: Any) -> Any:
        """By the administrator, unless another caller is given."""
        return self.world.call(operation, caller or self.admin, **members)

    def poll(self, operation: str, caller: Caller) -> PendingAnswer:
        """One that waits on `list` of domain `d`."""
        return self.world.poll(operation, caller, domain="d", taskList=LIST)

    def user(self, *statements: Statement, name: str = "ann", **key: Any) -> Caller:
        return self.users.add(name, *statements, **key)

    def denied(self, operation: str, caller: Caller, /, **members: Any) -> str:
        """The text of the refusal."""
        with pytest.raises(AccessDeniedException) as caught:
            self.call(operation, caller, **members)
        assert caught.value.message is not None
        return caught.value.message

    def start(self, workflow_id: str = "w", **members: Any) -> dict[str, str]:
        """The new run."""
        run = self.call(
            "StartWorkflowExecution", domain="d", workflowId=workflow_id, workflowType=WORKFLOW, **members
        )
        return {"workflowId": workflow_id, "runId": run["runId"]}

    def decision_task(self, caller: Caller | None = None) -> Any:
        return self.call("PollForDecisionTask", caller, domain="d", taskList=LIST)

    def decide(self, task: Any, *decisions: Any, caller: Caller | None = None) -> None:
        self.call(
            "RespondDecisionTaskCompleted", caller, taskToken=task["taskToken"], decisions=list(decisions)
        )

    def history(self, execution: dict[str, str]) -> list[dict[str, Any]]:
        return self.call("GetWorkflowExecutionHistory", domain="d", execution=execution)["events"]


def audit_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the audit trail has logged since the last look."""
    lines = [
        json.loads(record.getMessage())
        for record in caplog.records
        if record.name == "workflowsvc.access" and record.levelno == logging.WARNING
    ]
    caplog.clear()
    return lines
