"""What a call of the command line comes to, and a decider and worker in a few words for the runs it is asked about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from workflowsvc.commands import Command

Answer = tuple[int, str, str]  # status, content type, body


class Outcome(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Standard output of --json: one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shop:
    """Runs in one domain, driven by hand through boto3."""

    def __init__(self, client: Any, domain: str) -> None:
        self.client = client
        self.domain = domain

    def start(self, workflow_id: str, **members: Any) -> str:
        """Starts a run of `order:1`; its runId."""
        started = self.client.start_workflow_execution(
            domain=self.domain,
            workflowId=workflow_id,
            workflowType={"name": "order", "version": "1"},
            **members,
        )
        return str(started["runId"])

    def decide(self, *decisions: dict[str, Any]) -> None:
        """Answers the next decision task."""
        task = self.client.poll_for_decision_task(
            domain=self.domain, taskList={"name": "deciders"}, identity="decider-1"
        )
        self.client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=list(decisions))

    def poll_activity(self) -> str:
        """Takes the next activity task; its token."""
        task = self.client.poll_for_activity_task(
            domain=self.domain, taskList={"name": "workers"}, identity="worker-7"
        )
        return str(task["taskToken"])

    def complete(self, workflow_id: str) -> str:
        """A run that has completed; its runId."""
        run_id = self.start(workflow_id)
        self.decide(COMPLETE)
        return run_id


def decision(kind: str, **attributes: Any) -> dict[str, Any]:
    """A decision as boto3 takes it."""
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes}


def charge(activity_id: str) -> dict[str, Any]:
    """Schedules an activity of type `charge:1`."""
    return decision(
        "ScheduleActivityTask", activityId=activity_id, activityType={"name": "charge", "version": "1"}
    )


COMPLETE = decision("CompleteWorkflowExecution", result="done")


def asking(commands: Sequence[Command]) -> Sequence[Command]:
    """The commands that ask a server."""
    names = [command.name for command in commands]
    return commands[names.index("list") : names.index("completion")]
