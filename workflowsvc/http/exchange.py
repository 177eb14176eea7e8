"""One request and its answer, as ASGI sees them: the body is there at the start, the answer leaves whole.

Owns the ASGI scope, `receive` and `send` of one request, and the bytes of an answer. Must not know how
requests are framed or when connections end; `protocol.py` tells it with `hang_up`.

An answer is written in one piece with its Content-Length, because everything this service says is complete
before it is said: nothing leaves before its commit (design, section 3). Streaming applications work,
gathered.
"""

from __future__ import annotations

import asyncio
import http
import logging
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    HeaderList = list[tuple[bytes, bytes]]

log = logging.getLogger(__name__)

HANG_UP = "workflowsvc.hang_up"
"""In `scope["extensions"]`: a function that takes a callback for when the client goes away."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus
}


class Line(Protocol):
    """The connection, as far as an exchange needs it."""

    async def writable(self) -> None:
        """Returns once the client has taken in enough of what was written before."""
        ...

    def date(self) -> bytes:
        """The Date header line of an answer written now."""
        ...

    def stays_open(self, exchange: Exchange) -> bool:
        """Whether another request may follow this one."""
        ...

    def write_answer(self, exchange: Exchange, answer: bytes) -> None: ...

    def abort(self) -> None: ...


class Exchange:
    """A request in work."""

    __slots__ = (
        "_gone",
        "_head",
        "_hung_up",
        "_line",
        "_parts",
        "_received",
        "_then",
        "body",
        "complete",
        "keep_alive",
        "scope",
    )

    def __init__(self, line: Line, scope: Scope, body: bytes, *, keep_alive: bool) -> None:
        self.scope = scope
        self.body = body
        self.keep_alive = keep_alive
        self.complete = False
        self._line = line
        self._received = False
        self._hung_up = False
        self._gone: asyncio.Future[None] | None = None
        self._then: Callable[[], None] | None = None
        scope["extensions"] = {HANG_UP: self.on_hang_up}
        self._head: Message | None = None
        self._parts: list[bytes] = []

    async def run(self, app: App) -> None:
        """The application answers. If it fails to, the connection is closed: nothing true is left to say."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("the application raised")
        if not self.complete and not self._hung_up:
            self._line.abort()

    def on_hang_up(self, callback: Callable[[], None]) -> None:
        """An ASGI extension: calls back when the client goes, so that nobody needs a task that waits for it."""
        self._then = callback
        if self._hung_up:
            callback()

    @property
    def may_wait_long(self) -> bool:
        """Only what may wait long asks to be told when the client goes."""
        return self._then is not None and not self.complete

    def hang_up(self) -> None:
        """The client is gone, or can at least not be told from one that is: `receive` says so."""
        self._hung_up = True
        if self._then is not None:
            self._then()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    async def receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        if not self._hung_up and not self.complete:
            self._gone = asyncio.get_running_loop().create_future()
            await self._gone
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.complete:
            return
        if self._head is None:
            self._head = message
            return
        body = cast("bytes", message.get("body", b""))
        if message.get("more_body", False):
            self._parts.append(body)
            return
        if self._parts:
            body = b"".join([*self._parts, body])
        await self._line.writable()
        self.complete = True
        stays_open = self._line.stays_open(self)
        head = render_head(
            self._head["status"], self._head["headers"], len(body), self._line.date(), stays_open
        )
        # The answer to HEAD has the length of what a GET would bring, and none of it.
        self._line.write_answer(self, head if self.scope["method"] == "HEAD" else head + body)


def render_head(status: int, headers: HeaderList, length: int, date: bytes, stays_open: bool) -> bytes:
    """The bytes before the body. The length is that of what is sent, whatever the headers say."""
    lines = [_STATUS_LINES[status], date]
    for name, value in headers:
        if name != b"content-length":
            lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"content-length: %d\r\n" % length)
    if not stays_open:
        lines.append(b"connection: close\r\n")
    head = b"".join(lines)
    # A value that brings its own line break would split the answer in two.
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise ValueError("a header of the answer contains a line break")
    return head + b"\r\n"
