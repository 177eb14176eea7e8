"""Connections to addresses that were checked, and to no others; no cookies, proxies or credentials are known.

Owns how aiohttp is given an address, how much is read of an answer, and the words for what went wrong. aiohttp is
imported with this module, which takes a third of a second: only what calls imports it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import RawResponseMessage
from yarl import URL

from workflowsvc.outgoing.addresses import Check, Resolved, resolve

MAX_HEADER_LINE_BYTES = 65_536
MAX_HEADERS = 100
MAX_INTERIM_ANSWERS = 8  # 1xx, before the one that was asked for
PARSED_BYTES = 1_024  # together; what is too much is noticed behind them

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` returns it."""


def session_to(address: Resolved, tls: ssl.SSLContext, *, connect_seconds: float) -> aiohttp.ClientSession:
    """For one call of this address, by `url_at`."""
    bound = partial(_bound_socket, address.scope_id) if address.scope_id else None
    return _session(aiohttp.TCPConnector(ssl=tls, force_close=True, socket_factory=bound), connect_seconds)


def session_by(
    check: Check,
    tls: ssl.SSLContext,
    *,
    connect_seconds: float,
    keep_seconds: float,
    resolve_seconds: int,
    max_answer_bytes: int,
) -> aiohttp.ClientSession:
    """For calls of hosts by name, each at the addresses that the check lets pass. Connections are kept without a call
    for `keep_seconds`, addresses for `resolve_seconds`. A host that is an address is not checked. An answer that takes
    more than `max_answer_bytes`, of whatever kind, ends with AnswerTooLong.
    """
    connector = _BoundedConnector(
        ssl=tls,
        keepalive_timeout=keep_seconds,
        resolver=_Checked(check),
        ttl_dns_cache=resolve_seconds,
        limit=0,
    )
    connector.bound_answers(max_answer_bytes)
    return _session(connector, connect_seconds)


def _session(connector: aiohttp.TCPConnector, connect_seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds),
        auto_decompress=False,
        trust_env=False,
        max_line_size=MAX_HEADER_LINE_BYTES,
        max_field_size=MAX_HEADER_LINE_BYTES,
        max_headers=MAX_HEADERS,
    )


class AnswerTooLong(aiohttp.ClientPayloadError):
    """More came than may belong to one answer."""


class _BoundedConnector(aiohttp.TCPConnector):
    def bound_answers(self, max_bytes: int) -> None:
        self._factory = partial(_BoundedHandler, max_bytes, asyncio.get_running_loop())


class _BoundedHandler(ResponseHandler):
    """Counts what comes in before it is parsed, and ends a connection on which more comes than one answer.

    aiohttp bounds a header field, but neither the number of 1xx answers nor blank lines, chunk extensions and zeros in
    front of the size of a chunk. And it keeps answers that nothing has asked for, in objects that only the collector of
    garbage frees: half a million of them held up the event loop for 0.7 s.
    """

    def __init__(self, max_bytes: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._max_bytes = max_bytes
        self._expect_answer()

    def _expect_answer(self) -> None:
        self._room = self._max_bytes
        self._interim = 0
        self._body: aiohttp.StreamReader | None = None  # of the answer, once its head is there
        self._is_excess = False

    def set_response_params(self, **params: Any) -> None:
        """Another call begins on this connection."""
        self._expect_answer()
        super().set_response_params(**params)

    def feed_data(self, data: tuple[RawResponseMessage, aiohttp.StreamReader], size: int = 0) -> None:
        """The head of an answer is there."""
        message, body = data
        is_interim = message.code < HTTPStatus.OK and message.code != HTTPStatus.SWITCHING_PROTOCOLS
        self._is_excess |= self._body is not None or (is_interim and self._interim == MAX_INTERIM_ANSWERS)
        if self._is_excess:
            return
        if is_interim:
            self._interim += 1
        else:
            self._body = body
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if not data:  # the parser is to go on
            super().data_received(data)
        for first in range(0, len(data), PARSED_BYTES):
            if self._is_excess:
                return
            piece = data[first : first + PARSED_BYTES]
            room, self._room = self._room, self._room - len(piece)
            if self._body is not None and self._body.is_eof():
                self._is_excess = True  # the answer is whole, and nothing has asked for this
            elif room > 0:
                super().data_received(piece[:room])  # of a long answer, its status
            if self._is_excess or self._room < 0:
                self._end()

    def _end(self) -> None:
        self._is_excess = True
        payload, self._payload, self._parser = self._payload, None, None
        if payload is not None and not payload.is_eof():
            payload.set_exception(AnswerTooLong())
        self.set_exception(AnswerTooLong())
        if self.transport is not None:
            self.transport.abort()


class _Checked(AbstractResolver):
    """Names by the system's resolver, as far as the check lets their addresses pass."""

    def __init__(self, check: Check) -> None:
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=found.text,
                port=port,
                family=socket.AF_INET6 if ":" in found.text else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for found in await resolve(host, port, self._check)
        ]

    async def close(self) -> None:
        """It holds nothing."""


def url_at(address: Resolved, port: int, path: str, *, secure: bool) -> URL:
    """The URL of an address that was checked; the name only stands in the Host header and in the TLS handshake."""
    host = f"[{address.text}]" if ":" in address.text else address.text
    return URL(f"{'https' if secure else 'http'}://{host}:{port}{path}", encoded=True)


def _bound_socket(scope_id: int, found: AddrInfo) -> socket.socket:
    """A socket bound to the interface of a link-local address (`fe80::1%eth0`). aiohttp drops the scope of an address,
    and without one the system refuses to connect.
    """
    family, kind, protocol, _, _ = found
    sock = socket.socket(family, kind, protocol)
    try:
        interface = socket.if_indextoname(scope_id).encode()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface)
    except OSError:
        sock.close()
        raise
    return sock


def reason_of(error: OSError) -> str:
    """The system's own words for what went wrong."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if cause.errno and not isinstance(cause, (ssl.SSLError, socket.gaierror)):
        return os.strerror(cause.errno)
    return cause.strerror or str(cause)


def kind_of(error: Exception) -> str:
    """What went wrong, for one who may not see what the other side has sent, nor the URL or the addresses of a host."""
    match error:
        case AnswerTooLong():
            return "the answer is too long"
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return "the certificate is not trusted"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "TLS could not be agreed on"
        case OSError():
            return os.strerror(error.errno) if error.errno else "could not connect"
        case aiohttp.ServerDisconnectedError():
            return "the connection ended without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer is not whole"
        case aiohttp.ClientResponseError():
            return "the answer is no HTTP"
        case _:
            return "could not be sent"
