"""A database with rows of every kind and messages of every kind under way, and the means to damage and dump it.

Runs are named by their workflowIds; each message that is under way belongs to a run of its own.
"""

from __future__ import annotations

from typing import Any

from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, decision
from workflowsvc.fsck import Options, Problem, audit
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

UNPOLLED = {"name": "unpolled"}  # a task list without pollers
TABLES = {  # with the columns that a repair must bring back
    "domains": "*",
    "types": "*",
    "executions": "*",
    "execution_tags": "*",
    "events": "run, event_id, body",
    "tasks": "run, scheduled_event_id, kind, domain, task_list, priority, ready",
    "heartbeats": "*",
    "messages": "run, kind, domain, body",
}


class FullDatabase:
    """`run` holds the key of the newest run of each workflowId."""

    def __init__(self, store: SqliteStore | None = None) -> None:
        self.store = store or SqliteStore(None)
        self.world = World(store=self.store, functions={"f": lambda event: event})
        self.on = WorldFixture(self.world)
        self._fill()
        self._send()
        self.run: dict[str, int] = dict(self.rows("select workflow_id, run from executions order by run"))

    def _fill(self) -> None:
        on = self.on
        on.call("WorkflowSvc.SetFeed", domain=on.domain, status="ON")
        on.start("idle", tagList=["red", "blue"], taskList=UNPOLLED, taskPriority="3")
        on.start("working", tagList=["red"])
        on.decide(*[_activity(f"a{n}", n) for n in range(3)], _timer())
        task = on.ask("PollForActivityTask", taskList=LIST)
        on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="half")
        on.start("behind")
        on.next_task()
        on.ask("SignalWorkflowExecution", workflowId="behind", signalName="s")
        on.start("closed", tagList=["blue", "blue"])
        on.decide(decision("CompleteWorkflowExecution", result="r"))
        on.start("asked")
        on.ask("RequestCancelWorkflowExecution", workflowId="asked")
        on.next_task()
        on.start("chain")
        on.decide(decision("ContinueAsNewWorkflowExecution", tagList=["red"]))
        on.next_task()

    def _send(self) -> None:
        """Messages of the first batch have been delivered once when those of the second are sent."""
        on = self.on
        for name, policy in (
            ("mother", "TERMINATE"),
            ("father", "REQUEST_CANCEL"),
            ("child ended", "ABANDON"),
        ):
            on.start(name, childPolicy=policy)
            on.decide(_child(f"child of {name}"))
            on.next_task()
        first = {
            "child born": _child("born"),
            "child taken": _child("idle"),
            "signal answered": _signal(),
            "cancel answered": _cancel(),
        }
        second = {
            "child unborn": _child("unborn"),
            "signal sent": _signal(),
            "cancel sent": _cancel(),
            "function": decision("ScheduleLambdaFunction", id="l", name="f"),
        }
        tokens: dict[str, str] = {}
        for name in first | second:
            on.start(name, lambdaRole=ROLE)
            tokens[name] = on.next_task()["taskToken"]
        for name, held in first.items():
            self._submit("RespondDecisionTaskCompleted", taskToken=tokens[name], decisions=[held])
        self.world.writer.step()
        for name, held in second.items():
            self._submit("RespondDecisionTaskCompleted", taskToken=tokens[name], decisions=[held])
        for name in ("mother", "father", "child of child ended"):
            self._submit("TerminateWorkflowExecution", domain="d", workflowId=name)
        self.world.writer.step()

    def _submit(self, operation: str, **members: Any) -> None:
        self.world.submit(operation, self.on.tenant, **members)

    # --- reading and damaging it ---

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.store._writer.execute(sql, parameters).fetchall()

    def damage(self, sql: str, *parameters: Any) -> None:
        """Runs the statement, which must change a row."""
        before = self.store._writer.total_changes()
        self.rows(sql, *parameters)
        assert self.store._writer.total_changes() > before, "nothing was damaged"

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table: sorted(self.rows(f"select {columns} from {table}"), key=repr)
            for table, columns in TABLES.items()
        }

    @property
    def options(self) -> Options:
        return Options(self.world.clock.now_ms())

    def audit(self) -> list[Problem]:
        with self.store.reader() as reader:
            return list(audit(reader, self.options))


def _activity(activity_id: str, priority: int) -> dict[str, Any]:
    held = {"activityId": activity_id, "activityType": ACTIVITY, "taskPriority": str(priority)}
    return decision("ScheduleActivityTask", **held, heartbeatTimeout="600")


def _timer() -> dict[str, Any]:
    return decision("StartTimer", timerId="t", startToFireTimeout="300")


def _child(workflow_id: str) -> dict[str, Any]:
    held = {"workflowId": workflow_id, "workflowType": WORKFLOW, "taskList": UNPOLLED}
    return decision("StartChildWorkflowExecution", **held, tagList=["red"])


def _signal() -> dict[str, Any]:
    return decision("SignalExternalWorkflowExecution", workflowId="working", signalName="s", input="i")


def _cancel() -> dict[str, Any]:
    return decision("RequestCancelExternalWorkflowExecution", workflowId="working")
