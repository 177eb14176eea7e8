"""A plain ASGI application: a request names an action; what the action returns or raises is the answer.

Owns the mapping of method, path and headers to actions and back to status, headers and body (reference 1.1,
1.2, 1.4), and the health pages. Must not know what an action does, nor how bytes arrive (`protocol.py`).

    POST /  with X-Amz-Target: SimpleWorkflowService.<Action>   what SDKs send
    POST /<Action>                                              the same for people with curl
    GET  /                                                      one line that says what answers here
    GET  /livez, /readyz                                        for whoever restarts or routes (quality 6.4)
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Protocol, cast

from workflowsvc import __version__
from workflowsvc.faults import (
    AccessDeniedException,
    Fault,
    InternalFailure,
    RequestEntityTooLargeException,
    UnknownOperationException,
)
from workflowsvc.http.credentials import Tenants
from workflowsvc.http.exchange import HANG_UP
from workflowsvc.http.request_ids import request_ids
from workflowsvc.model import wire
from workflowsvc.service.polls import Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflowsvc.clock import Clock
    from workflowsvc.http.exchange import HeaderList, Receive, Scope, Send
    from workflowsvc.model.shapes import Shape
    from workflowsvc.settings import Settings
    from workflowsvc.tenant import Tenant

log = logging.getLogger(__name__)

HEALTH_LINE = f"workflowsvc {__version__}: Amazon SWF, API version 2012-01-25\n".encode()
READY_SECONDS = 1.0  # quality 6.4: a database that needs longer is not ready

# These may wait, so these are told when their client goes away.
POLLS = frozenset(("PollForDecisionTask", "PollForActivityTask"))


class Service(Protocol):
    """What does the work (workflowsvc.service.api.Api)."""

    async def call(
        self, operation: str, tenant: Tenant, request: Shape, gone: Gone | None
    ) -> Shape | bytes | None:
        """The output; raises Fault. `gone` is set when the client of a poll goes away."""
        ...

    async def start(self) -> None: ...
    async def drain(self) -> None:
        """Answers waiting polls empty and finishes what was begun."""
        ...

    def close(self) -> None: ...


class Disconnected(Exception):
    """The client left before its request was complete."""


class HttpApp:
    """The application; `draining` makes it say that it is not ready."""

    def __init__(
        self, service: Service, settings: Settings, clock: Clock, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.draining = False
        self._service = service
        self._clock = clock
        self._tenants = Tenants(settings.account, settings.region)
        self._max_body_bytes = settings.max_body_bytes
        self._ids = request_ids(entropy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"this application does not speak {scope['type']}")
        headers: dict[bytes, bytes] = dict(cast("HeaderList", scope["headers"]))
        if scope["method"] in ("GET", "HEAD") and b"x-amz-target" not in headers:
            status, body = await self._health(scope["path"])
            if status:
                await answer(send, status, [(b"content-type", b"text/plain; charset=utf-8")], body)
                return
        request_id = next(self._ids)
        try:
            status, body = await self._act(scope, headers, receive, request_id)
        except Disconnected:
            return
        content_type = wire.response_content_type(headers.get(b"content-type", b"").decode("latin-1"))
        fields = [(b"x-amzn-requestid", request_id.encode()), (b"content-type", content_type.encode())]
        await answer(send, status, fields, body)

    async def _act(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, request_id: str
    ) -> tuple[int, bytes]:
        """Status and body. A fault is an answer; anything else is our bug, and the log has it."""
        began = self._clock.monotonic()
        operation, tenant, status = "-", self._tenants.default, 200
        try:
            body = await self._body(receive)
            operation = operation_of(scope, headers)
            if b"origin" in headers:
                # Only browsers send it. A page of somebody else must not drive a service that asks for no
                # password.
                raise AccessDeniedException("Requests from web pages are not accepted")
            tenant = self._tenants.of(headers.get(b"authorization"))
            request = wire.decode(operation, body)
            if operation in POLLS:
                gone = Gone()
                scope["extensions"][HANG_UP](gone.set)
                output = await self._service.call(operation, tenant, request, gone)
            else:
                output = await self._service.call(operation, tenant, request, None)
            answer_body = wire.encode(output)
        except Fault as fault:
            status, answer_body = fault.status, fault.body()
        except Disconnected:
            raise
        except Exception:
            log.exception("request %s: %s failed", request_id, operation)
            status, answer_body = InternalFailure.status, InternalFailure().body()
        if log.isEnabledFor(logging.DEBUG):
            took = (self._clock.monotonic() - began) * 1000
            log.debug(
                "request %s: %s for %s answered %d in %.1f ms",
                request_id,
                operation,
                tenant.key,
                status,
                took,
            )
        return status, answer_body

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        body = cast("bytes", message.get("body", b""))
        while message.get("more_body", False):
            if len(body) > self._max_body_bytes:
                break
            message = await receive()
            if message["type"] != "http.request":
                raise Disconnected
            body += cast("bytes", message.get("body", b""))
        if len(body) > self._max_body_bytes:
            raise RequestEntityTooLargeException
        return body

    async def _health(self, path: str) -> tuple[int, bytes]:
        """Status and page; 0 when there is no such page."""
        if path == "/":
            return 200, HEALTH_LINE
        if path == "/livez":
            return 200, b"ok\n"  # the event loop turns, or nobody would have said so
        if path == "/readyz":
            if self.draining:
                return 503, b"stopping\n"
            return (200, b"ok\n") if await self._store_answers() else (503, b"the store does not answer\n")
        return 0, b""

    async def _store_answers(self) -> bool:
        """Whether a small real question is answered in time."""
        question = wire.decode("ListDomains", b'{"registrationStatus":"REGISTERED","maximumPageSize":1}')
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._service.call("ListDomains", self._tenants.default, question, None)
        except Exception as error:
            log.warning("not ready: %r", error)
            return False
        return True


def operation_of(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The action that a request names: in its target header (reference 1.1.1), or else in its path."""
    path = cast("str", scope["path"])
    if scope["method"] != "POST":
        raise UnknownOperationException
    target = headers.get(b"x-amz-target")
    if target is not None:
        if path != "/":
            raise UnknownOperationException
        return wire.operation_of(target.decode("latin-1"))
    if "." in path:
        raise UnknownOperationException  # the target's prefixes have no business in a path
    return wire.operation_of(path.removeprefix("/"))


async def answer(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
