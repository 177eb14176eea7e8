"""For random sequences of calls, the state of an execution equals a replay of its history.

Only the core is used: no store, no engine. The tasks that `outcome_of` puts on lists and removes step by step are those
that `implied_tasks` derives from the state alone, and `workflowsvc.lint` finds no broken rule.
"""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from tests.core.decision_context import LIMITS, LONGEST_MS, SmallWorld, begun
from tests.core.test_causes import MADE
from workflowsvc import lint
from workflowsvc.core import activities, children, decision_tasks, external, lambdas, workflow
from workflowsvc.core.execution import Execution
from workflowsvc.core.outcome import Task, implied_tasks, outcome_of
from workflowsvc.model import shapes
from workflowsvc.model.decision_list import CLOSING, NEW_WORK
from workflowsvc.model.events import Event, decode_event, encode_event
from workflowsvc.model.shapes import DECISIONS, Decision

OTHER = shapes.WorkflowExecution(workflow_id="other", run_id="r")
IDS = ("a", "b", "c")


@st.composite
def a_decision(draw: st.DrawFn) -> Decision:
    kind = draw(st.sampled_from(sorted(DECISIONS.keys() - CLOSING)))
    attributes: Any = MADE[kind]
    changes = {
        name: draw(st.sampled_from(IDS))
        for name in ("activity_id", "timer_id", "id")
        if name in type(attributes).__struct_fields__
    }
    if kind == "StartTimer":
        changes["start_to_fire_timeout"] = draw(st.sampled_from(("0", "3", "60")))
    made = type(attributes)(
        **{name: getattr(attributes, name) for name in type(attributes).__struct_fields__} | changes
    )
    return Decision(decision_type=kind, **{DECISIONS[kind].attribute: made})


@st.composite
def a_list_of_decisions(draw: st.DrawFn) -> list[Decision]:
    made = draw(st.lists(a_decision(), max_size=4))
    if draw(st.integers(0, 9)) == 0 and NEW_WORK.isdisjoint(decision.decision_type for decision in made):
        kind = draw(st.sampled_from(sorted(CLOSING)))
        made.append(Decision(decision_type=kind, **{DECISIONS[kind].attribute: MADE[kind]}))
    return made


class Life:
    """One execution, its events so far, and the tasks that were put on lists for it."""

    def __init__(self) -> None:
        self.now = 1_000
        self.execution = begun(self.now)
        self.world = SmallWorld()
        self.events: list[Event] = []
        self.tasks: dict[int, Task] = {}
        self.settled()

    def settled(self) -> None:
        """Ends a step: settles the execution, applies the outcome to the task lists and checks them."""
        if self.execution.is_open:
            self.execution.settle(self.now, max_events=LIMITS.max_events)
        new = self.execution.take_new_events()
        self.execution.take_new_ends()
        started = {
            event.attributes.scheduled_event_id  # type: ignore[attr-defined]
            for event in new
            if event.type in ("DecisionTaskStarted", "ActivityTaskStarted")
        }
        for scheduled_id in started:  # a poll takes the task from its list
            del self.tasks[scheduled_id]
        outcome = outcome_of(self.execution, new)
        self.tasks |= {task.scheduled_id: task for task in outcome.tasks}
        for scheduled_id in outcome.ready:
            self.tasks[scheduled_id] = self.tasks[scheduled_id]._replace(ready=True)
        for scheduled_id in outcome.gone:
            del self.tasks[scheduled_id]
        self.events += new
        assert sorted(self.tasks.values()) == sorted(implied_tasks(self.execution))

    def check(self) -> None:
        replayed = Execution(
            run=1, run_id=self.execution.run_id, domain=1, workflow_id="w", longest_ms=LONGEST_MS
        )
        replayed.replay([decode_event(encode_event(event)) for event in self.events])
        for scheduled_id, activity in self.execution.activities.items():
            if activity.heartbeat_at is not None:
                activities.restore_heartbeat(
                    replayed, activity.heartbeat_at, scheduled_id, activity.heartbeat_details
                )
        assert replayed.wake_at() == self.execution.wake_at()
        for name in Execution.__slots__:
            if name not in ("deadlines", "new_events"):
                assert getattr(replayed, name) == getattr(self.execution, name), name
        wire = [json.loads(encode_event(event)) for event in self.events]
        assert lint.lint_history(wire, limits=lint.Limits(LIMITS.max_events, 5, 5, 5, 1_000)) == []

    # --- the steps ---

    def possible(self) -> list[str]:
        run = self.execution
        found = ["signal", "request_cancel", "pass_time", "terminate"]
        if run.scheduled_task and not run.started_task:
            found += 3 * ["start_decision"]
        if run.started_task:
            found += 3 * ["decide"]
        if any(not task.started_id for task in run.activities.values()):
            found += 2 * ["start_activity"]
        if any(task.started_id for task in run.activities.values()):
            found += 2 * ["answer_activity"]
        if run.children:
            found += ["child_message"]
        if run.externals:
            found += ["external_message"]
        if run.lambdas:
            found += ["lambda_message"]
        return found

    def step(self, what: str, draw: st.DataObject) -> None:
        getattr(self, what)(draw)
        self.settled()

    def signal(self, _: st.DataObject) -> None:
        workflow.signal(self.execution, self.now, signal_name="s", input=None)

    def request_cancel(self, _: st.DataObject) -> None:
        workflow.request_cancel(self.execution, self.now)

    def terminate(self, draw: st.DataObject) -> None:
        if draw.draw(st.integers(0, 19)) == 0:
            workflow.terminate(self.execution, self.now, reason=None, details=None, child_policy=None)

    def pass_time(self, draw: st.DataObject) -> None:
        self.now += draw.draw(st.sampled_from((-2_000, 0, 1, 3_000, 11_000, 31_000)))
        self.execution.advance(self.now, max_events=LIMITS.max_events)

    def start_decision(self, _: st.DataObject) -> None:
        decision_tasks.start(self.execution, self.now, identity=None)

    def decide(self, draw: st.DataObject) -> None:
        sticky = draw.draw(st.sampled_from((None, None, ("mine", None), ("mine", "5"))))
        decision_tasks.complete(
            self.execution,
            self.now,
            decisions=draw.draw(a_list_of_decisions()),
            execution_context=draw.draw(st.sampled_from((None, "", "context"))),
            task_list=shapes.TaskList(name=sticky[0]) if sticky else None,
            schedule_to_start=sticky[1] if sticky else None,
            decision_context=self.world,
        )

    def start_activity(self, draw: st.DataObject) -> None:
        waiting = [id for id, task in self.execution.activities.items() if not task.started_id]
        activities.start(self.execution, self.now, draw.draw(st.sampled_from(waiting)), identity="me")

    def answer_activity(self, draw: st.DataObject) -> None:
        run = self.execution
        started = [id for id, task in run.activities.items() if task.started_id]
        scheduled_id = draw.draw(st.sampled_from(started))
        answer = draw.draw(st.sampled_from(("complete", "fail", "cancel", "heartbeat")))
        if answer == "complete":
            activities.complete(run, self.now, scheduled_id, "done")
        elif answer == "fail":
            activities.fail(run, self.now, scheduled_id, reason="r", details=None)
        elif answer == "cancel" and run.activities[scheduled_id].cancel_requested_id:
            activities.cancel(run, self.now, scheduled_id, details=None)
        else:
            activities.heartbeat(run, self.now, scheduled_id, draw.draw(st.sampled_from((None, "alive"))))

    def child_message(self, draw: st.DataObject) -> None:
        run = self.execution
        initiated_id = draw.draw(st.sampled_from(sorted(run.children)))
        name = shapes.WorkflowExecution(workflow_id="c", run_id="r")
        if children.awaits_start(run, initiated_id):
            if draw.draw(st.booleans()):
                children.started(run, self.now, initiated_id, name)
            else:
                children.already_running(run, self.now, initiated_id)
            return
        children.closed(
            run,
            self.now,
            initiated_id,
            child=name,
            workflow_type=run.children[initiated_id].initiated.workflow_type,
            closing_type=draw.draw(st.sampled_from(sorted(children.CLOSED_AS))),
            result=None,
            reason=None,
            details=None,
        )

    def external_message(self, draw: st.DataObject) -> None:
        initiated_id = draw.draw(st.sampled_from(sorted(self.execution.externals)))
        external.answered(self.execution, self.now, initiated_id, OTHER if draw.draw(st.booleans()) else None)

    def lambda_message(self, draw: st.DataObject) -> None:
        run = self.execution
        scheduled_id = draw.draw(st.sampled_from(sorted(run.lambdas)))
        if run.lambdas[scheduled_id].started_id:
            lambdas.complete(run, self.now, scheduled_id, "42")
        elif draw.draw(st.booleans()):
            lambdas.start(run, self.now, scheduled_id)
        else:
            lambdas.start_failed(run, self.now, scheduled_id, "no role")


@given(st.data())
def test_any_life_can_be_replayed_and_is_a_legal_one(data: st.DataObject) -> None:
    life = Life()
    for _ in range(data.draw(st.integers(1, 40))):
        if not life.execution.is_open:
            break
        life.step(data.draw(st.sampled_from(life.possible())), data)
    life.check()
