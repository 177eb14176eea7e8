"""The spans of calls: the call, a poll's wait, the read or the batch that answered it, and the commit.

Owns which spans there are, what is said of them, and which header fields an answer gets. Names alone are said, never
data. Whatever fails here, the call is answered.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from workflowsvc.faults import Fault, InternalFailure
from workflowsvc.http.refusal_log import RefusalLog
from workflowsvc.model.shapes import ActivityTask, DecisionTask, Run
from workflowsvc.otel.batches import Batches
from workflowsvc.otel.headers import fields_of, parent_of
from workflowsvc.otel.run_contexts import RunContexts
from workflowsvc.otel.wall import Wall
from workflowsvc.service.models import MODELS
from workflowsvc.service.tokens import Tokens

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.engine.batch_figures import AnswerTimes
    from workflowsvc.engine.engine import Engine
    from workflowsvc.http.answer import HeaderFields
    from workflowsvc.http.call_tracer import TracedCall
    from workflowsvc.service.action import Action
    from workflowsvc.service.tokens import TaskToken

log = logging.getLogger("workflowsvc.traces")

UNKNOWN = "_OTHER"  # OpenTelemetry's name for a method that is not known
MAX_TEXT = 256  # letters of a name, the longest that SWF takes
_SERVICES = {"SimpleWorkflowService": "SWF", "WorkflowSvc": "WorkflowSvc"}
_STARTS = "StartWorkflowExecution"


class TracedService(Protocol):
    """What answers calls (`workflowsvc.service.api.Api`, or what waits for its store)."""

    @property
    def answer_times(self) -> AnswerTimes | None: ...
    @property
    def engine(self) -> Engine | None:
        """None until the store could be used."""
        ...


class CallTraces:
    """Of one server; belongs to the event loop."""

    def __init__(self, service: TracedService, tracer: Tracer, ratio: float, clock: Clock) -> None:
        self._service = service
        self._tracer = tracer
        self._runs = RunContexts(ratio)
        self._wall = Wall(clock)
        self._batches = Batches(tracer, self._wall)
        self._failures = RefusalLog(clock, log)
        self._tokens: Tokens | None = None
        self._actions = {action.name: action for action in reversed(list(MODELS.targets.values()))}

    def respond(
        self,
        call: TracedCall,
        output: Any,
        status: int,
        fields: HeaderFields,
        body: bytes,
        fault: Fault | None,
    ) -> None:
        """As `CallTracer.respond`."""
        span = None
        try:
            parent = parent_of(call.request)
            task = self._runs.of_task(output) if isinstance(output, DecisionTask | ActivityTask) else None
            span = self._begin(call, parent, task)
            own = span.get_span_context()
            fields = fields + fields_of(task or own)
            if parent is not None and call.action == _STARTS and isinstance(output, Run) and output.run_id:
                self._runs.started(output.run_id, own)
        except Exception as error:
            self._failed(error)
        call.request.respond(status, fields, body)
        if span is not None and span.is_recording():
            try:
                self._end(span, call, output, status, len(body), fault)
            except Exception as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        """A bug: the call goes on without its span."""
        self._failures.write(
            type(error), partial("the span of a call was lost: {!r}".format, error), level=logging.ERROR
        )

    def _begin(self, call: TracedCall, parent: SpanContext | None, task: SpanContext | None) -> Span:
        around = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
        links = [] if task is None else [Link(task, {"swf.relation": "task"})]
        name = UNKNOWN if call.action == "-" else call.action
        began = self._wall.at(call.began)
        return self._tracer.start_span(name, around, SpanKind.SERVER, links=links, start_time=began)

    # --- a call that is sampled ---

    def _end(
        self, span: Span, call: TracedCall, output: Any, status: int, size: int, fault: Fault | None
    ) -> None:
        ended = self._wall.now()
        action = self._actions.get(call.action)
        token = self._token(call, action)
        span.set_attributes(self._said(call, action, status, size, fault))
        span.set_attributes(_names(call, output, token))
        if token is not None:
            span.add_link(self._runs.of_event(token.run_id, token.started_id), {"swf.relation": "task"})
        elif isinstance(output, Run) and output.run_id:
            span.add_link(self._runs.of_event(output.run_id, 1), {"swf.relation": "run"})
        if fault is not None and fault.status >= InternalFailure.status:
            span.set_status(Status(StatusCode.ERROR, fault.code))
        times = self._service.answer_times
        if times is not None:
            self._parts(span, call, action, times)
        span.end(ended)

    def _parts(self, span: Span, call: TracedCall, action: Action | None, times: AnswerTimes) -> None:
        """Where the time went, as far as it is known; of several steps, the last is shown."""
        if action is not None and action.kind == "poll" and times.began > call.began:
            self._part(span, "wait for a task", call.began, times.began)
        if times.ran == times.ended:
            self._part(span, "read", times.began, times.ended)
        else:
            self._batches.answered(span, times)

    def _part(self, span: Span, name: str, began: float, ended: float) -> None:
        part = self._tracer.start_span(
            name, set_span_in_context(span, Context()), start_time=self._wall.at(began)
        )
        part.end(self._wall.at(ended))

    def _token(self, call: TracedCall, action: Action | None) -> TaskToken | None:
        """What the task token of the request names, when this service has made it."""
        text = getattr(call.shape, "task_token", None)
        if action is None or action.task_token is None or text is None or call.tenant is None:
            return None
        if self._tokens is None:
            engine = self._service.engine
            if engine is None:
                return None
            self._tokens = Tokens(engine.secret)
        try:
            return self._tokens.read_task(call.tenant, text, action.task_token)
        except Fault:
            return None

    def _said(
        self, call: TracedCall, action: Action | None, status: int, size: int, fault: Fault | None
    ) -> dict[str, str | int]:
        found: dict[str, str | int] = {
            "rpc.system": "aws-api",
            "rpc.method": call.action if action is not None else UNKNOWN,
            "aws.request_id": call.request_id,
            "http.response.status_code": status,
            "http.request.body.size": len(call.request.body),
            "http.response.body.size": size,
        }
        if action is not None:
            found["rpc.service"] = _SERVICES.get(action.model, action.model)
        if call.tenant is not None:
            found |= {"cloud.account.id": call.tenant.account, "cloud.region": call.tenant.region}
        if fault is not None:
            found["error.type"] = fault.code
        return found


def _names(call: TracedCall, output: Any, token: TaskToken | None) -> dict[str, str]:
    """What the call is about: of its request, else of its answer or of its task token."""
    request = call.shape
    execution: Any = (
        getattr(request, "execution", None) or getattr(output, "workflow_execution", None) or token
    )
    found: dict[str, Any] = {
        "swf.domain": getattr(request, "domain", None),
        "swf.workflow.id": getattr(request, "workflow_id", None) or getattr(execution, "workflow_id", None),
        "swf.run.id": getattr(request, "run_id", None)
        or getattr(execution, "run_id", None)
        or getattr(output, "run_id", None),
        "swf.task_list": getattr(getattr(request, "task_list", None), "name", None),
    }
    return {name: value[:MAX_TEXT] for name, value in found.items() if isinstance(value, str) and value}
