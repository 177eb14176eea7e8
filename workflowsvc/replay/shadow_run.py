"""One recording while it is played: which decision task is next, on which task list, and what the decider has seen.

Owns the order of the tasks of one run and the judgement of each answer. Must not know polls, time or HTTP.
"""

from __future__ import annotations

from typing import Protocol

from workflowsvc.model.shapes import RespondDecisionTaskCompletedInput
from workflowsvc.replay.comparison import EXECUTION_CONTEXT, Difference, Rules
from workflowsvc.replay.decisions import of_answer
from workflowsvc.replay.recording import Recording, Step
from workflowsvc.replay.verdict import Status, Verdict


class Cancellable(Protocol):
    """What is going to happen, unless it is canceled."""

    def cancel(self) -> None: ...


class ShadowRun:
    """A run that is open in the shadow domain."""

    def __init__(
        self,
        number: int,
        recording: Recording,
        steps: tuple[Step, ...],
        rules: Rules,
        task_list: str,
        began: float,
    ) -> None:
        """`number` names it in tokens; `steps` are the decision tasks to hand out; `task_list` is where they are,
        unless the decider moves them; `began` in seconds of a clock that never steps."""
        self.number = number
        self.recording = recording
        self.is_started = False  # the task of `step` has been handed out
        self.seen_id = 0  # the last event that the decider may know
        self.sticky: str | None = None  # the list that the decider has moved its tasks to
        self.sticky_seconds: float | None = None  # how long a task waits there; None: for ever
        self.began = began
        self.expiry: Cancellable | None = None  # of the task that has been handed out
        self._task_list = task_list
        self._rules = rules
        self._steps = steps
        self._at = 0

    @property
    def step(self) -> Step:
        """The decision task that is to be handed out, or has been."""
        return self._steps[self._at]

    @property
    def has_steps(self) -> bool:
        return self._at < len(self._steps)

    def task_list(self) -> str:
        """Where the next task is. One whose predecessor timed out is back on the run's own list (SWF §4.8)."""
        if self.step.returned:
            self.leave_sticky_list()
        return self._task_list if self.sticky is None else self.sticky

    def leave_sticky_list(self) -> None:
        self.sticky = self.sticky_seconds = None

    def start(self, expiry: Cancellable) -> None:
        """The task has been handed out. `expiry`: what happens when it is not answered."""
        self.is_started = True
        self.expiry = expiry
        self.seen_id = max(self.seen_id, self.step.started_id)

    def answer(self, answer: RespondDecisionTaskCompletedInput, now: float) -> Verdict | None:
        """The decider has answered the task. The verdict if there is nothing left to ask."""
        if self.expiry is not None:
            self.expiry.cancel()
        step, made = self.step, of_answer(answer.decisions or [])
        if not step.completed_id:
            return self.verdict("ANSWERED", now)._replace(
                step=step, now=made, context_now=answer.execution_context
            )
        difference = self._rules.first_difference(
            step.decisions, made, version=self.recording.workflow_type[1], is_cut=step.is_cut
        )
        if difference is None and self._rules.contexts_differ(
            step.execution_context, answer.execution_context
        ):
            difference = Difference(-1, (EXECUTION_CONTEXT,), "the executionContext differs")
        if difference is not None:
            return self.verdict("DIFFERS", now, difference.message)._replace(
                step=step, difference=difference, now=made, context_now=answer.execution_context
            )
        self._move(answer)
        self._at += 1
        self.is_started = False
        return None if self.has_steps else self.verdict("SAME", now)._replace(now=made, step=step)

    def _move(self, answer: RespondDecisionTaskCompletedInput) -> None:
        """What the answer says of the list of the tasks to come (SWF §4.8, §15.12)."""
        if answer.task_list is not None:
            self.sticky = answer.task_list.name
            patience = answer.task_list_schedule_to_start_timeout
            self.sticky_seconds = float(patience) if patience and patience != "NONE" else None
        elif self.sticky_seconds is not None:
            self.leave_sticky_list()

    def verdict(self, status: Status, now: float, message: str = "") -> Verdict:
        """Of this run, at this moment."""
        compared = self._at + (status == "DIFFERS")
        return Verdict(
            status,
            self.recording.name,
            self.recording.workflow_id,
            self.recording.run_id,
            self.recording.type_text,
            message,
            compared,
            max(0.0, now - self.began),
        )

    def unanswered(self, message: str, now: float) -> Verdict:
        """Of a run that is given up."""
        return self.verdict("NO_ANSWER", now, message)._replace(step=self.step)
