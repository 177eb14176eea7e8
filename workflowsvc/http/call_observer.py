"""What becomes of a call that was answered: it is counted, logged where that is asked for, and named when it was slow.

Owns which of the three happens, and what is said of a slow call: where the time went. Must not know how an answer is
made, nor who reads the figures.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from workflowsvc.http.access_log import AccessRecord, access_log
from workflowsvc.http.proxies import Proxies
from workflowsvc.http.refusal_log import RefusalLog, names
from workflowsvc.service.actions import SWF

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.engine.batch_figures import AnswerTimes
    from workflowsvc.faults import Fault
    from workflowsvc.http.call_figures import CallFigures
    from workflowsvc.http.request import HttpRequest
    from workflowsvc.settings import Settings
    from workflowsvc.tenant import Tenant

slow_log = logging.getLogger("workflowsvc.slow")

POLLS = frozenset(action.name for action in SWF.actions.values() if action.kind == "poll")


class TimesOfAnswer(Protocol):
    """What answers calls (`workflowsvc.service.api.Api`)."""

    @property
    def answer_times(self) -> AnswerTimes | None:
        """Of the call that is being answered; None when they are not known."""
        ...


class AnsweredCall(Protocol):
    """A call, as far as it is looked at here (`workflowsvc.http.calls`)."""

    action: str
    began: float
    """By the monotonic clock, in seconds."""
    request: HttpRequest
    request_id: str
    tenant: Tenant | None


class CallObserver:
    """Of one server; belongs to the event loop."""

    def __init__(
        self, service: TimesOfAnswer, settings: Settings, clock: Clock, figures: CallFigures | None
    ) -> None:
        """Without `figures` nothing is counted."""
        self._service = service
        self._clock = clock
        self._figures = figures
        self._proxies = Proxies(settings.trusted_proxies)
        self._logs_access = settings.access_log
        self._slow_seconds = settings.slow_call_ms / 1000
        self._slow = RefusalLog(clock, slow_log)

    def answered(self, call: AnsweredCall, status: int, fault: Fault | None, size: int) -> None:
        """The call was answered with `size` bytes. What fails here must not reach the client."""
        now = self._clock.monotonic()
        took = now - call.began
        figures = self._figures
        if figures is not None:
            of_action = figures.actions[call.action]
            of_action.latency.add(took)
            if fault is not None:
                of_action.faults[fault.code] += 1
            if call.action in POLLS:
                of_action.without_wait.add(self._worked(call, now))
        if self._logs_access:
            self._log_access(call, status, fault, size, took)
        if took >= self._slow_seconds > 0 and self._worked(call, now) >= self._slow_seconds:
            self._slow.write(
                (call.tenant, call.action),
                partial(self._slow_line, call, now),
                level=logging.WARNING,
                fields=partial(self._slow_fields, call, now),
            )

    def _worked(self, call: AnsweredCall, now: float) -> float:
        """The time that the call took, in seconds; of a poll without its wait for a task."""
        times = self._service.answer_times if call.action in POLLS else None
        return now - (call.began if times is None else max(call.began, times.began))

    # --- the access log ---

    def _log_access(
        self, call: AnsweredCall, status: int, fault: Fault | None, size: int, took: float
    ) -> None:
        if not access_log.isEnabledFor(logging.INFO):
            return
        fields = fields_of(call, status, fault, took)
        fields["sourceIp"] = self._proxies.origin(call.request).source_ip
        fields["bytesIn"] = len(call.request.body)
        fields["bytesOut"] = size
        access_log.handle(AccessRecord(fields, self._clock.now_ms()))

    # --- slow calls ---

    def _slow_line(self, call: AnsweredCall, now: float) -> str:
        parts = self._parts(call, now)
        where = ", ".join(f"{ms:.1f} ms {what}" for what, ms in parts.items())
        return (
            f"request {call.request_id}: {call.action} for {call.tenant.key if call.tenant else 'no tenant'} took "
            f"{(now - call.began) * 1000:.1f} ms{': ' + where if where else ''}{names(call.request.body, None, None)}"
        )

    def _slow_fields(self, call: AnsweredCall, now: float) -> dict[str, Any]:
        parts = {_MEMBERS[what]: round(ms, 3) for what, ms in self._parts(call, now).items()}
        return fields_of(call, None, None, now - call.began) | parts

    def _parts(self, call: AnsweredCall, now: float) -> dict[str, float]:
        """Where the time went, in milliseconds, as far as it is known; of several steps, the last is taken apart."""
        times = self._service.answer_times
        if times is None:
            return {}
        began = max(times.began, call.began)
        waited = "until its poll found a task or was over" if call.action in POLLS else "until its turn came"
        seconds = {
            waited: began - call.began,
            "in its batch or read": times.ran - began,
            "in the commit": times.ended - times.ran,
            "until it was answered": now - times.ended,
        }
        return {what: value * 1000 for what, value in seconds.items()}


_MEMBERS = {
    "until its poll found a task or was over": "waitedMs",
    "until its turn came": "waitedMs",
    "in its batch or read": "ranMs",
    "in the commit": "commitMs",
    "until it was answered": "answerMs",
}


def fields_of(call: AnsweredCall, status: int | None, fault: Fault | None, took: float) -> dict[str, Any]:
    """What a log line says of a call, for machines; took: seconds. Names, never data."""
    fields: dict[str, Any] = {
        "requestId": call.request_id,
        "action": call.action,
        "ms": round(took * 1000, 3),
    }
    if call.tenant is not None:
        fields |= {"account": call.tenant.account, "region": call.tenant.region}
    if status is not None:
        fields["status"] = status
    if fault is not None:
        fields["fault"] = fault.code
    return fields
