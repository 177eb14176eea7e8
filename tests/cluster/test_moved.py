"""An installation that is moved with work under way continues: from SQLite to PostgreSQL, and back.

Everything that clients hold is used afterwards: task tokens, page tokens, runIds, and the order of waiting tasks.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import Run
from tests.cluster.domain_fixture import ACTIVITY, COMPLETE, WORKFLOW, DomainFixture, decision
from tests.cluster.nodes import Node
from tests.postgres.places import new_place
from tests.support.peer import Refused

# Longer than all calls of WorkInHand take, also on a busy machine.
TIMER = decision("StartTimer", timerId="t", startToFireTimeout="6")
LIST = {"maximumPageSize": 2, "startTimeFilter": {"oldestDate": 0}}
IN_ORDER = ("urgent", "first", "second")


def workflowsvc(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "workflowsvc", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class WorkInHand:
    """What clients hold when the installation is moved."""

    def __init__(self, on: DomainFixture) -> None:
        self.working = on.start(0, "working", tagList=["red", "blue"])
        self.domain = on.domain
        on.decide(
            0,
            on.decision_task(0),
            decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY),
            TIMER,
        )
        self.activity: str = on.activity_task(0)["taskToken"]
        on.call(0, "RecordActivityTaskHeartbeat", taskToken=self.activity, details="half")
        self.parent = on.start(0, "parent")
        child = decision(
            "StartChildWorkflowExecution",
            workflowId="child",
            workflowType=WORKFLOW,
            taskList={"name": "children"},
        )
        on.decide(0, on.decision_task(0), child)
        on.decide(0, on.decision_task(0))  # the task with ChildWorkflowExecutionStarted
        self.thinking = on.start(0, "thinking")
        self.decision: str = on.decision_task(0)["taskToken"]
        on.ask(0, "SignalWorkflowExecution", workflowId="thinking", signalName="news")
        self.closed = on.start(0, "closed", tagList=["red"])
        on.decide(0, on.decision_task(0), COMPLETE)
        for name, priority in (("first", "0"), ("second", "0"), ("urgent", "5")):
            on.start(0, name, taskList={"name": "queue"}, taskPriority=priority)
        self.page: dict[str, Any] = on.ask(0, "ListOpenWorkflowExecutions", **LIST)

    def go_on(self, on: DomainFixture) -> None:
        """Finishes all of it; each call goes to another node, where there are several."""
        following = on.ask(0, "ListOpenWorkflowExecutions", **LIST, nextPageToken=self.page["nextPageToken"])
        shown = [
            info["execution"]["workflowId"]
            for page in (self.page, following)
            for info in page["executionInfos"]
        ]
        assert len(set(shown)) == 4
        assert self._tagged(on) == ["working"]
        assert on.types(1, self.closed)[-1] == "WorkflowExecutionCompleted"
        with pytest.raises(Refused, match="AlreadyStarted"):
            on.start(0, "working")
        with pytest.raises(Refused, match="TypeAlreadyExists"):
            on.ask(1, "RegisterActivityType", **ACTIVITY)
        waiting = [on.ask(n, "PollForDecisionTask", taskList={"name": "queue"}) for n in range(3)]
        assert [task["workflowExecution"]["workflowId"] for task in waiting] == [*IN_ORDER]

        on.call(1, "RecordActivityTaskHeartbeat", taskToken=self.activity, details="most")
        on.call(0, "RespondActivityTaskCompleted", taskToken=self.activity, result="whole")
        on.call(1, "RespondDecisionTaskCompleted", taskToken=self.decision, decisions=[])
        children = on.ask(0, "PollForDecisionTask", taskList={"name": "children"})
        on.decide(1, children, COMPLETE)
        completed: set[str] = set()
        for number in range(10):  # the timer fires when its time has come
            task = on.decision_task(number)
            happened = {event["eventType"] for event in task["events"]}
            workflow_id = task["workflowExecution"]["workflowId"]
            done = {
                "working": {"ActivityTaskCompleted", "TimerFired"},
                "parent": {"ChildWorkflowExecutionCompleted"},
                "thinking": {"WorkflowExecutionSignaled"},
            }[workflow_id] <= happened
            on.decide(number + 1, task, *([COMPLETE] if done else []))
            completed |= {workflow_id} if done else set()
            if len(completed) == 3:
                break
        for execution in (self.working, self.parent, self.thinking):
            assert on.types(0, execution)[-1] == "WorkflowExecutionCompleted"
        on.start(1, "working")  # a new run of a workflowId that is free again

    def _tagged(self, on: DomainFixture) -> list[str]:
        found = on.ask(1, "ListOpenWorkflowExecutions", **LIST | {"tagFilter": {"tag": "blue"}})
        return [info["execution"]["workflowId"] for info in found["executionInfos"]]


def moved(on: DomainFixture, nodes: list[Node]) -> DomainFixture:
    """The same domain on other nodes."""
    again = object.__new__(DomainFixture)
    again.nodes, again.domain, again.task_list = nodes, on.domain, on.task_list
    return again


def end(loop: asyncio.Runner, *nodes: Node, kill: bool = False) -> None:
    for node in nodes:
        loop.run(node.kill() if kill else node.stop())


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_from_sqlite_to_postgresql(
    start_nodes: Run, loop: asyncio.Runner, tmp_path: Path, kill: bool
) -> None:
    file, database = f"sqlite:{tmp_path / 'w.db'}", new_place().dsn
    nodes = start_nodes("", dsn=file)
    on = DomainFixture(nodes)
    held = WorkInHand(on)
    end(loop, *nodes, kill=kill)
    assert "are audited and the same" in workflowsvc("copy", "--from", file, "--to", database)
    nodes = start_nodes("", "", dsn=database)
    held.go_on(moved(on, nodes))
    end(loop, *nodes)
    assert "Nothing is wrong" in workflowsvc("fsck", "--store", database)


def test_from_postgresql_to_sqlite(start_nodes: Run, loop: asyncio.Runner, tmp_path: Path) -> None:
    file, database = f"sqlite:{tmp_path / 'w.db'}", new_place().dsn
    nodes = start_nodes("", "", dsn=database)
    on = DomainFixture(nodes)
    held = WorkInHand(on)
    end(loop, *nodes)
    # Other tests of this run have stores in other schemas of the database.
    workflowsvc("copy", "--from", database, "--to", file, "--source-is-stopped")
    nodes = start_nodes("", dsn=file)
    held.go_on(moved(on, nodes))
    end(loop, *nodes)
    assert "Nothing is wrong" in workflowsvc("fsck", "--store", file)
