"""An independent judge of the answers that clients got: QUALITY §2.5.R1 to §2.5.R5, §2.5.S.

Owns the comparison of answers with the log of commits. It knows SWF's events and no rule of the service: it finds the
event of a call by a text that only this call has used.

R1 an acknowledged call is in the history exactly once, committed after it was sent and before it was answered
(which also orders the calls on one execution as they happened: R4). R2 no task is handed out twice. R3 a call
without an answer has been carried out once or not at all. R5 a refusal is true. S nothing of one tenant stands in an
answer to another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.sim.calls import Call, Clients, HeldTask
from tests.sim.decisions import EVENTS
from tests.sim.faulty import Log
from workflowsvc.core.run_ids import run_of
from workflowsvc.settings import Limits, Settings
from workflowsvc.tenant import Tenant

PAGE_SIZE = Settings().max_page_size  # items, as every simulation has it
_MARKER = re.compile(r"m-[0-9]+")

RecordedAt = tuple[int, int]
"""run and event id"""

RECORDED = {  # operation -> the event that it makes, the member that holds the call's own text
    "StartWorkflowExecution": ("WorkflowExecutionStarted", "input"),
    "SignalWorkflowExecution": ("WorkflowExecutionSignaled", "input"),
    "TerminateWorkflowExecution": ("WorkflowExecutionTerminated", "details"),
    "RespondDecisionTaskCompleted": ("DecisionTaskCompleted", "executionContext"),
    "RespondActivityTaskCompleted": ("ActivityTaskCompleted", "result"),
    "RespondActivityTaskFailed": ("ActivityTaskFailed", "details"),
    "RespondActivityTaskCanceled": ("ActivityTaskCanceled", "details"),
    "PollForDecisionTask": ("DecisionTaskStarted", "identity"),
    "PollForActivityTask": ("ActivityTaskStarted", "identity"),
}
MEMBERS = dict(RECORDED.values())
CLOSES = {
    "DecisionTaskCompleted",
    "DecisionTaskTimedOut",
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskCanceled",
    "ActivityTaskTimedOut",
}
CLOSING = {
    "WorkflowExecutionCompleted",
    "WorkflowExecutionFailed",
    "WorkflowExecutionTimedOut",
    "WorkflowExecutionCanceled",
    "WorkflowExecutionContinuedAsNew",
    "WorkflowExecutionTerminated",
}


def attributes(event: dict[str, Any]) -> dict[str, Any]:
    kind = event["eventType"]
    return event[kind[0].lower() + kind[1:] + "EventAttributes"]


class Auditor:
    """Sees every commit and every answer."""

    def __init__(self, log: Log, clients: Clients, quotas: Limits, now_ms: Callable[[], int]) -> None:
        self._log = log
        self._clients = clients
        self._quotas = quotas
        self._now_ms = now_ms
        self.one_clock = True
        self._heartbeats: dict[
            RecordedAt, tuple[int, str | None]
        ] = {}  # the last acknowledged one: when, and its details
        self.domains: dict[tuple[Tenant, str], int] = {}
        self.marked: dict[tuple[str, str], list[RecordedAt]] = {}
        self.closed: dict[int, int] = {}  # run -> the commit of its closing event
        self.closed_tasks: dict[RecordedAt, int] = {}  # the scheduled event -> the commit of the closing one
        self.invoked: dict[str, int] = {}
        self._lambdas: dict[str, RecordedAt] = {}  # by input
        self._started_lambdas: set[RecordedAt] = set()
        self._cancel_requests: dict[int, int] = {}
        self._tokens: set[str] = set()
        self._handed_out: set[RecordedAt] = set()
        self._unsure: set[RecordedAt] = set()  # activities of which some heartbeat has no answer
        self._owners: dict[str, Tenant] = {}
        self.acknowledged = 0
        log.on_event = self._on_event

    def _on_event(self, run: int, event: dict[str, Any]) -> None:
        kind, held, event_id = event["eventType"], attributes(event), event["eventId"]
        commit = self._log.commits
        of_a_call = not held.get("externalInitiatedEventId")
        if kind == "WorkflowExecutionStarted":
            of_a_call = "continuedExecutionRunId" not in held and not held.get("parentInitiatedEventId")
        if kind in MEMBERS and of_a_call:
            self.marked.setdefault((kind, held.get(MEMBERS[kind], "")), []).append((run, event_id))
        if kind in CLOSING:
            self.closed[run] = commit
        if kind in CLOSES:
            self.closed_tasks[run, held["scheduledEventId"]] = commit
        if kind == "ActivityTaskTimedOut":
            self._require_last_heartbeat(run, event)
        if kind == "LambdaFunctionScheduled" and "input" in held:
            self._lambdas[json.loads(held["input"])] = (run, event_id)
        if kind == "LambdaFunctionStarted":
            self._started_lambdas.add((run, held["scheduledEventId"]))
        if kind == "WorkflowExecutionCancelRequested" and of_a_call and "cause" not in held:
            self._cancel_requests[run] = self._cancel_requests.get(run, 0) + 1

    def _require_last_heartbeat(self, run: int, event: dict[str, Any]) -> None:
        """A4: no sooner than its time-out after the last heartbeat that was acknowledged, and with its details."""
        held = attributes(event)
        beat = self._heartbeats.get((run, held["scheduledEventId"]))
        if beat is None or (run, held["scheduledEventId"]) in self._unsure:
            return
        at_ms, details = beat
        assert held.get("details") == details, (
            f"A4: {held.get('details')} are not the last details, {details}"
        )
        if held["timeoutType"] == "HEARTBEAT" and self.one_clock:
            timeout = attributes(self._log.decoded[run][held["scheduledEventId"] - 1])["heartbeatTimeout"]
            elapsed = round(event["eventTimestamp"] * 1000) - at_ms
            assert elapsed >= int(timeout) * 1000, (
                f"A4: {elapsed} ms after a heartbeat, allowed are {timeout} s"
            )

    # --- answers ---

    def sent(self, call: Call) -> None:
        """The texts of a call belong to its tenant."""
        for marker in _MARKER.findall(json.dumps(call.members)):
            self._owners.setdefault(marker, call.tenant)

    def hear(self, call: Call) -> None:
        """An answer has arrived."""
        if call.outcome == "acknowledged":
            self.acknowledged += 1
            for marker in _MARKER.findall(json.dumps(call.result)):
                owner = self._owners.get(marker, call.tenant)
                assert owner == call.tenant, (
                    f"S: {call.operation} of {call.tenant} is told {marker} of {owner}"
                )
            if call.is_poll:
                self._hear_poll(call)
            elif call.operation in RECORDED and call.marker is not None:
                self._require_recorded(call)
                if call.operation == "RespondDecisionTaskCompleted":
                    self._require_decisions(call)
        if call.operation == "RecordActivityTaskHeartbeat" and call.outcome != "refused":
            self._hear_heartbeat(call)
        if call.outcome == "refused":
            places = self._places(call)
            assert not places, f"R5: refused {call.operation} stands in the history at {places}"
            self._require_true(call)

    def _hear_heartbeat(self, call: Call) -> None:
        place = self.task_of(call.members["taskToken"])
        if place is None:
            return
        if call.outcome == "unknown":
            self._unsure.add(place)
        else:
            self._heartbeats[place] = (self._now_ms(), call.members.get("details"))

    def _places(self, call: Call) -> list[RecordedAt]:
        """Where the call is recorded. A poll goes on waiting when its task was committed in a commit that was reported
        as lost: no poller gets that task, and it times out.
        """
        if call.operation not in RECORDED or call.marker is None:
            return []
        places = self.marked.get((RECORDED[call.operation][0], call.marker), [])
        if call.is_poll:
            places = [place for place in places if self._log.committed_at[place] not in self._log.unreported]
        return places

    def _require_recorded(self, call: Call) -> RecordedAt:
        places = self._places(call)
        assert len(places) == 1, f"R1: acknowledged {call.operation} {call.marker} is recorded at {places}"
        commit = self._log.committed_at[places[0]]
        assert call.began < commit <= call.ended, (
            f"R4: {call.operation} {call.marker} was sent after commit {call.began}, answered before "
            f"{call.ended + 1}, recorded by {commit}"
        )
        if call.operation == "StartWorkflowExecution":
            assert places[0][0] == run_of(call.result["runId"]), "R1: another run was started"
        return places[0]

    def _hear_poll(self, call: Call) -> None:
        answer = call.result
        if "nextPageToken" in call.members:
            return
        if "taskToken" not in answer:
            places = self._places(call)
            assert not places, f"R2: a poll that was told of no task has started {places}"
            return
        run, started_id = place = self._require_recorded(call)
        assert run == run_of(answer["workflowExecution"]["runId"]), "R2: the task of another run"
        assert started_id == answer["startedEventId"], "R2: another task was started"
        scheduled_id = attributes(self._log.decoded[run][started_id - 1])["scheduledEventId"]
        assert answer["taskToken"] not in self._tokens, "R2: a token was handed out twice"
        assert (run, scheduled_id) not in self._handed_out, "R2: a task was handed out twice"
        self._tokens.add(answer["taskToken"])
        self._handed_out.add((run, scheduled_id))
        history = self._log.decoded[run]
        if call.operation == "PollForActivityTask":
            scheduled = attributes(history[scheduled_id - 1])
            for name in ("activityId", "activityType", "input"):
                assert answer.get(name) == scheduled.get(name), f"the task has another {name}"
            return
        previous = self._previous(run, place[1])
        assert answer["previousStartedEventId"] == previous, (
            f"D8: {answer['previousStartedEventId']}, not {previous}"
        )
        first = previous if call.members.get("startAtPreviousStartedEvent") and previous else 1
        expected = history[first - 1 : started_id]
        if call.members.get("reverseOrder"):
            expected = expected[::-1]
        size = min(call.members.get("maximumPageSize") or PAGE_SIZE, PAGE_SIZE)
        assert answer["events"] == expected[:size], "the task shows another history"
        assert ("nextPageToken" in answer) == (len(expected) > size)

    def _previous(self, run: int, started_id: int) -> int:
        """The start of the last decision task that was completed before (SWF §4.7, §15.20; QUALITY §2.5.D8)."""
        completed = [
            attributes(event)["startedEventId"]
            for event in self._log.decoded[run][:started_id]
            if event["eventType"] == "DecisionTaskCompleted"
        ]
        return max(completed, default=0)

    def _require_decisions(self, call: Call) -> None:
        """D5: one event for each decision, in the order given, directly behind the completion."""
        run, completed_id = self._places(call)[0]
        events = iter(self._log.decoded[run][completed_id:])
        for held in call.members.get("decisions", []):
            kind = held["decisionType"]
            event = next(events, None)
            if event is not None and event["eventType"] == "ActivityTaskCanceled":
                event = next(events, None)  # of a task that was not started (SWF §5.3)
            assert event is not None, f"D5: nothing was recorded for {kind}"
            found = event["eventType"]
            if attributes(event).get("cause") == "EVENT_LIMIT_EXCEEDED":
                return
            assert found in (EVENTS[kind], f"{kind}Failed"), f"D5: {found} was recorded for {kind}"

    # --- refusals ---

    def _require_true(self, call: Call) -> None:
        fault = call.fault
        assert fault is not None
        if fault.code == "UnknownResourceFault" and "taskToken" in call.members:
            self._require_task_over(call)
        elif fault.code == "WorkflowExecutionAlreadyStartedFault":
            assert self._open_meanwhile(call), "R5: no run of this workflowId was open"
        elif fault.code == "LimitExceededFault" and call.operation == "StartWorkflowExecution":
            domain = self.domains[call.tenant, call.members["domain"]]
            there = [run for run, row in self._log.runs.items() if row.domain == domain]
            most = self._quotas.max_open_executions
            assert sum(self._is_open_within(run, call) for run in there) >= most, "R5: there was room"
        elif fault.code == "UnknownResourceFault" and call.operation in (
            "SignalWorkflowExecution",
            "RequestCancelWorkflowExecution",
            "TerminateWorkflowExecution",
        ):
            self._require_not_open(call)

    def _require_task_over(self, call: Call) -> None:
        held = self.task_of(call.members["taskToken"])
        if held is None:
            return
        run, scheduled_id = held
        over = self.closed.get(run), self.closed_tasks.get((run, scheduled_id))
        assert any(commit is not None and commit <= call.ended for commit in over), (
            f"R5: {call.operation} was refused ({call.fault}), but the task is open"
        )

    def task_of(self, token: str) -> RecordedAt | None:
        """run and scheduled event of a task that was handed out."""
        held: list[HeldTask] = [*self._clients.decisions, *self._clients.work]
        for task in held:
            if task.token == token:
                run, started_id = self._places(task.call)[0]
                return run, attributes(self._log.decoded[run][started_id - 1])["scheduledEventId"]
        return None

    def _of_workflow(self, call: Call) -> list[int]:
        domain = self.domains[call.tenant, call.members["domain"]]
        workflow_id = call.members["workflowId"]
        return [
            run
            for run, row in self._log.runs.items()
            if (row.domain, row.workflow_id) == (domain, workflow_id)
        ]

    def _is_open_within(self, run: int, call: Call) -> bool:
        """At some moment between the sending of a call and its answer."""
        return (
            self._log.committed_at[run, 1] <= call.ended and self.closed.get(run, call.ended + 1) > call.began
        )

    def _open_meanwhile(self, call: Call) -> list[int]:
        return [run for run in self._of_workflow(call) if self._is_open_within(run, call)]

    def _require_not_open(self, call: Call) -> None:
        """No run that is addressed was open all the time."""
        if (call.tenant, call.members["domain"]) not in self.domains:
            return
        run_id = call.members.get("runId")
        for run in self._of_workflow(call):
            if run_id and self._log.runs[run].run_id != run_id:
                continue
            always = self._log.committed_at[run, 1] <= call.began and run not in self.closed
            assert not always, f"R5: {call.operation} was refused ({call.fault}), but {run} is open"

    # --- Lambda functions ---

    def invoke(self, marker: str) -> None:
        """A function was called with this input."""
        self.invoked[marker] = self.invoked.get(marker, 0) + 1
        assert self.invoked[marker] == 1, "a Lambda function was called twice for one task"
        assert self._lambdas.get(marker) in self._started_lambdas, (
            "it was called before its start was committed"
        )

    # --- the end ---

    def conclude(self) -> None:
        """R3, and R1 once more: nothing has been recorded twice since."""
        for call in self._clients.calls:
            places = self._places(call)
            assert len(places) <= 1, (
                f"R3: {call.operation} {call.marker} ({call.outcome}) is recorded at {places}"
            )
            if call.outcome == "refused":
                assert not places, f"R5: refused {call.operation} was carried out"
        self._conclude_cancel_requests()

    def _conclude_cancel_requests(self) -> None:
        """They hold no text of their own: only their number can be right."""
        asked: dict[tuple[int, str], dict[str, int]] = {}
        for call in self._clients.calls:
            if call.operation == "RequestCancelWorkflowExecution" and call.outcome != "refused":
                key = (self.domains[call.tenant, call.members["domain"]], call.members["workflowId"])
                outcomes = asked.setdefault(key, {})
                outcomes[call.outcome] = outcomes.get(call.outcome, 0) + 1
        recorded: dict[tuple[int, str], int] = {}
        for run, number in self._cancel_requests.items():
            row = self._log.runs[run]
            recorded[row.domain, row.workflow_id] = recorded.get((row.domain, row.workflow_id), 0) + number
        for key in asked.keys() | recorded.keys():
            least = asked.get(key, {}).get("acknowledged", 0)
            most = least + asked.get(key, {}).get("unknown", 0)
            assert least <= recorded.get(key, 0) <= most, (
                f"R1: {recorded.get(key, 0)} cancel requests of {key} are recorded, {least} to {most} were sent"
            )
