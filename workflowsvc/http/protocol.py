"""A connection: bytes become whole requests within limits and deadlines, and are answered in their order.

Owns framing and everything a hostile or broken client can do below HTTP (QUALITY §2.3, §5.3): slow or endless
headers and bodies, two lengths, garbage, pipelining, a reader that does not read. Must not know SWF.

uvicorn's protocol class supplies the parser (llhttp, through httptools) and the flow control. It has no
deadline for receiving a request and no limit on bodies, so everything from bytes to request is replaced here:
the application starts when the request is complete, and until then a connection is one parser and one buffer.
What is used of uvicorn is not public; tests/http says when that breaks.

Rules that llhttp enforces, strict as it is by default: CR LF line ends, no folded headers, no blank before
the colon, one Content-Length of digits, none beside Transfer-Encoding, no control characters.
"""

from __future__ import annotations

import asyncio
import math
import select
import urllib.parse
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from workflowsvc.faults import (
    Fault,
    MalformedHttpRequestException,
    RequestEntityTooLargeException,
    ServiceUnavailable,
)
from workflowsvc.http.exchange import Exchange, render_head

if TYPE_CHECKING:
    from uvicorn.config import Config

    from workflowsvc.http.connections import Connections
    from workflowsvc.http.exchange import App

# What is being received.
NOTHING, HEAD, BODY = range(3)

# Requests waiting behind one in work. No SWF client sends any; the last one admitted is told `Connection:
# close`.
MOST_PIPELINED = 16

# A refused client may still be sending. Closing at once would reset the connection and lose the answer, so
# what comes is dropped for so long.
LINGER_SECONDS = 2.0

# When the server stops: a client that calls all the time has called once more by then, and was told with the answer
# that the connection ends. Ended at once, it would have been reset under some of those calls.
PARTING_SECONDS = 1.0

# Of an answer that a client takes in slowly, so much must go within answer_deadline_seconds.
LEAST_PROGRESS_BYTES = 65_536

_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"expect", b"host"))
_TOO_LARGE_HEAD = 431


class Connection(HttpToolsProtocol):
    """One client's connection."""

    server_state: Connections
    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.settings = server_state.settings
        self.address = ""
        # receiving
        self.phase = NOTHING
        self.timed_phase = NOTHING  # the phase that `deadline` belongs to
        self.deadline = math.inf
        self.deaf = False  # nothing more is read: refused, or the last request has been admitted
        self.received_eof = False
        self.idle_bytes = 0  # received in pieces that completed no part of the body or the request
        self.head_bytes = 0
        self.hosts = 0
        self.length = 0
        self.chunked = False
        self.version = "1.1"
        self.persistent = True
        self.body = bytearray()
        # answering
        self.exchange: Exchange | None = None
        self.waiting: list[Exchange] = []
        self.refusal: bytes | None = None
        self.write_deadline = math.inf
        self.unsent = 0
        self.held_bytes = 0  # of an answer that waits for the one before it to be taken in

    # --- the transport's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self.address = self.client[0] if self.client else ""
        self.deadline = self.loop.time() + self.settings.header_deadline_seconds
        admitted = self.server_state.admit(self.address)
        if self.server_state.draining:
            self.shutdown()  # it was accepted just before
        if not admitted:
            self.deaf = True
            self.transport.write(self._render_refusal(ServiceUnavailable.status, ServiceUnavailable()))
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self.server_state.leave(self.address)
        for exchange in [self.exchange, *self.waiting]:
            if exchange is not None:
                exchange.hang_up()
                self.server_state.body_bytes -= len(exchange.body)
        self._drop_body()
        self.exchange = None
        self.waiting.clear()
        self.deaf = True
        self.flow.resume_writing()  # lets go whoever waits in `writable`
        self.parser = cast("Any", None)  # breaks the cycle between parser and protocol

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] asyncio's, not uvicorn's
        """The client sends nothing more; what it sent is still answered.

        A poll must not take a task for it: half a connection looks like a client that died (SWF §1.5.6).
        """
        self.received_eof = True
        if self.exchange is None:
            return False
        self.exchange.hang_up()
        for exchange in self.waiting:
            exchange.hang_up()
        return True

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        message, had = self.headers, len(self.body)
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError as error:
            if not self.deaf:
                self.logger.error("a parser callback raised", exc_info=error.__context__)
                self.transport.abort()
        except httptools.HttpParserError:
            if self.phase == HEAD and self.url:
                self.refuse(MalformedHttpRequestException("The request is not well-formed HTTP/1.1"))
            elif self.phase == BODY:
                self.refuse(MalformedHttpRequestException("The body is not well-formed"))
            else:
                self._end_after_answers()  # this was never HTTP
        if self.deaf or self.phase == NOTHING:
            return
        if message is self.headers and had == len(self.body):
            self.idle_bytes += len(data)
            if self.idle_bytes > self.settings.max_header_bytes:
                self.refuse(RequestEntityTooLargeException(), _TOO_LARGE_HEAD)
                return
        if self.phase != self.timed_phase:
            self._restart_deadline()
        if self.expect_100_continue and self.phase == BODY and self.exchange is None:
            self._ask_for_body()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # An offer to speak something else, declined by going on (RFC 9110, 7.8).
                data = data[upgrade.args[0] :]

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader(self.loop.time())

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():  # else the rest of it must go too, before the connection can
            self.write_deadline = math.inf

    # --- the parser's side ---

    def on_message_begin(self) -> None:
        self.phase = HEAD
        self.timed_phase = NOTHING
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.idle_bytes = self.head_bytes = self.hosts = self.length = 0
        self.chunked = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == BODY:
            return  # a trailer: nothing of a request may depend on it
        name = name.lower()
        if name in _FRAMING:
            self._note_framing(name, value)
        self.headers.append((name, value))
        self.head_bytes += len(name) + len(value)

    def _note_framing(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self.hosts += 1
        elif name == b"content-length":
            self.length = int(value)  # digits: llhttp has looked
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        else:
            self.chunked = True
            if value.lower() != b"chunked":
                self._stop(MalformedHttpRequestException("Transfer-Encoding must be chunked"))

    def on_headers_complete(self) -> None:
        self.version = self.parser.get_http_version()
        self._check_head()
        if self.length > self.settings.max_body_bytes:
            self._stop(RequestEntityTooLargeException())
        self.phase = BODY
        self.persistent = self.version == "1.1" and self.parser.should_keep_alive()

    def _check_head(self) -> None:
        # The size is checked once: until here no more is held than one read and what `idle_bytes` lets in.
        fields = len(self.headers)
        size = len(self.url) + self.head_bytes + 4 * fields
        if size > self.settings.max_header_bytes or fields > self.settings.max_header_fields:
            self._stop(RequestEntityTooLargeException(), _TOO_LARGE_HEAD)
        if self.version not in ("1.1", "1.0"):
            self._stop(MalformedHttpRequestException("This is HTTP/1.1"))
        if self.hosts > 1 or (self.version == "1.1" and not self.hosts):
            self._stop(MalformedHttpRequestException("A request has one Host header"))
        if self.version == "1.0" and self.chunked:
            self._stop(MalformedHttpRequestException("HTTP/1.0 has no Transfer-Encoding"))
        if self.parser.should_upgrade() and (self.length or self.chunked):
            # The parser takes what follows for the other protocol; reading it as requests would be smuggling.
            self._stop(MalformedHttpRequestException("Upgrade is not offered"))

    def on_body(self, body: bytes) -> None:
        self.body += body
        self.server_state.body_bytes += len(body)
        if len(self.body) > self.settings.max_body_bytes:
            self._stop(RequestEntityTooLargeException())
        if self.server_state.body_bytes > self.settings.max_pending_bytes:
            self._stop(ServiceUnavailable())

    def on_message_complete(self) -> None:
        exchange = Exchange(
            self,
            self.parser.get_method(),
            self._path(),
            dict(self.headers),
            bytes(self.body),
            keep_alive=self.persistent,
        )
        self.body = bytearray()
        self.phase = NOTHING
        if self.exchange is None:
            self._start(exchange)
        elif self.exchange.may_wait_long:
            # No client pipelines behind a poll, but forked processes that share a connection do (docs/clients.md): the
            # answers would reach the wrong one, up to a minute late. Cut it: both connect anew and ask again.
            self.deaf = True
            self.transport.abort()
            raise _Stop
        else:
            self.waiting.append(exchange)
            self.deadline = math.inf
            if len(self.waiting) == MOST_PIPELINED:
                exchange.keep_alive = False
        if not exchange.keep_alive:
            self.deaf = True
            raise _Stop  # what follows is not read

    def _path(self) -> str:
        """The path of the request target; most are `POST /`."""
        if self.url == b"/":
            return "/"
        try:
            path = httptools.parse_url(self.url).path or b"/"
        except httptools.HttpParserInvalidURLError:
            self._stop(MalformedHttpRequestException("The request target is not a path"))
            raise AssertionError from None
        return urllib.parse.unquote(path.decode("ascii"))

    # --- refusing ---

    def _stop(self, fault: Fault, status: int | None = None) -> None:
        """Refuse, from within a callback of the parser: it must not go on."""
        self.refuse(fault, status)
        raise _Stop

    def refuse(self, fault: Fault, status: int | None = None) -> None:
        """The request being received gets this answer, after those before it, and nothing more is read."""
        self.deaf = True
        self._drop_body()
        self.refusal = self._render_refusal(status or fault.status, fault)
        if self.exchange is None:
            self._finish()

    def _render_refusal(self, status: int, fault: Fault) -> bytes:
        body = fault.body()
        headers = [(b"content-type", b"application/x-amz-json-1.0")]
        return render_head(status, headers, len(body), self.date(), stays_open=False) + body

    def _drop_body(self) -> None:
        self.server_state.body_bytes -= len(self.body)
        self.body = bytearray()

    def _end_after_answers(self) -> None:
        self.deaf = True
        if self.exchange is None:
            self._finish()

    def _finish(self) -> None:
        """All answers are written: say why nothing follows, if there is a reason, and end."""
        if self.refusal is None or self.received_eof:
            if self.refusal is not None:
                self.transport.write(self.refusal)
            self._close()
            return
        self.transport.write(self.refusal)
        self.transport.write_eof()
        self.deadline = self.loop.time() + LINGER_SECONDS

    # --- answering: the Line of an Exchange ---

    def _start(self, exchange: Exchange) -> None:
        self.exchange = exchange
        if self.phase == NOTHING:
            self.deadline = math.inf
        if self.received_eof:
            exchange.hang_up()
        # Not at once: this may be within a callback of the parser, which must not be called from itself.
        self.loop.call_soon(cast("App", self.app).handle, exchange)

    def date(self) -> bytes:
        return self.server_state.date_line

    def stays_open(self, exchange: Exchange) -> bool:
        return (
            exchange.keep_alive
            and not self.server_state.draining
            and not (self.received_eof and not self.waiting)
        )

    def write_answer(self, exchange: Exchange, answer: bytes) -> None:
        if self.flow.write_paused:
            task = self.loop.create_task(self._write_later(exchange, answer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self._write(exchange, answer)

    async def _write_later(self, exchange: Exchange, answer: bytes) -> None:
        self.held_bytes = len(answer)
        await self.flow.drain()
        self.held_bytes = 0
        self._write(exchange, answer)

    def unsent_bytes(self) -> int:
        """Of answers, which the client has not taken in."""
        if self.write_deadline == math.inf:
            return 0  # all is with the kernel, or as good as
        return self.transport.get_write_buffer_size() + self.held_bytes

    def _write(self, exchange: Exchange, answer: bytes) -> None:
        if self.exchange is not exchange or self.transport.is_closing():
            return  # the client has gone
        stays_open = self.stays_open(exchange)
        self.transport.write(answer)
        self.server_state.total_requests += 1
        self.server_state.body_bytes -= len(exchange.body)
        self.exchange = None
        if not stays_open:
            self._close()
        elif self.waiting:
            self._start(self.waiting.pop(0))
        elif self.deaf:
            self._finish()
        elif self.phase == NOTHING:
            self.deadline = self.loop.time() + self.settings.keep_alive_seconds
        elif self.phase == BODY and self.expect_100_continue:
            self._ask_for_body()

    def abort(self) -> None:
        self.transport.abort()

    def _ask_for_body(self) -> None:
        self.expect_100_continue = False
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # --- time ---

    def _restart_deadline(self) -> None:
        settings = self.settings
        seconds = settings.header_deadline_seconds if self.phase == HEAD else settings.body_deadline_seconds
        self.deadline = self.loop.time() + seconds
        self.timed_phase = self.phase

    def _watch_reader(self, now: float) -> None:
        self.write_deadline = now + self.settings.answer_deadline_seconds
        self.unsent = self.transport.get_write_buffer_size()

    def expire(self, now: float) -> None:
        """Ends a connection whose time is up; called by every sweep."""
        if now >= self.write_deadline:
            if self.unsent - self.transport.get_write_buffer_size() < LEAST_PROGRESS_BYTES:
                self.transport.abort()
            else:
                self._watch_reader(now)
        if now >= self.deadline and not self._was_just_called():
            self._close()

    def _was_just_called(self) -> bool:
        """A request has arrived that nobody has read yet: closing now would reset the connection, and leave the client
        in doubt what became of it.
        """
        if self.phase != NOTHING or self.deaf or self.received_eof or self.transport.is_closing():
            return False
        arrived = select.poll()
        arrived.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(arrived.poll(0))

    def shutdown(self) -> None:
        """The server stops: answers still owed are given, with `Connection: close` (`stays_open`), and whoever is about
        to ask something has a moment to do so.
        """
        if self.exchange is None and not self.transport.is_closing():
            self.deadline = min(self.deadline, self.loop.time() + PARTING_SECONDS)

    def _close(self) -> None:
        """What is written is still sent, as long as the client takes it in."""
        self.transport.close()
        self.deadline = math.inf
        self._watch_reader(self.loop.time())


class _Stop(Exception):
    """Thrown through the parser to make it stop; never seen outside `data_received`."""
