"""What was decided is read from events: for every scenario of this project, the decisions that its deciders sent.

The scenarios know all decisions, all ways in which one fails, time-outs and sticky lists; here each of their histories
is a recording, and what was sent to the service the answer of a decider that has not changed.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest

from tests.scenario import runner
from tests.scenario.in_process import InProcess
from tests.scenario.runner import ScenarioSettings
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model.shapes import DECISIONS, Decision
from workflowsvc.replay.comparison import Rules
from workflowsvc.replay.decisions import DECISION_OF, PATHS, of_answer
from workflowsvc.replay.recording import Source, read_recording
from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.judge import lint_limits

FILES = (
    "activities",
    "activity_causes",
    "children",
    "closing",
    "continue_as_new",
    "decision_lists",
    "decision_tasks",
    "lambdas",
    "recorded",
    "signals",
    "sticky_lists",
    "timers",
)


class Noting(InProcess):
    """A service that keeps what deciders got and sent."""

    def __init__(self, wanted: ScenarioSettings) -> None:
        super().__init__(wanted.settings, functions_answer=wanted.functions_answer)
        self.tasks: dict[str, dict[str, Any]] = {}  # token -> the task
        self.answers: list[tuple[Tenant, dict[str, Any], dict[str, Any]]] = []  # who, to which task, what

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        answer = super().call(operation, tenant, members)
        if operation == "PollForDecisionTask" and "taskToken" in answer:
            self.tasks[answer["taskToken"]] = answer
        if operation == "RespondDecisionTaskCompleted" and members["taskToken"] in self.tasks:
            self.answers.append((tenant, self.tasks[members["taskToken"]], members))
        return answer

    def history(self, tenant: Tenant, execution: dict[str, str]) -> list[dict[str, Any]] | None:
        """All events of a run; None when it is gone."""
        for info in self.world.call("ListDomains", tenant, registrationStatus="REGISTERED")["domainInfos"]:
            with contextlib.suppress(UnknownResourceFault):
                return self.world.call(
                    "GetWorkflowExecutionHistory", tenant, domain=info["name"], execution=execution
                )["events"]
        return None

    def close(self) -> None:
        """The play is over, and all histories are there: compares them with what was sent."""
        self.compared = sum(self._compare(*answer) for answer in self.answers)
        super().close()

    def _compare(self, tenant: Tenant, task: dict[str, Any], sent: dict[str, Any]) -> int:
        events = self.history(tenant, task["workflowExecution"])
        if events is None:
            return 0
        source = Source("a scenario", json.dumps({"events": events}).encode(), "w")
        recording = read_recording(source, limits=lint_limits(self.world.settings.quotas))
        step = next(step for step in recording.steps if step.started_id == task["startedEventId"])
        assert step.completed_id
        assert step.previous_started_id == task["previousStartedEventId"]
        assert step.execution_context == sent.get("executionContext")
        decisions = msgspec.convert(sent.get("decisions") or [], list[Decision])
        difference = Rules().first_difference(
            step.decisions, of_answer(decisions), version=recording.workflow_type[1], is_cut=step.is_cut
        )
        assert difference is None, (difference, step, sent)
        return 1


@pytest.mark.parametrize("name", FILES)
def test_every_decision_of_the_scenarios_is_found_in_their_histories(name: str) -> None:
    compared = 0
    for scenario in language.read(runner.FOLDER / f"{name}.txt"):
        made: list[Noting] = []

        def noting(wanted: ScenarioSettings, made: list[Noting] = made) -> Noting:
            made.append(Noting(wanted))
            return made[-1]

        runner.play(scenario, noting, judge_all=False)
        compared += made[-1].compared
    assert compared > 5


def test_every_decision_has_events_that_tell_it() -> None:
    assert set(DECISION_OF.values()) == set(DECISIONS)
    assert PATHS["ScheduleActivityTask"] >= {
        "activityType.name",
        "activityType.version",
        "taskList.name",
        "input",
    }
