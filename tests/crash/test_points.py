"""A short form of `python -m tests.crash --points`: deaths at named points of a few actions."""

from __future__ import annotations

from pathlib import Path

from tests.crash import points
from tests.crash.situations import SITUATIONS, Situation
from workflowsvc.model.shapes import OPERATIONS

SLICE = (
    "StartWorkflowExecution",
    "PollForDecisionTask",
    "RespondDecisionTaskCompleted, everything",
    "TerminateWorkflowExecution",
    "RecordActivityTaskHeartbeat",
    "a first start",
    "deadlines that passed",
    "messages that wait",
)
DEATHS_EACH = 5


def test_a_server_that_dies_anywhere_has_done_a_call_wholly_or_not_at_all(tmp_path: Path) -> None:
    def chosen(situation: Situation) -> bool:
        return situation.name in SLICE

    report = points.run(tmp_path, only=chosen, per_situation=DEATHS_EACH, seed=5)
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert report.situations == len(SLICE)
    assert report.deaths > 30


def test_every_action_has_a_situation() -> None:
    assert {situation.name.partition(",")[0] for situation in SITUATIONS} >= OPERATIONS.keys()
