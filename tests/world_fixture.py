"""A service in this process with a domain, a workflow type and an activity type, and short forms of a decider's calls.

For tests that need many calls and look at few of them; behaviour that reads as a story belongs into `tests/histories`.
Every history that is read here is linted.
"""

from __future__ import annotations

from typing import Any

from workflowsvc import lint
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World
from workflowsvc.testing.scenarios.judge import lint_limits

ROLE = "arn:aws:iam::000000000000:role/swf"
WORKFLOW = {"name": "workflow", "version": "1"}
ACTIVITY = {"name": "activity", "version": "1"}
LIST = {"name": "list"}


def decision(decision_type: str, **attributes: Any) -> dict[str, Any]:
    """`decision("StartTimer", timerId="t", startToFireTimeout="9")`."""
    member = decision_type[0].lower() + decision_type[1:] + "DecisionAttributes"
    return {"decisionType": decision_type, member: attributes}


class WorldFixture:
    """One domain of one tenant in a World."""

    def __init__(self, world: World, *, tenant: Tenant | None = None, domain: str = "d") -> None:
        self.world = world
        self.tenant = tenant or Tenant()
        self.domain = domain
        self.call("RegisterDomain", name=domain, workflowExecutionRetentionPeriodInDays="10")
        self.ask(
            "RegisterWorkflowType",
            **WORKFLOW,
            defaultTaskList=LIST,
            defaultChildPolicy="TERMINATE",
            defaultTaskStartToCloseTimeout="NONE",
            defaultExecutionStartToCloseTimeout="86400",
        )
        self.ask(
            "RegisterActivityType",
            **ACTIVITY,
            defaultTaskList=LIST,
            defaultTaskScheduleToStartTimeout="NONE",
            defaultTaskScheduleToCloseTimeout="NONE",
            defaultTaskStartToCloseTimeout="NONE",
            defaultTaskHeartbeatTimeout="NONE",
        )

    def call(self, operation: str, /, **members: Any) -> Any:
        return self.world.call(operation, self.tenant, **members)

    def ask(self, operation: str, /, **members: Any) -> Any:
        """A call with this domain as its member `domain`."""
        return self.call(operation, domain=self.domain, **members)

    def start(self, workflow_id: str = "w", **members: Any) -> str:
        """The runId of a new execution."""
        members = {"workflowType": WORKFLOW} | members
        return self.ask("StartWorkflowExecution", workflowId=workflow_id, **members)["runId"]

    def next_task(self) -> dict[str, Any]:
        task = self.ask("PollForDecisionTask", taskList=LIST)
        assert "taskToken" in task, "there is no decision task"
        return task

    def decide(self, *decisions: dict[str, Any]) -> dict[str, Any]:
        """Answers the next decision task of the list; the task."""
        task = self.next_task()
        self.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions))
        return task

    def history(self, run_id: str, workflow_id: str = "w") -> list[dict[str, Any]]:
        """All events of a run; fails when the linter finds something."""
        named = {"workflowId": workflow_id, "runId": run_id}
        events: list[dict[str, Any]] = []
        page: dict[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            page = self.ask(
                "GetWorkflowExecutionHistory", execution=named, nextPageToken=page["nextPageToken"]
            )
            events += page["events"]
        findings = lint.lint_history(
            events,
            execution=self.ask("DescribeWorkflowExecution", execution=named),
            limits=lint_limits(self.world.settings.quotas),
        )
        assert not findings, "\n".join([*map(str, findings), *map(str, events)])
        return events

    def peek(self, run_id: str, workflow_id: str = "w") -> list[str]:
        """The types of the committed events; background work is not run first."""
        named = {"workflowId": workflow_id, "runId": run_id}
        answer = self.world.submit(
            "GetWorkflowExecutionHistory", self.tenant, domain=self.domain, execution=named
        )
        return [event["eventType"] for event in answer.result()["events"]]

    def types(self, run_id: str, workflow_id: str = "w") -> list[str]:
        return [event["eventType"] for event in self.history(run_id, workflow_id)]


def attributes(event: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an event of any type."""
    kind = event["eventType"]
    return event[kind[0].lower() + kind[1:] + "EventAttributes"]


def only(events: list[dict[str, Any]], event_type: str) -> dict[str, Any]:
    """The attributes of the one event of this type."""
    found = [attributes(event) for event in events if event["eventType"] == event_type]
    assert len(found) == 1, f"{len(found)} events of type {event_type}"
    return found[0]


def fill_every_table(world: World) -> None:
    """Leaves a row in every table of the store: a task of each kind, a heartbeat, a tag, a message that waits."""
    on = WorldFixture(world)
    on.call("WorkflowSvc.SetFeed", domain=on.domain, status="ON")
    on.start("working", tagList=["red"])
    signal = decision("SignalExternalWorkflowExecution", workflowId="working", signalName="s", input="i")
    activity = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY, heartbeatTimeout="600")
    on.decide(activity)
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="half")
    on.start("idle")
    on.start("sender", taskPriority="3")
    token = on.next_task()["taskToken"]
    world.submit("RespondDecisionTaskCompleted", on.tenant, taskToken=token, decisions=[signal])
    world.writer.step()
