"""For random sequences of calls, the service records what the naive model records.

Hypothesis draws the calls and, when the two differ, looks for the fewest that show it.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.differential import Differential
from tests.model.reference import Limits

Members = dict[str, Any]

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "60"))
STEPS = int(os.environ.get("MODEL_STEPS", "50"))

workflow_ids = st.sampled_from(["w0", "w1", "w2", "w3"])
task_lists = st.sampled_from(["left", "right"])
ids = st.sampled_from(["a", "b", "c"])
policies = st.sampled_from(["TERMINATE", "REQUEST_CANCEL", "ABANDON"])
workflow_types = st.sampled_from(
    [("full", "1"), ("full", "1"), ("full", "2"), ("bare", "1"), ("unknown", "1")]
)
activity_types = st.sampled_from(
    [("full", "1"), ("full", "1"), ("full", "1"), ("full", "1"), ("bare", "1"), ("unknown", "1")]
)
texts = st.none() | st.sampled_from(["", "x", "\u00e9\n\u0000"])
durations = st.sampled_from(["30", "NONE", "5", "0"])
run_ids = st.none() | st.sampled_from(["run 1", "run 2", "", "22unknown="])


def _members(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Members]:
    """Each member may be missing."""
    return st.fixed_dictionaries({}, optional=strategies)


def _type(pair: tuple[str, str]) -> Members:
    return {"name": pair[0], "version": pair[1]}


def _without_none(held: Members) -> Members:
    return {name: value for name, value in held.items() if value is not None}


settings_of_runs = _members(
    taskList=task_lists.map(lambda name: {"name": name}),
    executionStartToCloseTimeout=st.sampled_from(["2", "40", "1000"]),
    taskStartToCloseTimeout=st.sampled_from(["3", "NONE"]),
    childPolicy=policies,
    taskPriority=st.sampled_from(["-1", "0", "7"]),
    tagList=st.lists(st.sampled_from(["red", "blue"]), max_size=2),
    input=st.sampled_from(["i", ""]),
)

activity_settings = _members(
    taskList=task_lists.map(lambda name: {"name": name}),
    scheduleToStartTimeout=durations,
    scheduleToCloseTimeout=durations,
    startToCloseTimeout=durations,
    heartbeatTimeout=durations,
    taskPriority=st.sampled_from(["-1", "3"]),
    input=st.just("i"),
    control=st.just("c"),
)


def _decision(kind: str, held: st.SearchStrategy[Members]) -> st.SearchStrategy[tuple[str, Members]]:
    return held.map(lambda members: (kind, _without_none(members)))


targets = st.fixed_dictionaries(
    {"workflowId": workflow_ids}, optional={"runId": run_ids.filter(bool), "control": st.just("c")}
)
schedules = _decision(
    "ScheduleActivityTask",
    st.tuples(activity_settings, ids, activity_types).map(
        lambda drawn: drawn[0] | {"activityId": drawn[1], "activityType": _type(drawn[2])}
    ),
)
activity_cancels = _decision("RequestCancelActivityTask", st.fixed_dictionaries({"activityId": ids}))
timer_starts = _decision(
    "StartTimer",
    st.fixed_dictionaries(
        {"timerId": ids, "startToFireTimeout": st.sampled_from(["0", "1", "20"])},
        optional={"control": st.just("c")},
    ),
)
timer_cancels = _decision("CancelTimer", st.fixed_dictionaries({"timerId": ids}))
markers = _decision(
    "RecordMarker", st.fixed_dictionaries({"markerName": ids}, optional={"details": st.just("d")})
)
signals = _decision("SignalExternalWorkflowExecution", targets.map(lambda held: held | {"signalName": "s"}))
cancels = _decision("RequestCancelExternalWorkflowExecution", targets)
child_starts = _decision(
    "StartChildWorkflowExecution",
    st.tuples(settings_of_runs, workflow_ids, workflow_types).map(
        lambda drawn: drawn[0] | {"workflowId": drawn[1], "workflowType": _type(drawn[2])}
    ),
)
lambdas = _decision("ScheduleLambdaFunction", st.fixed_dictionaries({"id": ids, "name": st.just("f")}))
open_decisions = st.one_of(
    schedules, activity_cancels, timer_starts, timer_cancels, markers, signals, cancels, child_starts, lambdas
)
closing_decisions = st.one_of(
    _decision("CompleteWorkflowExecution", _members(result=st.just("r"))),
    _decision("FailWorkflowExecution", _members(reason=st.just("r"), details=st.just("d"))),
    _decision("CancelWorkflowExecution", _members(details=st.just("d"))),
    _decision(
        "ContinueAsNewWorkflowExecution",
        st.tuples(settings_of_runs, _members(workflowTypeVersion=st.sampled_from(["1", "2", "9"]))).map(
            lambda drawn: drawn[0] | drawn[1]
        ),
    ),
)
compatible = st.one_of(activity_cancels, timer_cancels, markers, signals, cancels, child_starts)


def _some(decisions: st.SearchStrategy[Any], least: int = 1, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(decisions, min_size=least, max_size=most)


closes = st.tuples(_some(compatible, 0, 2), closing_decisions).map(lambda drawn: [*drawn[0], drawn[1]])


class Comparison(RuleBasedStateMachine):
    """Every rule is one call to both."""

    @initialize(small=st.booleans(), rule=st.sampled_from(["any-close", "documented"]))
    def begin(self, small: bool, rule: str) -> None:
        self.both = Differential(limits=Limits(2, 2, 2) if small else None, rule=rule)
        for workflow_id in ("w0", "w1"):
            self.both.start(workflow_id, {"workflowType": _type(("full", "1"))})

    @rule(workflow_id=workflow_ids, workflow_type=workflow_types, held=settings_of_runs)
    def start(self, workflow_id: str, workflow_type: tuple[str, str], held: Members) -> None:
        self.both.start(workflow_id, held | {"workflowType": _type(workflow_type)})

    @rule(workflow_id=workflow_ids, run_id=run_ids, input_=texts)
    def signal(self, workflow_id: str, run_id: str | None, input_: str | None) -> None:
        self.both.signal(workflow_id, run_id, input_)

    @rule(workflow_id=workflow_ids, run_id=run_ids)
    def request_cancel(self, workflow_id: str, run_id: str | None) -> None:
        self.both.request_cancel(workflow_id, run_id)

    @rule(workflow_id=workflow_ids, run_id=run_ids, policy=st.none() | policies)
    def terminate(self, workflow_id: str, run_id: str | None, policy: str | None) -> None:
        self.both.terminate(workflow_id, run_id, policy)

    @rule(task_list=task_lists)
    def poll_for_a_decision(self, task_list: str) -> None:
        """The task is kept; a later rule may complete it once, twice or never."""
        self.both.poll_decision(task_list)

    @rule(task_list=task_lists)
    def poll_for_an_activity(self, task_list: str) -> None:
        self.both.poll_activity(task_list)

    def _decide(self, decisions: list[tuple[str, Members]], **more: Any) -> None:
        """The next task of either list; if there is none, the one that was kept last."""
        both = self.both
        if both.poll_decision("left") or both.poll_decision("right") or both.decisions:
            both.decide(both.decisions[-1], more | {"decisions": decisions})

    @rule(decisions=_some(schedules))
    def decide_to_schedule(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=_some(timer_starts))
    def decide_to_wait(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=_some(schedules | activity_cancels))
    def decide_about_activities(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=_some(timer_starts | timer_cancels | markers))
    def decide_about_timers(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=_some(child_starts, most=2))
    def decide_about_children(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=_some(signals | cancels | lambdas, most=2))
    def decide_about_others(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=closes)
    def decide_to_close(self, decisions: list[tuple[str, Members]]) -> None:
        self._decide(decisions)

    @rule(decisions=_some(open_decisions | closing_decisions, 0), context=texts)
    def decide_anything(self, decisions: list[tuple[str, Members]], context: str | None) -> None:
        """Also what is refused."""
        self._decide(decisions, **_without_none({"executionContext": context}))

    @rule(task_list=task_lists, to_start=st.none() | st.sampled_from(["0", "5", "NONE"]))
    def move_to_a_list(self, task_list: str, to_start: str | None) -> None:
        self._decide([], **_without_none({"taskList": task_list, "taskListScheduleToStartTimeout": to_start}))

    @precondition(lambda self: self.both.decisions)
    @rule(data=st.data(), decisions=_some(open_decisions | closing_decisions, 0, 2))
    def answer_a_kept_task(self, data: st.DataObject, decisions: list[tuple[str, Members]]) -> None:
        self.both.decide(self._one(data, self.both.decisions), {"decisions": decisions})

    def _work(self) -> Any:
        both = self.both
        found = both.poll_activity("left") or both.poll_activity("right") or both.work
        return both.work[-1] if found else None

    @rule(end=st.sampled_from(["Completed", "Failed", "Canceled"]), text=texts)
    def work(self, end: str, text: str | None) -> None:
        if (task := self._work()) is not None:
            self.both.end_activity(task, end, **{"result" if end == "Completed" else "details": text})

    @rule(text=texts)
    def begin_to_work(self, text: str | None) -> None:
        if (task := self._work()) is not None:
            self.both.heartbeat(task, text)

    @precondition(lambda self: self.both.work)
    @rule(data=st.data(), end=st.sampled_from(["Completed", "Failed", "Canceled"]))
    def end_a_kept_activity(self, data: st.DataObject, end: str) -> None:
        self.both.end_activity(self._one(data, self.both.work), end)

    @rule(ms=st.sampled_from([1, 999, 1000, 5000, 31_000]))
    def pass_time(self, ms: int) -> None:
        self.both.advance(ms)

    @rule(ms=st.sampled_from([0, 200_000, 1_000_000]))
    def restart(self, ms: int) -> None:
        self.both.advance(ms)
        self.both.restart()

    def _one(self, data: st.DataObject, tasks: list[Any]) -> Any:
        back = data.draw(st.sampled_from([1, 1, 1, 1, 2, 3]), label="how far back")
        return tasks[-min(back, len(tasks))]

    @invariant()
    def nothing_is_wrong_anywhere(self) -> None:
        if hasattr(self, "both") and self.both.calls % 10 == 0:
            self.both.audit()

    def teardown(self) -> None:
        if hasattr(self, "both"):
            self.both.audit()
            self.both.world.store.close()


TestTheServiceAgainstTheModel = Comparison.TestCase
TestTheServiceAgainstTheModel.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
