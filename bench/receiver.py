"""A receiver of webhooks, with as little CPU as possible: each request is answered 204 as soon as it is there.

It shares the generator's event loop, and so its core. Owns framing. Must not know what is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from bench.connection import content_length

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

Take = Callable[[bytes], None]
"""Gets the body of each request."""


class _Connection(asyncio.Protocol):
    def __init__(self, take: Take) -> None:
        self._take = take
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (head := self._data.find(b"\r\n\r\n")) >= 0:
            end = head + 4 + content_length(self._data, head)
            if len(self._data) < end:
                return
            body, self._data = self._data[head + 4 : end], self._data[end:]
            if self._transport is not None:
                self._transport.write(NO_CONTENT)
            self._take(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None


@asynccontextmanager
async def receiving(take: Take) -> AsyncIterator[str]:
    """The URL of a receiver for the block."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(take), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
