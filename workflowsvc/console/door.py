"""The connections of the console: how many there may be, how long one may take to say what it wants, and TLS.

Owns the bounds that uvicorn does not have, and the way to cut a client off. Other machines may reach the console of a
server that refuses unknown callers, and one that opens connections and says nothing must not take the files that the
API needs. Must not know pages.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from workflowsvc.http.hosts import is_loopback_address
from workflowsvc.http.tls_transport import TlsTransport

if TYPE_CHECKING:
    from starlette.types import Scope

    from workflowsvc.http.tls import Certificate

HEAD_SECONDS = 10.0  # for the handshake and the head of a request
BODY_SECONDS = 300.0  # for a file of 32 MiB on a slow line
# A browser holds six for all its tabs. Proxies stand for many people, and are not counted.
MAX_OF_ADDRESS = 30
_CONNECTION = "workflowsvc.connection"  # an extension of ASGI's scope

PLAIN_REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 33\r\nconnection: close\r\n\r\n"
    b"This port speaks https, not http\n"
)


class Door:
    """Makes the protocol of each connection; uvicorn calls it as it would call its own class."""

    def __init__(
        self, max_connections: int, certificate: Certificate | None, *, counts_addresses: bool
    ) -> None:
        """Without a certificate, connections are not encrypted."""
        self._max_connections = max_connections
        self._certificate = certificate
        self._counts_addresses = counts_addresses
        self._open: Counter[str] = Counter()

    def __call__(self, **given: Any) -> asyncio.Protocol:
        inner = _Timed(self, **given)
        if self._certificate is None:
            return inner
        return TlsTransport(inner, self._certificate.context, inner.loop, _refused_handshake)

    def admit(self, address: str) -> bool:
        """Whether there is room for one more of this address; it is counted then."""
        is_alone = self._counts_addresses and not is_loopback_address(address)
        if self._open.total() >= self._max_connections or (
            is_alone and self._open[address] >= MAX_OF_ADDRESS
        ):
            return False
        self._open[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One of this address has ended."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


class _Timed(HttpToolsProtocol):
    """A connection that is cut off when a request does not arrive in time."""

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self._address: str | None = None  # None: it was not let in
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if not self._door.admit(address):
            transport.abort()
            return
        self._address = address
        self._within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._within(None)
        if self._address is not None:
            self._door.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._within(HEAD_SECONDS)
        super().on_message_begin()
        self.scope["extensions"] = {_CONNECTION: {"abort": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._within(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._within(None)
        super().on_message_complete()

    def _within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)


def cut_off(scope: Scope) -> None:
    """Ends the connection of this request at once, with what its client has not taken yet."""
    scope["extensions"][_CONNECTION]["abort"]()


def _refused_handshake(error: ssl.SSLError) -> bytes:
    return PLAIN_REFUSAL if error.reason == "HTTP_REQUEST" else b""


def as_protocol_class(door: Door) -> type[asyncio.Protocol]:
    """What uvicorn's configuration takes."""
    return cast("type[asyncio.Protocol]", door)
