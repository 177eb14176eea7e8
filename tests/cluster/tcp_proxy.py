"""The network between a node and its database, which a test can cut, hold up, or let lie.

Owns the sockets and what befalls them; it knows nothing of what is said over them. It lives in the event loop of the
clients, unlike `tests/postgres/proxy.py`, which is for tests that wait and cuts at a chosen statement.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal, cast

HOST = "127.0.0.1"

Way = Literal["both", "questions", "answers"]
"""What is held up: what nodes send, what the database sends, or both. Nothing is lost until the proxy is cut."""


class _Link:
    """One connection: both of its ends."""

    def __init__(self) -> None:
        self.node: asyncio.Transport | None = None
        self.database: asyncio.Transport | None = None

    def cut(self) -> None:
        for transport in (self.node, self.database):
            if transport is not None:
                transport.abort()


class _End(asyncio.Protocol):
    """Sends on what it hears."""

    def __init__(self, proxy: TcpProxy, link: _Link, *, of_node: bool) -> None:
        self._proxy = proxy
        self._link = link
        self._of_node = of_node

    @property
    def _other(self) -> asyncio.Transport | None:
        return self._link.database if self._of_node else self._link.node

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast("asyncio.Transport", transport)
        if self._of_node:
            self._link.node = made
            # Until the database is reached. In 3.11.2 reading begins behind this method, whatever is said in it.
            asyncio.get_running_loop().call_soon(made.pause_reading)
            self._proxy.accepted(self._link)
        else:
            self._link.database = made

    def data_received(self, data: bytes) -> None:
        if (other := self._other) is not None:
            other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.ended(self._link, at_node=self._of_node)


class TcpProxy:
    """Listens on a free port of 127.0.0.1, and leads to another one."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._abandoned: set[_Link] = set()
        self._held: Way | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusing = False
        self.port = 0

    async def open(self) -> None:
        """From now on it has a `port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _End(self, _Link(), of_node=True), HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        self.let_go()

    # --- what can befall it ---

    def cut(self) -> None:
        """Every connection ends, for both sides to see. What was under way is lost."""
        for link in list(self._links):
            link.cut()

    def abandon(self) -> None:
        """Every connection ends for the node; the database hears nothing of it, as when a cable was pulled."""
        for link in list(self._links):
            self._links.discard(link)
            self._abandoned.add(link)
            if link.database is not None:
                link.database.pause_reading()
            if link.node is not None:
                link.node.abort()

    def let_go(self) -> None:
        """The database hears, at last, that those connections have ended."""
        for link in list(self._abandoned):
            self._abandoned.discard(link)
            link.cut()

    def hold(self, way: Way) -> None:
        """Nothing passes that way, and nobody is told why."""
        self._held = way
        for link in self._links:
            self._apply(link)

    def release(self) -> None:
        """What was held up arrives."""
        self._held = None
        for link in self._links:
            self._apply(link)

    # --- the ends' side ---

    def accepted(self, link: _Link) -> None:
        if self.refusing:
            link.cut()
            return
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, link: _Link) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _End(self, link, of_node=False), HOST, self._to_port)
        except OSError:
            link.cut()
            return
        if link in self._links:
            self._apply(link)
        else:
            link.cut()  # it was, meanwhile

    def _apply(self, link: _Link) -> None:
        for transport, way in ((link.node, "questions"), (link.database, "answers")):
            if transport is not None and link.database is not None and not transport.is_closing():
                held = self._held in ("both", way)
                with contextlib.suppress(RuntimeError):  # it reads, or does not, already
                    transport.pause_reading() if held else transport.resume_reading()

    def ended(self, link: _Link, *, at_node: bool) -> None:
        """One end has hung up, so the other one must, unless that is to know nothing of it."""
        if at_node and link in self._abandoned:
            return
        self._links.discard(link)
        self._abandoned.discard(link)
        link.cut()
