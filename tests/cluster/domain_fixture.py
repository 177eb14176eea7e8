"""A domain with its types on several nodes, and short forms of the calls of a decider and a worker on a given node."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

from tests.cluster.nodes import Node
from tests.support.peer import Peer, Refused
from workflowsvc.lint import lint_history

WORKFLOW = {"name": "workflow", "version": "1"}
ACTIVITY = {"name": "activity", "version": "1"}
_numbers = itertools.count(1)


def decision(decision_type: str, **attributes: Any) -> dict[str, Any]:
    member = f"{decision_type[0].lower()}{decision_type[1:]}DecisionAttributes"
    return {"decisionType": decision_type, member: attributes}


COMPLETE = decision("CompleteWorkflowExecution", result="done")


class DomainFixture:
    """A new domain; its default task lists have its name."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.domain = f"domain{next(_numbers)}"
        self.task_list = {"name": self.domain}
        self.call(0, "RegisterDomain", name=self.domain, workflowExecutionRetentionPeriodInDays="1")
        self.ask(
            0,
            "RegisterWorkflowType",
            **WORKFLOW,
            defaultTaskList=self.task_list,
            defaultTaskStartToCloseTimeout="60",
            defaultExecutionStartToCloseTimeout="600",
            defaultChildPolicy="TERMINATE",
        )
        self.ask(
            0,
            "RegisterActivityType",
            **ACTIVITY,
            defaultTaskList=self.task_list,
            defaultTaskHeartbeatTimeout="NONE",
            defaultTaskScheduleToStartTimeout="NONE",
            defaultTaskScheduleToCloseTimeout="NONE",
            defaultTaskStartToCloseTimeout="60",
        )

    def peer(self, node: int) -> Peer:
        return Peer(self.nodes[node % len(self.nodes)].port)

    def call(self, node: int, action: str, /, **members: Any) -> Any:
        with self.peer(node) as peer:
            return peer.call(action, **members)

    def ask(self, node: int, action: str, /, **members: Any) -> Any:
        """A call with this domain as its member `domain`."""
        return self.call(node, action, domain=self.domain, **members)

    def start(self, node: int, workflow_id: str, **members: Any) -> dict[str, str]:
        """The new execution: workflowId and runId."""
        run = self.ask(
            node, "StartWorkflowExecution", workflowId=workflow_id, workflowType=WORKFLOW, **members
        )
        return {"workflowId": workflow_id, "runId": run["runId"]}

    def decision_task(self, node: int) -> dict[str, Any]:
        return self.ask(node, "PollForDecisionTask", taskList=self.task_list)

    def activity_task(self, node: int) -> dict[str, Any]:
        return self.ask(node, "PollForActivityTask", taskList=self.task_list)

    def woken(self, poller: int, starter: int) -> tuple[dict[str, Any], float]:
        """The task that a waiting poll on node `poller` gets when an execution starts on node `starter`, and the
        seconds from the acknowledgement of the start to the answer of the poll.
        """
        with self.peer(poller) as peer:
            peer.send("PollForDecisionTask", {"domain": self.domain, "taskList": self.task_list})
            # A node handles calls in the order in which they arrive: when this one is answered, the poll waits.
            try:
                self.ask(poller, "TerminateWorkflowExecution", workflowId="unknown")
            except Refused as refused:
                if str(refused) != "UnknownResourceFault":
                    raise
            execution = self.start(starter, f"w{time.time_ns()}")
            began = time.monotonic()
            task = peer.answer()
            assert task.get("workflowExecution") == execution, task
            return task, time.monotonic() - began

    def decide(self, node: int, task: dict[str, Any], *decisions: dict[str, Any]) -> None:
        self.call(
            node, "RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions)
        )

    def history(self, node: int, execution: dict[str, str]) -> list[dict[str, Any]]:
        """All events of the execution; fails when the linter finds something."""
        events: list[dict[str, Any]] = []
        page: dict[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            token = page["nextPageToken"]
            page = self.ask(node, "GetWorkflowExecutionHistory", execution=execution, nextPageToken=token)
            events += page["events"]
        described = self.ask(node, "DescribeWorkflowExecution", execution=execution)
        findings = lint_history(events, execution=described)
        assert not findings, "\n".join(map(str, (*findings, *events)))
        return events

    def types(self, node: int, execution: dict[str, str]) -> list[str]:
        return [event["eventType"] for event in self.history(node, execution)]
