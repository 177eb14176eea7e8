"""A service in which the least legal request of every action is carried out: everything that it names exists.

Owns what must be put into such a request (`tests.wire.swf_model.example`, in which every text is "1"): names that are
still free, tokens, runs. One constraint away from it, a request that is not refused leaves a trace.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.conformance.fixtures import ARN, ME, store_of
from tests.wire import swf_model
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing.scenarios.service import Service

ONE = {"name": "1", "version": "1"}
LIST = {"name": "1"}
RUN = {"execution": {"workflowId": "1", "runId": "$run"}}

PUT_IN: dict[str, dict[str, Any]] = {
    "RegisterDomain": {"name": "2"},
    "RegisterWorkflowType": {"version": "2"},
    "RegisterActivityType": {"version": "2"},
    "UndeprecateDomain": {"name": "old"},
    "StartWorkflowExecution": {"workflowId": "2"},
    "DescribeWorkflowExecution": RUN,
    "GetWorkflowExecutionHistory": RUN,
    "RespondDecisionTaskCompleted": {"taskToken": "$decision"},
    **{name: {"resourceArn": ARN + "1"} for name in ("TagResource", "UntagResource", "ListTagsForResource")},
    **{
        f"{verb}{kind}Type": {f"{kind.lower()}Type": {"name": "1", "version": "old"}}
        for verb in ("Undeprecate", "Delete")
        for kind in ("Workflow", "Activity")
    },
    **{
        name: {"taskToken": "$activity"}
        for name in swf_model.OPERATIONS
        if name.startswith("RespondActivity") or name == "RecordActivityTaskHeartbeat"
    },
}
ACTIVITY_TIMEOUTS = [
    "defaultTaskHeartbeatTimeout",
    "defaultTaskScheduleToCloseTimeout",
    "defaultTaskScheduleToStartTimeout",
]


class Ready:
    """One such service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.names: dict[str, str] = {}
        self._register()
        run = self.call("StartWorkflowExecution", domain="1", workflowId="1", workflowType=ONE)
        self.names["$run"] = run["runId"]
        self._decide()
        self.names["$activity"] = self._poll("Activity")
        self.call("SignalWorkflowExecution", domain="1", workflowId="1", signalName="s")
        self.names["$decision"] = self._poll("Decision")
        self.call("StartWorkflowExecution", domain="1", workflowId="waits", workflowType=ONE)

    @property
    def store(self) -> SqliteStore:
        return store_of(self.service)

    def call(self, operation: str, **members: Any) -> Any:
        return self.service.call(operation, ME, members)

    def request(
        self, operation: str, request: dict[str, Any] | None = None, path: str = ""
    ) -> dict[str, Any]:
        """The least legal request, or this one, with what is needed to carry it out; what is at `path` stays."""
        if request is None:
            request = swf_model.legal(operation, swf_model.example(swf_model.input_of(operation)))
        made = copy.deepcopy(request)
        for name, value in PUT_IN.get(operation, {}).items():
            if path.partition(".")[0] != name:
                made[name] = value
        text = json.dumps(made)
        for name, value in self.names.items():
            text = text.replace(f'"{name}"', json.dumps(value))
        return json.loads(text)

    def _register(self) -> None:
        for name in ("1", "old"):
            self.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="1")
        self.call("TagResource", resourceArn=ARN + "1", tags=[{"key": "1", "value": "x"}])
        self.call("DeprecateDomain", name="old")
        settings: dict[str, Any] = {
            "Workflow": {"defaultChildPolicy": "TERMINATE", "defaultExecutionStartToCloseTimeout": "86400"},
            "Activity": dict.fromkeys(ACTIVITY_TIMEOUTS, "NONE"),
        }
        for kind, defaults in settings.items():
            defaults |= {"defaultTaskList": LIST, "defaultTaskStartToCloseTimeout": "NONE"}
            for version in ("1", "old"):
                self.call(f"Register{kind}Type", domain="1", name="1", version=version, **defaults)
            old = {f"{kind.lower()}Type": {"name": "1", "version": "old"}}
            self.call(f"Deprecate{kind}Type", domain="1", **old)

    def _decide(self) -> None:
        """One activity to be worked on, one that waits."""
        decisions = [
            {
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {"activityId": activity, "activityType": ONE},
            }
            for activity in ("a", "b")
        ]
        self.call("RespondDecisionTaskCompleted", taskToken=self._poll("Decision"), decisions=decisions)

    def _poll(self, kind: str) -> str:
        return self.call(f"PollFor{kind}Task", domain="1", taskList=LIST)["taskToken"]
