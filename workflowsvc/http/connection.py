"""A connection: requests are admitted within caps and deadlines, and answered in their order.

Owns how long a client may take and how much may be held for it (QUALITY §2.3, §5.3): slow senders, pipelining, a
reader that does not read, the end of the server. Must not know the form of a request (`framing.py`), nor SWF.
"""

from __future__ import annotations

import asyncio
import logging
import math
import select
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

from workflowsvc.faults import Fault, MalformedHttpRequestException, ServiceUnavailable
from workflowsvc.http.answer import render_head
from workflowsvc.http.connections import counted_address
from workflowsvc.http.framing import BODY, HEAD, NOTHING, NotHttp, Refusal, RequestParser

if TYPE_CHECKING:
    from workflowsvc.http.connections import Connections
    from workflowsvc.http.request import HttpRequest

log = logging.getLogger(__name__)

# Requests that wait behind one in work. No SWF client sends any; the last one admitted is answered with
# `Connection: close`.
MAX_PIPELINED = 16

# A refused client may still be sending. Closing at once would reset the connection and lose the answer, so what
# arrives is read and dropped for this long.
LINGER_SECONDS = 2.0

# When the server stops, an idle connection stays open this long. A client that calls all the time has called once
# more by then, and learned from the answer that the connection ends; a connection that is closed at once would be
# reset under some of those calls.
PARTING_SECONDS = 1.0

# The progress that a client must make within answer_deadline_seconds while it takes in an answer slowly.
MIN_PROGRESS_BYTES = 65_536


class App(Protocol):
    """What answers requests. `handle` must not raise, and must lead to `respond` in the end."""

    def handle(self, request: HttpRequest) -> None: ...


class Connection(asyncio.Protocol):
    """One client's connection. Until a request is complete it costs one parser and one buffer."""

    def __init__(
        self, app: App, connections: Connections, loop: asyncio.AbstractEventLoop, *, is_tls: bool = False
    ) -> None:
        self.transport: asyncio.Transport
        self.peer = ""  # the client's address, or a proxy's
        self.address = ""  # under which it is counted
        self.is_tls = is_tls
        self._app = app
        self._connections = connections
        self._settings = connections.settings
        self._loop = loop
        # receiving
        self._parser = RequestParser(self, self._settings)
        self._deadline = math.inf
        self._timed_phase = NOTHING  # the phase, and the request, that `_deadline` belongs to
        self._timed_request = 0
        self._stopped_reading = False  # refused, or the last request has been admitted
        self.received_eof = False
        # answering
        self._request: HttpRequest | None = None  # the one in work
        self._begun: HttpRequest | None = None  # the same, until the application is given it
        self._pipelined: deque[HttpRequest] = deque()
        self._refusal: bytes | None = None  # sent after the answers before it
        self._writing_paused = False
        # An answer that waits until the client has taken in the one before.
        self._held: tuple[HttpRequest, bytes] | None = None
        self._write_deadline = math.inf
        self._unsent_when_armed = 0  # bytes in the transport's buffer when `_write_deadline` was set

    # --- called by the transport ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self.peer = str(peer[0])
            self.address = counted_address(self.peer)
        self._deadline = self._loop.time() + self._settings.header_deadline_seconds
        admitted = self._connections.enter(self)
        if self._connections.draining:
            self.shutdown()  # accepted just before the server began to stop
        if not admitted:
            self._stopped_reading = True
            self.transport.write(self._render_refusal(ServiceUnavailable.status, ServiceUnavailable()))
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        for request in [self._request, *self._pipelined]:
            if request is not None:
                request.client_left()
                self._connections.body_bytes -= len(request.body)
        self._drop_body()
        self._request = self._held = None
        self._pipelined.clear()
        self._stopped_reading = True
        self._parser.close()

    def eof_received(self) -> bool:
        """The client sends nothing more; what it sent is still answered.

        A poll must not take a task any more: a half-closed connection looks like a client that died.
        """
        self.received_eof = True
        if self._request is None:
            return False
        self._request.client_left()
        for request in self._pipelined:
            request.client_left()
        return True

    def data_received(self, data: bytes) -> None:
        if self._stopped_reading:
            return
        parser = self._parser
        try:
            parser.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
        except NotHttp:
            guess = "" if self.is_tls else " (is it TLS?)"
            self._connections.refusals.write(
                "no HTTP",
                lambda: f"a connection of {self.address} was closed: what it sent is no HTTP{guess}",
            )
            self._end_after_answers()
        except Exception:
            log.exception("a request could not be read")
            self._stopped_reading = True
            self.transport.abort()
        if self._begun is not None:
            # Not before: within a callback of the parser, which must not be called from itself.
            begun, self._begun = self._begun, None
            self._app.handle(begun)
        if self._stopped_reading or parser.phase == NOTHING:
            return
        if parser.phase != self._timed_phase or parser.requests_begun != self._timed_request:
            self._restart_deadline()
        if parser.expects_continue and parser.phase == BODY and self._request is None:
            self._ask_for_body()

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._arm_write_deadline(self._loop.time())

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._held is not None:
            self._loop.call_soon(self._write_held)
        # A closing connection ends only when the rest has been taken in, too.
        if not self.transport.is_closing():
            self._write_deadline = math.inf

    # --- called by the parser, from within `feed` ---

    def body_grew(self, size: int) -> None:
        self._connections.body_bytes += size
        if self._connections.body_bytes > self._settings.max_pending_bytes:
            raise Refusal(ServiceUnavailable())

    def request_received(self, request: HttpRequest) -> bool:
        if self._request is None:
            self._start(request)
            self._begun = request
        elif self._request.may_wait_long:
            # No client pipelines behind a poll, but forked processes that share a connection do (docs/clients.md): the
            # answers would reach the wrong one, up to a minute late. Cut it: both connect anew and ask again.
            self._stopped_reading = True
            self._connections.body_bytes -= len(request.body)
            self.transport.abort()
        else:
            self._pipelined.append(request)
            self._deadline = math.inf
            if len(self._pipelined) == MAX_PIPELINED:
                request.keep_alive = False
        if not request.keep_alive:
            self._stopped_reading = True
        return not self._stopped_reading

    # --- refusing ---

    def _refuse(self, refusal: Refusal) -> None:
        """The request being received gets this answer, after those before it, and nothing more is read."""
        self._drop_body()
        self._refusal = self._render_refusal(refusal.status, refusal.fault)
        self._end_after_answers()

    def _render_refusal(self, status: int, fault: Fault) -> bytes:
        body = fault.body()
        fields = [(b"content-type", b"application/x-amz-json-1.0")]
        self._connections.refused[fault.code] += 1
        self._connections.refusals.write(
            (status, fault.code), lambda: f"a request of {self.address} answered {status}: {fault}"
        )
        return render_head(status, fields, len(body), self.date_line(), stays_open=False) + body

    def plain_refusal(self) -> bytes:
        """The answer to a client that speaks HTTP where HTTPS is spoken."""
        return self._render_refusal(400, MalformedHttpRequestException("This address is served by HTTPS"))

    def _drop_body(self) -> None:
        self._connections.body_bytes -= self._parser.body_size
        self._parser.drop_body()

    def _end_after_answers(self) -> None:
        self._stopped_reading = True
        if self._request is None:
            self._finish()

    def _finish(self) -> None:
        """All answers are written: sends the refusal, if there is one, and ends the connection."""
        if self._refusal is None or self.received_eof:
            if self._refusal is not None:
                self.transport.write(self._refusal)
            self._close()
            return
        self.transport.write(self._refusal)
        self.transport.write_eof()
        self._deadline = self._loop.time() + LINGER_SECONDS

    # --- answering: the Responder of a request ---

    def _start(self, request: HttpRequest) -> None:
        self._request = request
        if self._parser.phase == NOTHING:
            self._deadline = math.inf
        if self.received_eof:
            request.client_left()

    def date_line(self) -> bytes:
        return self._connections.date_line

    def stays_open(self, request: HttpRequest) -> bool:
        return (
            request.keep_alive
            and not self._connections.draining
            and not (self.received_eof and not self._pipelined)
        )

    def write_answer(self, request: HttpRequest, answer: bytes) -> None:
        if self._writing_paused:
            self._held = (request, answer)
        else:
            self._write(request, answer)

    def _write_held(self) -> None:
        if self._held is not None:
            (request, answer), self._held = self._held, None
            self._write(request, answer)

    def unsent_bytes(self) -> int:
        """How much of the answers is held here because the client does not take it in."""
        if self._write_deadline == math.inf:
            return 0  # the kernel has nearly all of it
        held = 0 if self._held is None else len(self._held[1])
        return self.transport.get_write_buffer_size() + held

    def _write(self, request: HttpRequest, answer: bytes) -> None:
        if self._request is not request or self.transport.is_closing():
            return  # the client has gone
        stays_open = self.stays_open(request)
        self.transport.write(answer)
        self._connections.body_bytes -= len(request.body)
        self._request = None
        if not stays_open:
            self._close()
        elif self._pipelined:
            request = self._pipelined.popleft()
            self._start(request)
            self._loop.call_soon(self._app.handle, request)  # not at once: the answer may be one, and so on
        elif self._stopped_reading:
            self._finish()
        elif self._parser.phase == NOTHING:
            self._deadline = self._loop.time() + self._settings.keep_alive_seconds
        elif self._parser.phase == BODY and self._parser.expects_continue:
            self._ask_for_body()

    def abort(self) -> None:
        self.transport.abort()

    def _ask_for_body(self) -> None:
        self._parser.expects_continue = False
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # --- time ---

    def _restart_deadline(self) -> None:
        settings, phase = self._settings, self._parser.phase
        seconds = settings.header_deadline_seconds if phase == HEAD else settings.body_deadline_seconds
        self._deadline = self._loop.time() + seconds
        self._timed_phase, self._timed_request = phase, self._parser.requests_begun

    def _arm_write_deadline(self, now: float) -> None:
        self._write_deadline = now + self._settings.answer_deadline_seconds
        self._unsent_when_armed = self.transport.get_write_buffer_size()

    def expire(self, now: float) -> None:
        """Ends the connection if one of its deadlines has passed; called by every sweep."""
        if now >= self._write_deadline:
            if self._unsent_when_armed - self.transport.get_write_buffer_size() < MIN_PROGRESS_BYTES:
                self.transport.abort()
            else:
                self._arm_write_deadline(now)
        if now >= self._deadline and not self._has_unread_request():
            self._close()

    def _has_unread_request(self) -> bool:
        """Whether the kernel holds bytes of a new request. Closing now would reset the connection, and leave the client
        in doubt about what became of its call.
        """
        if (
            self._parser.phase != NOTHING
            or self._stopped_reading
            or self.received_eof
            or self.transport.is_closing()
        ):
            return False
        arrived = select.poll()
        arrived.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(arrived.poll(0))

    def shutdown(self) -> None:
        """The server stops: answers still owed are sent with `Connection: close` (`stays_open`), and a client that is
        about to send a request has PARTING_SECONDS to do so.
        """
        if self._request is None and not self.transport.is_closing():
            self._deadline = min(self._deadline, self._loop.time() + PARTING_SECONDS)

    def _close(self) -> None:
        """What is written is still sent, if the client takes it in before the write deadline."""
        self.transport.close()
        self._deadline = math.inf
        self._arm_write_deadline(self._loop.time())
