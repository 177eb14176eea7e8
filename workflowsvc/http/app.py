"""The application: a request names an action; what the action returns or raises is the answer.

Owns the mapping of method, path and headers to actions and back to status, headers and body (SWF §1.1,
§1.2, §1.4), and the health pages. Must not know what an action does, nor how bytes arrive (`protocol.py`).

    POST /  with X-Amz-Target: SimpleWorkflowService.<Action>   what SDKs send
    POST /<Action>                                              the same for people with curl
    GET  /                                                      one line that says what answers here
    GET  /livez, /readyz                                        for whoever restarts or routes (QUALITY §6.4)
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, Protocol

from workflowsvc import __version__
from workflowsvc.faults import (
    AccessDeniedException,
    Fault,
    InternalFailure,
    UnknownOperationException,
)
from workflowsvc.http.credentials import Tenants
from workflowsvc.http.request_ids import request_ids
from workflowsvc.model import wire
from workflowsvc.service.polls import Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflowsvc.clock import Clock
    from workflowsvc.http.exchange import Exchange
    from workflowsvc.model.shapes import Shape
    from workflowsvc.settings import Settings
    from workflowsvc.tenant import Tenant

log = logging.getLogger(__name__)

HEALTH_LINE = f"workflowsvc {__version__}: Amazon SWF, API version 2012-01-25\n".encode()
READY_SECONDS = 1.0  # QUALITY §6.4: a database that needs longer is not ready

# These may wait, so these are told when their client goes away.
POLLS = frozenset(("PollForDecisionTask", "PollForActivityTask"))


class Service(Protocol):
    """What does the work (workflowsvc.service.api.Api)."""

    def begin(
        self, operation: str, tenant: Tenant, request: Shape, gone: Gone | None, done: Callable[[Any], None]
    ) -> None:
        """Gives `done` the output or the fault, later and on the event loop; may raise a Fault at once. `gone` is set
        when the client of a poll goes away.
        """
        ...

    async def start(self) -> None: ...
    async def drain(self) -> None:
        """Answers waiting polls empty and finishes what was begun."""
        ...

    def close(self) -> None: ...


class HttpApp:
    """The application; `draining` makes it say that it is not ready."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        clock: Clock,
        entropy: Callable[[int], bytes] = os.urandom,  # noqa: TID251 - of request ids; tests give a seeded one
    ) -> None:
        self.draining = False
        self._service = service
        self._clock = clock
        self._tenants = Tenants(settings.account, settings.region)
        self._most_data = settings.quotas.max_data_characters
        self._ids = request_ids(entropy)
        self._health_checks: set[asyncio.Task[None]] = set()

    def handle(self, exchange: Exchange) -> None:
        """Answers a request, now or when the service has."""
        headers = exchange.headers
        if exchange.method != b"POST" and b"x-amz-target" not in headers and self._answers_health(exchange):
            return
        reply = _Reply(exchange, next(self._ids), self._clock)
        try:
            reply.operation = operation = operation_of(exchange)
            if b"origin" in headers:
                # Only browsers send it. A page of somebody else must not drive a service that asks for no password.
                raise AccessDeniedException("Requests from web pages are not accepted")
            reply.tenant = tenant = self._tenants.of(headers.get(b"authorization"))
            request = wire.decode(operation, exchange.body, self._most_data)
            gone = None
            if operation in POLLS:
                gone = Gone()
                exchange.on_hang_up(gone.set)
            self._service.begin(operation, tenant, request, gone, reply)
        except Exception as error:
            reply(error)

    # --- health ---

    def _answers_health(self, exchange: Exchange) -> bool:
        """False when there is no such page."""
        path = exchange.path
        if exchange.method not in (b"GET", b"HEAD") or path not in ("/", "/livez", "/readyz"):
            return False
        if path == "/readyz" and not self.draining:
            check = asyncio.get_running_loop().create_task(self._answer_ready(exchange))
            self._health_checks.add(check)
            check.add_done_callback(self._health_checks.discard)
        elif path == "/readyz":
            exchange.respond(503, _TEXT, b"stopping\n")
        else:
            # /livez: the event loop turns, or nobody would say so
            exchange.respond(200, _TEXT, HEALTH_LINE if path == "/" else b"ok\n")
        return True

    async def _answer_ready(self, exchange: Exchange) -> None:
        if await self._store_answers():
            exchange.respond(200, _TEXT, b"ok\n")
        else:
            exchange.respond(503, _TEXT, b"the store does not answer\n")

    async def _store_answers(self) -> bool:
        """Whether a small real question is answered in time."""
        question = wire.decode("ListDomains", b'{"registrationStatus":"REGISTERED","maximumPageSize":1}')
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(output: Any) -> None:
            if not answer.done():
                answer.set_result(output)

        try:
            self._service.begin("ListDomains", self._tenants.default, question, None, done)
            async with asyncio.timeout(READY_SECONDS):
                output = await answer
        except Exception as error:
            output = error
        if isinstance(output, BaseException):
            log.warning("not ready: %r", output)
            return False
        return True


class _Reply:
    """What the service calls with the output, or with the exception that says why there is none. A fault is an answer;
    any other exception is our bug, and the log has it.
    """

    __slots__ = ("_began", "_clock", "_exchange", "_request_id", "operation", "tenant")

    def __init__(self, exchange: Exchange, request_id: str, clock: Clock) -> None:
        self._exchange = exchange
        self._request_id = request_id
        self._clock = clock
        self._began = clock.monotonic()
        self.operation = "-"
        self.tenant: Tenant | None = None

    def __call__(self, output: Any) -> None:
        status = 200
        try:
            if isinstance(output, BaseException):
                raise output
            body = wire.encode(output)
        except Fault as fault:
            status, body = fault.status, fault.body()
        except Exception:
            log.exception("request %s: %s failed", self._request_id, self.operation)
            status, body = InternalFailure.status, InternalFailure().body()
        asked = self._exchange.headers.get(b"content-type", b"").decode("latin-1")
        content_type = wire.response_content_type(asked).encode()
        fields = [(b"x-amzn-requestid", self._request_id.encode()), (b"content-type", content_type)]
        self._exchange.respond(status, fields, body)
        if log.isEnabledFor(logging.DEBUG):
            whose = self.tenant.key if self.tenant else "nobody"
            took = (self._clock.monotonic() - self._began) * 1000
            log.debug(
                "request %s: %s for %s answered %d in %.1f ms",
                self._request_id,
                self.operation,
                whose,
                status,
                took,
            )


_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


def operation_of(exchange: Exchange) -> str:
    """The action that a request names: in its target header (SWF §1.1.1), or else in its path."""
    if exchange.method != b"POST":
        raise UnknownOperationException
    target = exchange.headers.get(b"x-amz-target")
    if target is not None:
        if exchange.path != "/":
            raise UnknownOperationException
        return wire.operation_of(target.decode("latin-1"))
    if "." in exchange.path:
        raise UnknownOperationException  # the target's prefixes have no business in a path
    return wire.operation_of(exchange.path.removeprefix("/"))
