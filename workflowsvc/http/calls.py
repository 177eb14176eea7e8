"""Requests that name an action: what the action returns or raises is the answer.

Owns the mapping of headers and body to a call of the service, and of its output or fault to status, headers and body
(SWF §1.1, §1.2, §1.4). Must not know what an action does, nor how bytes arrive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

from workflowsvc.faults import Fault, InternalFailure, UnknownOperationException
from workflowsvc.http.admission import TARGET, AccessData, Admission
from workflowsvc.http.call_observer import CallObserver, fields_of
from workflowsvc.http.decoding import Decoding
from workflowsvc.http.refusal_log import RefusalLog, names, printable
from workflowsvc.http.request_ids import request_ids
from workflowsvc.model import wire

if TYPE_CHECKING:
    from workflowsvc.access.caller import Caller
    from workflowsvc.clock import Clock
    from workflowsvc.engine.batch_figures import AnswerTimes
    from workflowsvc.http.call_figures import CallFigures
    from workflowsvc.http.call_tracer import CallTracer
    from workflowsvc.http.request import HttpRequest
    from workflowsvc.model.shapes import Shape
    from workflowsvc.service.action import Action
    from workflowsvc.service.disconnect import Disconnect
    from workflowsvc.service.service_model import ServiceModels
    from workflowsvc.settings import Settings
    from workflowsvc.store.rows import DiskSpace
    from workflowsvc.tenant import Tenant

log = logging.getLogger(__name__)


class Service(AccessData, Protocol):
    """What does the work (`workflowsvc.service.api.Api`)."""

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Shape,
        disconnect: Disconnect | None,
        done: Callable[[Any], None],
        request_id: str = "",
        /,
    ) -> None:
        """Gives `done` the output or the fault, later and on the event loop; may raise a Fault at once. `disconnect`
        is set when the client of a call that may wait leaves.
        """
        ...

    @property
    def store_fails(self) -> bool:
        """Whether a write has failed, and it is not known yet that one of its size would be taken."""
        ...

    def ask_for_write(self, done: Callable[[Any], None], /) -> None:
        """Gives `done` None when a write would be taken now, or the error, later and on the event loop; may raise a
        Fault at once.
        """
        ...

    def disk(self) -> DiskSpace | None:
        """Of the disk that holds the data, when it is this machine's. From any thread; may wait for the disk."""
        ...

    async def start(self) -> None: ...
    async def drain(self) -> None:
        """Answers waiting polls empty and finishes what was begun."""
        ...

    def close(self) -> None: ...

    @property
    def answer_times(self) -> AnswerTimes | None:
        """When the parts of the call that is being answered were done, while `done` is called; None when not known."""
        ...

    @property
    def is_alive(self) -> bool:
        """False when nothing will be written any more, until the process is started again."""
        ...

    @property
    def has_begun(self) -> bool:
        """Whether the store could be used once."""
        ...


class ActionCalls:
    """Handlers of requests that name an action."""

    def __init__(
        self,
        service: Service,
        models: ServiceModels,
        admission: Admission,
        settings: Settings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        figures: CallFigures | None = None,
        tracer: CallTracer | None = None,
    ) -> None:
        """Calls are counted in `figures`, and traced by `tracer`."""
        self._service = service
        self._models = models
        self._targets: dict[bytes | None, Action] = {
            target.encode(): action for target, action in models.targets.items()
        }
        self._admission = admission
        self._decoding = Decoding(settings.quotas.max_data_characters)
        self._clock = clock
        self._ids = request_ids(random_bytes)
        self._refusals = RefusalLog(clock)
        self._observer = CallObserver(service, settings, clock, figures)
        self._tracer = tracer

    def by_target(self, request: HttpRequest) -> None:
        """`POST /`: the action is named by X-Amz-Target (SWF §1.1.1). This is what SDKs send."""
        self._call(request, self._named_by_target)

    def by_path(self, request: HttpRequest) -> None:
        """`POST /<Action>`: for people with curl."""
        self._call(request, self._named_by_path)

    def unknown(self, request: HttpRequest) -> None:
        """Names no action."""
        self._call(request, _not_named)

    def _call(self, request: HttpRequest, find_action: Callable[[HttpRequest], Action]) -> None:
        request_id = next(self._ids)
        reply = _Reply(request, request_id, self._clock, self._refusals, self._observer, self._tracer)
        try:
            action = find_action(request)
            reply.action = action.name
            caller = self._admission(request, request_id)
            reply.tenant = caller.tenant
            shape = self._decoding.now(action.decode, request.body)
            if shape is None:
                begin = partial(self._begin, request, action, caller, reply)
                self._decoding.later(caller.tenant, action.decode, request.body, begin)
            else:
                disconnect = request.watch_disconnect() if action.may_wait else None
                reply.shape = shape
                self._service.begin(action, caller, shape, disconnect, reply, request_id)
        except Exception as error:
            reply(error)

    def _begin(
        self,
        request: HttpRequest,
        action: Action,
        caller: Caller,
        reply: _Reply,
        shape: Shape | BaseException,
    ) -> None:
        try:
            if isinstance(shape, BaseException):
                raise shape
            disconnect = request.watch_disconnect() if action.may_wait else None
            reply.shape = shape
            self._service.begin(action, caller, shape, disconnect, reply, reply.request_id)
        except Exception as error:
            reply(error)

    def _named_by_target(self, request: HttpRequest) -> Action:
        action = self._targets.get(request.header(TARGET))
        if action is None:
            raise UnknownOperationException
        return action

    def _named_by_path(self, request: HttpRequest) -> Action:
        if request.header(TARGET) is not None:
            raise UnknownOperationException  # two names
        return self._models.by_name(request.path.removeprefix("/"))


def _not_named(_: HttpRequest) -> Action:
    raise UnknownOperationException


# Installations have a few kinds of clients.
@lru_cache(maxsize=64)
def _content_type(of_request: bytes | None) -> bytes:
    """That of the answer."""
    return wire.response_content_type((of_request or b"").decode("latin-1")).encode()


class _Reply:
    """Called by the service with the output, or with the exception that says why there is none. A fault is an answer;
    any other exception is a bug of ours, and is logged.
    """

    __slots__ = (
        "_clock",
        "_observer",
        "_refusals",
        "_tracer",
        "action",
        "began",
        "request",
        "request_id",
        "shape",
        "tenant",
    )

    def __init__(
        self,
        request: HttpRequest,
        request_id: str,
        clock: Clock,
        refusals: RefusalLog,
        observer: CallObserver,
        tracer: CallTracer | None,
    ) -> None:
        self.request = request
        self.request_id = request_id
        self._clock = clock
        self._refusals = refusals
        self._observer = observer
        self._tracer = tracer
        self.shape: Shape | None = None
        self.began = clock.monotonic()
        self.action = "-"
        self.tenant: Tenant | None = None

    def __repr__(self) -> str:
        return f"{self.action}, request {self.request_id}"

    def __call__(self, output: Any) -> None:
        status, fault, bug = 200, None, None
        try:
            if isinstance(output, BaseException):
                raise output
            body = wire.encode(output)
        except Fault as refusal:
            fault = refusal
            status, body = fault.status, fault.body()
        except Exception:
            fields = {"requestId": self.request_id, "action": self.action}
            log.exception("request %s: %s failed", self.request_id, self.action, extra={"fields": fields})
            bug = InternalFailure()
            status, body = bug.status, bug.body()
        content_type = _content_type(self.request.header(b"content-type"))
        fields = [(b"x-amzn-requestid", self.request_id.encode()), (b"content-type", content_type)]
        if self._tracer is None:
            self.request.respond(status, fields, body)
        else:
            self._tracer.respond(self, output, status, fields, body, fault or bug)
        self._observer.answered(self, status, fault or bug, len(body))
        if fault is not None and self._log_refusal(fault):
            return
        if log.isEnabledFor(logging.DEBUG):
            fields = fields_of(self, status, fault, self._clock.monotonic() - self.began)
            log.debug("%s", self._line(status, fault), extra={"fields": fields})

    def _log_refusal(self, fault: Fault) -> bool:
        """Whether it was logged. Faults of the service are one kind for all: what causes them is logged elsewhere."""
        if fault.status >= InternalFailure.status:
            kind: object = fault.code
            level = logging.WARNING
        else:
            kind = (self.tenant, self.action, fault.code)
            level = logging.INFO
        return self._refusals.write(
            kind,
            partial(self._line, fault.status, fault),
            level=level,
            fields=lambda: fields_of(self, fault.status, fault, self._clock.monotonic() - self.began),
        )

    def _line(self, status: int, fault: Fault | None) -> str:
        """For the log: names, never data."""
        line = (
            f"request {self.request_id}: {self.action} for {self.tenant.key if self.tenant else 'no tenant'} answered "
            f"{status} in {(self._clock.monotonic() - self.began) * 1000:.1f} ms"
        )
        if fault is None:
            return line + names(self.request.body, None, None)
        reason = f"{fault.code}: {fault.detail}" if fault.detail else fault.code
        return f"{line}: {printable(reason)}{names(self.request.body, fault.workflow_id, fault.run_id)}"
