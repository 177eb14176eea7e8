"""One request and its answer: the body is there at the start, the answer leaves whole.

Owns what the application sees of a request, and the bytes of an answer. Must not know how requests are framed or when
connections end; `protocol.py` tells it with `hang_up`.

An answer is written in one piece with its Content-Length, because everything this service says is complete before it is
said: nothing leaves before its commit (docs/decisions/0004-one-writer-loop-group-commit.md).
"""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    HeaderList = list[tuple[bytes, bytes]]

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus
}


class Line(Protocol):
    """The connection, as far as an exchange needs it."""

    def date(self) -> bytes:
        """The Date header line of an answer written now."""
        ...

    def stays_open(self, exchange: Exchange) -> bool:
        """Whether another request may follow this one."""
        ...

    def write_answer(self, exchange: Exchange, answer: bytes) -> None:
        """Writes it once the client has taken in enough of what was written before."""
        ...


class App(Protocol):
    """What answers requests. It must not raise, and must call `respond` in the end."""

    def handle(self, exchange: Exchange) -> None: ...


class Exchange:
    """A request in work. `headers` are as received, names in lower case; of a name given twice the last one counts."""

    __slots__ = ("_line", "_then", "body", "complete", "headers", "hung_up", "keep_alive", "method", "path")

    def __init__(
        self,
        line: Line,
        method: bytes,
        path: str,
        headers: dict[bytes, bytes],
        body: bytes,
        *,
        keep_alive: bool,
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive
        self.complete = False
        self.hung_up = False
        self._line = line
        self._then: Callable[[], None] | None = None

    def on_hang_up(self, callback: Callable[[], None]) -> None:
        """Calls back when the client goes, so that nobody needs a task that waits for it."""
        self._then = callback
        if self.hung_up:
            callback()

    @property
    def may_wait_long(self) -> bool:
        """Only what may wait long asks to be told when the client goes."""
        return self._then is not None and not self.complete

    def hang_up(self) -> None:
        """The client is gone, or can at least not be told from one that is."""
        self.hung_up = True
        if self._then is not None:
            self._then()

    def respond(self, status: int, fields: HeaderList, body: bytes) -> None:
        """The answer; a second one is ignored."""
        if self.complete:
            return
        self.complete = True
        self._then = None  # what waits for the client's going knows this exchange: a circle
        line = self._line
        head = render_head(status, fields, len(body), line.date(), line.stays_open(self))
        # The answer to HEAD has the length of what a GET would bring, and none of it.
        line.write_answer(self, head if self.method == b"HEAD" else head + body)


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
