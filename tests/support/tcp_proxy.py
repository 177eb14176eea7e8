"""A TCP proxy between a client and its server: a test can cut connections, hold bytes up, or lose one answer.

Owns the sockets and the faults. Of PostgreSQL's protocol it knows only how a message names the prepared statement to
execute. It lives in the event loop of its test; `BlockingTcpProxy` has a loop in a thread, for a test that blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Literal, NamedTuple, cast

from tests.support.waiting import PATIENCE_SECONDS

HOST = "127.0.0.1"

Direction = Literal["both", "requests", "answers"]
"""What is held up: what clients send, what the server sends, or both. It arrives later unless the connection is cut."""

Cut = Literal["before", "at", "after"]
"""Where a connection is lost. `before`: nothing that is sent with the statement arrives. `at`: what precedes the
statement arrives and is answered. `after`: the statement arrives and is executed, but its answer is lost."""

_HEADER_BYTES = 5  # of a message, before the name of its statement: a letter and four bytes of length
_COMMITTED = b"COMMIT\0"  # the end of the server's answer to a commit
_SYNC = b"S\0\0\0\4"  # the end of what a client sends before it waits for all answers
_ANSWER_SECONDS = 60.0  # a connection is cut without the awaited answer after this


class _StatementCut(NamedTuple):
    name: bytes
    where: Cut
    and_refuse: bool


class _Link:
    """One proxied connection: both of its ends."""

    def __init__(self) -> None:
        self.client: asyncio.Transport | None = None
        self.server: asyncio.Transport | None = None
        self.awaits_answer = False
        self.closes_after_answer = False
        self.loses_commit_answer = False
        self.closing = False

    def abort(self) -> None:
        for transport in (self.client, self.server):
            if transport is not None:
                transport.abort()

    def close(self) -> None:
        """Both ends see the end of the connection, after what was sent to them."""
        self.closing = True
        for transport in (self.client, self.server):
            if transport is not None:
                transport.close()


class _End(asyncio.Protocol):
    """One end of a link: passes what it receives to the proxy."""

    def __init__(self, proxy: TcpProxy, link: _Link, *, of_client: bool) -> None:
        self._proxy = proxy
        self._link = link
        self._of_client = of_client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast("asyncio.Transport", transport)
        if self._of_client:
            self._link.client = made
            # Until the server is reached. Python 3.11.2 begins to read after this method returns: pause later.
            asyncio.get_running_loop().call_soon(made.pause_reading)
            self._proxy.accepted(self._link)
        else:
            self._link.server = made

    def data_received(self, data: bytes) -> None:
        if not self._link.closing:
            (self._proxy.requested if self._of_client else self._proxy.answered)(self._link, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.ended(self._link, at_client=self._of_client)


class TcpProxy:
    """Listens on a free port of 127.0.0.1 and forwards to another port there."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._abandoned: set[_Link] = set()
        self._held: Direction | None = None
        self._statement_cut: _StatementCut | None = None
        self._keeps_back_sync = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusing = False
        self.port = 0

    async def open(self) -> None:
        """Starts to listen; `port` is known afterwards."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _End(self, _Link(), of_client=True), HOST, 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self.cut()
        self.end_abandoned()

    # --- faults ---

    def cut(self) -> None:
        """Ends every connection at both ends. Bytes under way are lost."""
        for link in list(self._links):
            link.abort()

    def cut_at(self, statement: str, where: Cut, *, and_refuse: bool = False) -> None:
        """Cuts the connection that executes this prepared statement next; `and_refuse`: and accepts no other."""
        self._statement_cut = _StatementCut(b"\0" + statement.encode() + b"\0", where, and_refuse)

    def keep_back_sync(self) -> None:
        """The server does not see that the next thing that is sent to it is complete: it carries it out, and waits."""
        self._keeps_back_sync = True

    def abandon(self) -> None:
        """Ends every connection for the client; the server notices nothing, as when a cable was pulled."""
        for link in list(self._links):
            self._links.discard(link)
            self._abandoned.add(link)
            if link.server is not None:
                link.server.pause_reading()
            if link.client is not None:
                link.client.abort()

    def end_abandoned(self) -> None:
        """The server sees the end of the abandoned connections."""
        for link in list(self._abandoned):
            self._abandoned.discard(link)
            link.abort()

    def hold(self, direction: Direction) -> None:
        """Nothing passes in this direction; connections stay open."""
        self._held = direction
        for link in self._links:
            self._apply_hold(link)

    def release(self) -> None:
        """What was held up arrives."""
        self._held = None
        for link in self._links:
            self._apply_hold(link)

    # --- called by the ends of links ---

    def accepted(self, link: _Link) -> None:
        if self.refusing:
            link.abort()
            return
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, link: _Link) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _End(self, link, of_client=False), HOST, self._to_port)
        except OSError:
            link.abort()
            return
        if link in self._links:
            self._apply_hold(link)
        else:
            link.abort()  # it was cut meanwhile

    def _apply_hold(self, link: _Link) -> None:
        for transport, direction in ((link.client, "requests"), (link.server, "answers")):
            if transport is not None and link.server is not None and not transport.is_closing():
                held = self._held in ("both", direction)
                with contextlib.suppress(RuntimeError):  # it is in this state already
                    transport.pause_reading() if held else transport.resume_reading()

    def requested(self, link: _Link, data: bytes) -> None:
        """Bytes from the client."""
        assert link.server is not None  # the client's end is read only when the server was reached
        if self._keeps_back_sync and data.endswith(_SYNC):
            self._keeps_back_sync = False
            data = data.removesuffix(_SYNC)
        cut = self._statement_cut
        if cut is None or (found := data.find(cut.name)) < 0:
            link.awaits_answer = True
            link.server.write(data)
            return
        self._statement_cut = None
        self.refusing = self.refusing or cut.and_refuse
        preceding = data[: found - _HEADER_BYTES]
        if cut.where == "after":
            link.loses_commit_answer = True
            link.server.write(data)
        elif cut.where == "at" and (preceding or link.awaits_answer):
            # What precedes the statement may have come in a piece of its own, whose answer is still under way.
            link.closes_after_answer = True
            link.server.write(preceding)
        else:
            link.close()
            return
        asyncio.get_running_loop().call_later(_ANSWER_SECONDS, link.close)

    def answered(self, link: _Link, data: bytes) -> None:
        """Bytes from the server."""
        assert link.client is not None
        link.awaits_answer = False
        if link.loses_commit_answer and (found := data.find(_COMMITTED)) >= 0:
            link.client.write(data[: found - _HEADER_BYTES])
            link.close()
            return
        link.client.write(data)
        if link.closes_after_answer:
            link.close()

    def ended(self, link: _Link, *, at_client: bool) -> None:
        """One end is closed, so the other is too, unless the link was abandoned."""
        if at_client and link in self._abandoned:
            return
        self._links.discard(link)
        self._abandoned.discard(link)
        if not link.closing:
            link.abort()


class BlockingTcpProxy:
    """A `TcpProxy` for a test without an event loop. Each method returns when it has taken effect."""

    def __init__(self, to_port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxy = TcpProxy(to_port)
        asyncio.run_coroutine_threadsafe(self._proxy.open(), self._loop).result(PATIENCE_SECONDS)
        self.port = self._proxy.port

    def _do(self, action: Callable[[], None]) -> None:
        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_SECONDS)

    def cut(self) -> None:
        self._do(self._proxy.cut)

    def cut_at(self, statement: str, where: Cut, *, and_refuse: bool = False) -> None:
        self._do(lambda: self._proxy.cut_at(statement, where, and_refuse=and_refuse))

    def keep_back_sync(self) -> None:
        self._do(self._proxy.keep_back_sync)

    def hold(self, direction: Direction) -> None:
        self._do(lambda: self._proxy.hold(direction))

    def release(self) -> None:
        self._do(self._proxy.release)

    def accept_again(self) -> None:
        """New connections are accepted, after a cut with `and_refuse`."""

        def accept() -> None:
            self._proxy.refusing = False

        self._do(accept)

    def close(self) -> None:
        self._do(self._proxy.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()
