"""What became of one recording."""

from __future__ import annotations

from typing import Literal, NamedTuple

from workflowsvc.replay.comparison import Difference
from workflowsvc.replay.decisions import MadeDecision
from workflowsvc.replay.recording import Step

Status = Literal["SAME", "DIFFERS", "NO_ANSWER", "UNUSABLE", "ANSWERED"]
"""SAME: every answer was that of the recording. DIFFERS: one was not. NO_ANSWER: the decider did not answer. UNUSABLE:
the recording cannot be replayed. ANSWERED: to a decision task that has no answer in the recording (`--from`)."""


class Verdict(NamedTuple):
    """Of one recording. `step` is the decision task that it is about, if it is about one."""

    status: Status
    name: str  # the file
    workflow_id: str = ""
    run_id: str = ""
    workflow_type: str = ""
    message: str = ""
    compared: int = 0  # decision tasks whose answers were compared
    seconds: float = 0.0  # since the first task could be handed out
    step: Step | None = None
    difference: Difference | None = None
    now: tuple[MadeDecision, ...] = ()
    context_now: str | None = None
