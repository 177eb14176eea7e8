"""TLS between a socket and a connection: the connection writes and reads plain bytes, as on a socket of its own.

Owns encrypting and decrypting in memory, by OpenSSL. It has no timers: the handshake happens within the connection's
deadline for the head of its first request, and the connection counts from the moment that it was accepted, so that
clients that never finish a handshake are bounded like all others. Must not know HTTP, but for its answer to a client
that speaks it without TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_READ_BYTES = 65_536
RECORD_BYTES = 16_384  # of plain text, the most that one record of TLS may hold

# An answer of megabytes is encrypted in pieces, between which the event loop does other work: 0.2 ms each.
MAX_PIECE_BYTES = 262_144


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """Towards the socket it is a protocol, towards the connection a transport."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        context: ssl.SSLContext,
        loop: asyncio.AbstractEventLoop,
        refused: Callable[[ssl.SSLError], bytes],
    ) -> None:
        """`inner`: the connection. `refused` is called when a handshake fails; what it returns is sent as it is."""
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._refused = refused
        self._socket: asyncio.Transport
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_up = False
        self._is_closing = False
        self._reads = True  # until either side has ended the conversation
        self._saw_end = False
        # What is not encrypted yet, because the client does not take in what is.
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._socket_is_full = False
        self._inner_waits = False
        self._is_scheduled = False
        self._when_sent: Callable[[], None] | None = None

    # --- towards the socket ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)
        self._inner.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._reads = False
        self._unsent.clear()
        self._unsent_bytes = 0
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._reads or self._is_closing:
            return
        self._incoming.write(data)
        try:
            if not self._is_up:
                self._tls.do_handshake()
                self._is_up = True
            self._read()
        except ssl.SSLWantReadError:
            self._flush()
            if self._unsent:
                self._encrypt()
        except ssl.SSLError as error:
            self._fail(error)

    def _read(self) -> None:
        """Ends with SSLWantReadError unless the connection wants no more."""
        while self._reads and not self.is_closing():
            plain = self._tls.read(MAX_READ_BYTES)
            if not plain:  # the client has said goodbye
                self._ended()
                return
            self._inner.data_received(plain)

    def eof_received(self) -> bool:
        """The socket has ended; a client that did not say so in TLS before is treated like one that did."""
        if not self._is_up:
            return False
        self._ended()
        return True  # it is closed here, after a goodbye

    def _ended(self) -> None:
        """The client sends nothing more; it may still read."""
        self._reads = False
        if not self._saw_end:
            self._saw_end = True
            if not self._inner.eof_received():
                self.close()

    def _fail(self, error: ssl.SSLError) -> None:
        self._reads = False
        if self._is_up:
            self._flush()  # the reason, in a record of TLS
            self._socket.abort()
            return
        plain = self._refused(error)
        if plain:
            self._socket.write(plain)
        else:
            self._flush()
        self._is_closing = True
        self._socket.close()

    def pause_writing(self) -> None:
        self._socket_is_full = True
        self._tell_inner()

    def resume_writing(self) -> None:
        self._socket_is_full = False
        self._encrypt()
        self._tell_inner()

    def _tell_inner(self) -> None:
        """A connection whose answers are not taken in must not write more of them."""
        waits = self._socket_is_full or bool(self._unsent)
        if waits != self._inner_waits:
            self._inner_waits = waits
            if waits:
                self._inner.pause_writing()
            else:
                self._inner.resume_writing()

    def _flush(self) -> None:
        """Hands to the socket what TLS has to say."""
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    # --- towards the connection ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Before the handshake is over nothing can be said, and it is left out."""
        if not self._is_up or self._is_closing or self._when_sent is not None:
            return
        self._unsent.append(memoryview(data))
        self._unsent_bytes += len(data)
        if not self._is_scheduled:
            self._encrypt()
            self._tell_inner()

    def _encrypt(self) -> None:
        """Encrypts as much as the socket takes, a bounded piece at a time."""
        left = MAX_PIECE_BYTES
        try:
            while self._unsent and left > 0 and not self._socket_is_full and not self._socket.is_closing():
                whole = self._unsent[0]
                size = self._tls.write(whole[:RECORD_BYTES])
                left -= size
                self._unsent_bytes -= size
                if size == len(whole):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = whole[size:]
                if left <= 0 or self._outgoing.pending >= MAX_READ_BYTES:
                    self._flush()
        except ssl.SSLWantReadError:
            pass  # goes on when the client has answered
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._flush()
        if self._unsent and not self._socket_is_full and left <= 0:
            self._schedule()
        elif not self._unsent and self._when_sent is not None:
            self._when_sent, then = None, self._when_sent
            then()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_scheduled = False
        if not self._socket.is_closing():
            self._encrypt()
            self._tell_inner()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """The client learns that no more follows; what it still sends is dropped."""
        self._reads = False
        self._after_the_rest(self._end_writing)

    def _end_writing(self) -> None:
        self._say_goodbye()
        if not self._socket.is_closing():
            self._socket.write_eof()

    def close(self) -> None:
        """What is written is still sent, if the client takes it in."""
        if self._is_closing:
            return
        self._is_closing = True
        self._reads = False
        self._after_the_rest(self._end)

    def _end(self) -> None:
        self._say_goodbye()
        self._socket.close()

    def _after_the_rest(self, then: Callable[[], None]) -> None:
        if self._unsent:
            self._when_sent = then
        else:
            then()

    def _say_goodbye(self) -> None:
        """Without it a client could not tell the end of the answer from an attack that cuts it off."""
        if self._is_up:
            with contextlib.suppress(
                ssl.SSLError
            ):  # it is in `_outgoing`; the client's own is not waited for
                self._tls.unwrap()
            self._flush()

    def abort(self) -> None:
        self._is_closing = True
        self._socket.abort()

    def is_closing(self) -> bool:
        return self._is_closing or self._socket.is_closing()

    def get_write_buffer_size(self) -> int:
        return self._unsent_bytes + self._socket.get_write_buffer_size()

    def pause_reading(self) -> None:
        """What has arrived already is still given to the connection."""
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        self._socket.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "sslcontext":
            return self._tls.context
        return self._socket.get_extra_info(name, default)
