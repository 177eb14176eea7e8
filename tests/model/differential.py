"""The service and the naive model side by side: every call goes to both, and both must answer the same.

Owns the translation of names: the model numbers its runs, the service makes runIds. After each call the histories of
all runs are compared, event by event, with their times.
"""

from __future__ import annotations

import json
import os
from typing import Any

from tests.model.reference import Limits, Model, Refused, Run
from tests.scenario.audit import check_memory
from workflowsvc import settings
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault
from workflowsvc.fsck import Options, audit
from workflowsvc.store.interface import Store
from workflowsvc.testing import World

Members = dict[str, Any]

FULL = {
    "taskList": {"name": "left"},
    "childPolicy": "TERMINATE",
    "executionStartToCloseTimeout": "600",
    "taskStartToCloseTimeout": "30",
}
FULL_ACTIVITY = {
    "taskList": {"name": "left"},
    "scheduleToStartTimeout": "60",
    "scheduleToCloseTimeout": "200",
    "startToCloseTimeout": "100",
    "heartbeatTimeout": "10",
    "taskPriority": "1",
}
WORKFLOW_TYPES: dict[tuple[str, str], Members] = {
    ("full", "1"): FULL,
    ("full", "2"): FULL | {"childPolicy": "REQUEST_CANCEL", "taskPriority": "2"},
    ("bare", "1"): {},
}
ACTIVITY_TYPES: dict[tuple[str, str], Members] = {("full", "1"): FULL_ACTIVITY, ("bare", "1"): {}}


class Differential:
    """`decisions` and `work` are the tasks that were handed out: the service's token and the model's names for it."""

    def __init__(
        self, *, store: Store | None = None, limits: Limits | None = None, rule: str = "any-close"
    ) -> None:
        limits = limits or Limits()
        quotas = settings.Limits(
            max_open_activities=limits.activities,
            max_open_timers=limits.timers,
            max_open_children=limits.children,
        )
        self.world = World(
            store=store or _store(), settings=settings.Settings(quotas=quotas, child_policy_applies=rule)
        )
        self.world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="90")
        for kind, types in (("Workflow", WORKFLOW_TYPES), ("Activity", ACTIVITY_TYPES)):
            for (name, version), defaults in types.items():
                held = {_default(member, kind): value for member, value in defaults.items()}
                self.world.call(f"Register{kind}Type", domain="d", name=name, version=version, **held)
        self.model = Model(
            self.world.clock.now_ms(),
            WORKFLOW_TYPES,
            ACTIVITY_TYPES,
            limits,
            policy_on_any_close=rule == "any-close",
        )
        self.decisions: list[tuple[str, Run, Any]] = []
        self.work: list[tuple[str, Run, Any]] = []
        self._keys: list[int] = []
        self._run_ids: list[str] = []
        self._compared: dict[int, int] = {}
        self.calls = 0

    # --- calls ---

    def _both(self, expected: Any, operation: str, **members: Any) -> Any:
        """`expected` asks the model. The service's answer, when neither refuses."""
        self.calls += 1
        given = {name: value for name, value in members.items() if value is not None}
        wanted = found = answer = None
        try:
            expected()
        except Refused as error:
            wanted = str(error)
        try:
            answer = self.world.call(operation, **given)
        except Fault as fault:
            found = fault.code
        assert found == wanted, f"{operation} {given} is refused with {found}, expected {wanted}"
        self.compare()
        return answer

    def _actual(self, run_id: str | None) -> str | None:
        """The service's runId of a run of the model; a text that names none is returned unchanged."""
        if run_id and run_id.startswith("run "):
            return self._run_ids[int(run_id.removeprefix("run ")) - 1]
        return run_id

    def start(self, workflow_id: str, request: Members) -> None:
        self._both(
            lambda: self.model.start(workflow_id, request),
            "StartWorkflowExecution",
            domain="d",
            workflowId=workflow_id,
            **request,
        )

    def signal(self, workflow_id: str, run_id: str | None, input_: str | None) -> None:
        self._both(
            lambda: self.model.signal(workflow_id, run_id, "s", input_),
            "SignalWorkflowExecution",
            domain="d",
            workflowId=workflow_id,
            runId=self._actual(run_id),
            signalName="s",
            input=input_,
        )

    def request_cancel(self, workflow_id: str, run_id: str | None) -> None:
        self._both(
            lambda: self.model.request_cancel(workflow_id, run_id),
            "RequestCancelWorkflowExecution",
            domain="d",
            workflowId=workflow_id,
            runId=self._actual(run_id),
        )

    def terminate(self, workflow_id: str, run_id: str | None, policy: str | None) -> None:
        self._both(
            lambda: self.model.terminate(workflow_id, run_id, "r", policy),
            "TerminateWorkflowExecution",
            domain="d",
            workflowId=workflow_id,
            runId=self._actual(run_id),
            reason="r",
            childPolicy=policy,
        )

    def poll_decision(self, task_list: str) -> bool:
        """Whether there was a task."""
        expected: list[Any] = []
        answer = self._both(
            lambda: expected.append(self.model.poll_decision(task_list, "decider")),
            "PollForDecisionTask",
            domain="d",
            taskList={"name": task_list},
            identity="decider",
        )
        (task,) = expected
        if task is None:
            assert answer == {"startedEventId": 0, "previousStartedEventId": 0}, answer
            return False
        run, started, previous = task
        assert answer["startedEventId"] == started.id
        assert answer["previousStartedEventId"] == previous
        assert answer["workflowExecution"] == {
            "workflowId": run.workflow_id,
            "runId": self._actual(run.run_id),
        }
        events, page = answer["events"], answer
        while "nextPageToken" in page:
            token = page["nextPageToken"]
            page = self.world.call(
                "PollForDecisionTask", domain="d", taskList={"name": task_list}, nextPageToken=token
            )
            events += page["events"]
        assert self._translated(events) == _spelt(run)[: started.id]
        self.decisions.append((answer["taskToken"], run, started))
        return True

    def poll_activity(self, task_list: str) -> bool:
        """Whether there was a task."""
        expected: list[Any] = []
        answer = self._both(
            lambda: expected.append(self.model.poll_activity(task_list, None)),
            "PollForActivityTask",
            domain="d",
            taskList={"name": task_list},
        )
        (task,) = expected
        if task is None:
            assert answer == {"startedEventId": 0}, answer
            return False
        run, started = task
        scheduled = run.find(started.held["scheduledEventId"])
        assert answer["startedEventId"] == started.id
        assert answer["activityId"] == scheduled.held["activityId"]
        assert answer.get("input") == scheduled.held.get("input")
        self.work.append((answer["taskToken"], run, started))
        return True

    def decide(self, task: tuple[str, Run, Any], request: Members) -> None:
        """`decisions` in the request are pairs of a type and attributes, with run ids as the model has them."""
        token, run, started = task
        translated = [_decision(kind, self._named(held)) for kind, held in request["decisions"]]
        held = {name: request.get(name) for name in ("executionContext", "taskListScheduleToStartTimeout")}
        if request.get("taskList"):
            held["taskList"] = {"name": request["taskList"]}
        self._both(
            lambda: self.model.complete_decision(run, started, request),
            "RespondDecisionTaskCompleted",
            taskToken=token,
            decisions=translated,
            **held,
        )

    def _named(self, held: Members) -> Members:
        return held | {"runId": self._actual(held["runId"])} if "runId" in held else held

    def end_activity(self, task: tuple[str, Run, Any], end: str, **held: str | None) -> None:
        token, run, started = task
        self._both(
            lambda: self.model.end_activity(run, started, end, **held),
            f"RespondActivityTask{end}",
            taskToken=token,
            **held,
        )

    def heartbeat(self, task: tuple[str, Run, Any], details: str | None) -> None:
        token, run, started = task
        expected: list[bool] = []
        answer = self._both(
            lambda: expected.append(self.model.heartbeat(run, started, details)),
            "RecordActivityTaskHeartbeat",
            taskToken=token,
            details=details,
        )
        if expected:
            assert answer == {"cancelRequested": expected[0]}

    def advance(self, ms: int) -> None:
        self.model.advance(ms)
        self.world.advance(ms=ms)
        self.compare()

    def restart(self) -> None:
        """One millisecond later: across processes, positions on task lists have that resolution."""
        self.advance(1)
        self.world.restart()
        self.world.run()
        self.compare()

    # --- comparing ---

    def compare(self) -> None:
        """All histories that have grown on either side."""
        with self.world.store.reader() as reader:
            # Keys of new runs are in the order of their start, since one process made them.
            self._keys += [key for key in reader.runs(-1, 1_000_000) if key not in self._keys]
            keys = self._keys
            rows = reader.executions(keys)
            self._run_ids = [rows[key].run_id for key in keys]
            assert len(keys) == len(self.model.runs), "another number of runs"
            for run, key in zip(self.model.runs, keys, strict=True):
                row = rows[key]
                if self._compared.get(run.number) == row.next_event_id == len(run.events) + 1:
                    continue
                self._compared[run.number] = row.next_event_id
                bodies = reader.events(key, 1, row.next_event_id, row.next_event_id)
                found = self._translated([json.loads(body) for body in bodies])
                expected = _spelt(run)
                assert found == expected, _difference(found, expected)
                assert (row.closed_at is None) == run.is_open

    def _translated(self, events: list[Any]) -> list[Any]:
        """With the model's names for runs."""
        text = json.dumps(events)
        for number, run_id in enumerate(self._run_ids, 1):
            text = text.replace(run_id, f"run {number}")
        return json.loads(text)

    def audit(self) -> None:
        """Stored rows are those that the histories imply, histories are legal, lists and counts equal the model's."""
        with self.world.store.reader() as reader:
            found = list(audit(reader, Options(self.world.clock.now_ms(), quotas=self.world.settings.quotas)))
        assert not found, "\n".join(map(str, found))
        assert not self.world.state.quarantine.runs
        with self.world.store.transaction() as tx:
            check_memory(UnitOfWork(tx, self.world.clock.now_ms(), self.world.state), self.world.state)
        for kind in ("decision", "activity"):
            for name in ("left", "right"):
                operation = f"CountPending{kind.capitalize()}Tasks"
                answer = self.world.call(operation, domain="d", taskList={"name": name})
                assert answer["count"] == len(self.model.pending(kind, name)), (
                    f"pending {kind} tasks of {name}"
                )
        is_open = sum(run.is_open for run in self.model.runs)
        counted = self.world.call(
            "CountOpenWorkflowExecutions", domain="d", startTimeFilter={"oldestDate": 0}
        )
        assert counted["count"] == is_open
        for run in self.model.runs:
            self._compare_description(run)

    def _compare_description(self, run: Run) -> None:
        execution = {"workflowId": run.workflow_id, "runId": self._actual(run.run_id)}
        answer = self.world.call("DescribeWorkflowExecution", domain="d", execution=execution)
        assert answer["openCounts"] == {
            "openActivityTasks": len(run.activities()),
            "openChildWorkflowExecutions": len(run.children()),
            "openDecisionTasks": int(run.scheduled_decision() is not None),
            "openLambdaFunctions": len(run.lambdas()),
            "openTimers": len(run.timers()),
        }
        asked = run.is_open and bool(run.all("WorkflowExecutionCancelRequested"))
        assert answer["executionInfo"]["cancelRequested"] == asked
        completions = run.all("DecisionTaskCompleted")
        contexts = [
            event.held["executionContext"] for event in completions if "executionContext" in event.held
        ]
        assert answer.get("latestExecutionContext") == (contexts[-1] if contexts else None)


def _store() -> Store | None:
    """In memory, or where MODEL_STORE says."""
    if os.environ.get("MODEL_STORE") != "postgres":
        return None
    from tests.postgres.places import open_empty_store
    from tests.single_node_store import SingleNodeStore

    # With peers it would poll the store every second, which only takes time here.
    return SingleNodeStore(open_empty_store())


def _default(member: str, kind: str) -> str:
    """`taskList` -> `defaultTaskList`, `startToCloseTimeout` -> `defaultTaskStartToCloseTimeout`."""
    if kind == "Activity" and member.endswith("Timeout"):
        return "defaultTask" + member[0].upper() + member[1:]
    return "default" + member[0].upper() + member[1:]


def _decision(kind: str, held: Members) -> Members:
    return {"decisionType": kind, kind[0].lower() + kind[1:] + "DecisionAttributes": held}


def _spelt(run: Run) -> list[Members]:
    """The history as GetWorkflowExecutionHistory answers it."""
    return [
        {
            "eventId": event.id,
            "eventTimestamp": event.at / 1000,
            "eventType": event.type,
            event.type[0].lower() + event.type[1:] + "EventAttributes": event.held,
        }
        for event in run.events
    ]


def _difference(found: list[Members], expected: list[Members]) -> str:
    for place in range(max(len(found), len(expected))):
        mine = found[place] if place < len(found) else None
        its = expected[place] if place < len(expected) else None
        if mine != its:
            around = "\n".join(map(str, expected[max(place - 6, 0) : place]))
            return f"after\n{around}\nthe service has\n{mine}\nand the model\n{its}"
    return "the same"
