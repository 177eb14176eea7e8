"""What becomes of a call that was answered: it is counted, logged where that is asked for, and named when it was slow.

Owns which of the three happens. Must not know how an answer is made, nor who reads the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from workflowsvc.service.actions import SWF

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.engine.batch_figures import AnswerTimes
    from workflowsvc.faults import Fault
    from workflowsvc.http.call_figures import CallFigures

POLLS = frozenset(action.name for action in SWF.actions.values() if action.kind == "poll")


class TimesOfAnswer(Protocol):
    """What answers calls (`workflowsvc.service.api.Api`)."""

    @property
    def answer_times(self) -> AnswerTimes | None:
        """Of the call that is being answered; None when they are not known."""
        ...


class CallObserver:
    """Of one server; belongs to the event loop."""

    def __init__(self, service: TimesOfAnswer, clock: Clock, figures: CallFigures | None) -> None:
        """Without `figures` nothing is counted."""
        self._service = service
        self._clock = clock
        self._figures = figures

    def answered(self, action: str, began: float, fault: Fault | None) -> None:
        """A call that `began` at this moment of the monotonic clock was answered."""
        figures = self._figures
        if figures is None:
            return
        now = self._clock.monotonic()
        of_action = figures.of(action)
        of_action.latency.add(now - began)
        if fault is not None:
            of_action.faults[fault.code] += 1
        if action in POLLS:
            times = self._service.answer_times
            of_action.without_wait.add(now - (began if times is None else max(began, times.began)))
