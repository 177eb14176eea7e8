"""The HTTP/1.1 client of the load generator: one keep-alive connection, with as little CPU as possible.

The generator shares two cores with the server, so a client library would distort the figures. Owns framing and the time
at which an answer arrived. Must not know SWF. One request at a time and no chunked answers, which suffices for the
servers that are measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import NamedTuple, Protocol, cast


class Answer(NamedTuple):
    """An answer: its status and its body."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """An open connection; `call` sends a request and returns a future of its answer."""

    def __init__(self) -> None:
        self.answered_at = 0.0  # perf_counter at the end of the last answer
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._head = b""  # the part of an incomplete header that has arrived
        self._status = 0
        self._parts: list[bytes] = []  # of a body that needs several reads
        self._missing = 0  # bytes

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def call(self, request: bytes) -> asyncio.Future[Answer]:
        """Sends the request, after the previous answer has arrived. OSError when the connection is closed."""
        assert self._waiting is None, "one request at a time"
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._waiting = self._loop.create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        """Closes the connection. The future of an answer that has not arrived is canceled."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop are no subclasses of asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing <= 0:
                self._answer(b"".join(self._parts))
            return
        data = self._head + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._head = data
            return
        self._head = b""
        self._status = int(data[9:12])
        missing = content_length(data, end) - (len(data) - end - 4)
        if missing:
            self._parts, self._missing = [data[end + 4 :]], missing
        else:
            self._answer(data[end + 4 :])

    def _answer(self, body: bytes) -> None:
        self.answered_at = perf_counter()
        waiting, self._waiting, self._parts, self._missing = self._waiting, None, [], 0
        if waiting is not None and not waiting.done():
            waiting.set_result(Answer(self._status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(exc or ConnectionResetError("the server has closed the connection"))


class ConnectionPerCall:
    """The same for a server that closes the connection after each answer, as moto_server does."""

    def __init__(self, host: str, port: int) -> None:
        self.answered_at = 0.0
        self._address = host, port

    async def call(self, request: bytes) -> Answer:
        connection = await Connection.open(*self._address)
        try:
            answer = await connection.call(request)
            self.answered_at = connection.answered_at
            return answer
        finally:
            connection.close()


class Client(Protocol):
    """Either of the two."""

    answered_at: float

    def call(self, request: bytes) -> Awaitable[Answer]: ...


@asynccontextmanager
async def connected(host: str, port: int, *, keep_alive: bool = True) -> AsyncIterator[Client]:
    """A connection for the block, closed at its end even if an answer is still missing."""
    if not keep_alive:
        yield ConnectionPerCall(host, port)
        return
    connection = await Connection.open(host, port)
    try:
        yield connection
    finally:
        connection.close()


def content_length(data: bytes, end: int) -> int:
    """The content-length in the header that ends at `end`, in any case. ValueError without one."""
    at = data.find(b"ontent-", 0, end)
    while at >= 0:
        if data[at + 7 : at + 14].lower() == b"length:":
            return int(data[at + 14 : data.find(b"\r\n", at)])
        at = data.find(b"ontent-", at + 7, end)
    raise ValueError(f"an answer without content-length: {data[:end]!r}")
