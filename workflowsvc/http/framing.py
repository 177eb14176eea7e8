"""Bytes become whole requests, each of which can be read in one way only, within limits of size.

Owns what a broken or hostile client can do with the form of a request (QUALITY §2.3, §5.3): two lengths, endless
headers and bodies, garbage, trailers, offers to upgrade. Must not know deadlines, answers or other connections.

The parser is httptools, a binding of llhttp. It runs as strict as it comes: none of its leniencies is enabled
(docs/decisions/0018). It enforces CR LF line ends, no folded headers, no blank before the colon, no control characters,
at most one Content-Length, of digits, and none beside Transfer-Encoding. What it leaves open is checked here.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import httptools

from workflowsvc.faults import Fault, MalformedHttpRequestException, RequestEntityTooLargeException
from workflowsvc.http.request import HttpRequest, Responder, values_of

if TYPE_CHECKING:
    from workflowsvc.http.answer import HeaderFields
    from workflowsvc.settings import Settings

NONE: frozenset[bytes] = frozenset()

# What is being received.
NOTHING, HEAD, BODY = range(3)

# Each chunk costs a call from the parser: a read of 256 KB that holds chunks of one byte would take 15 ms. Clients send
# chunks of a kilobyte and more.
MAX_SMALL_CHUNKS = 1_024
MIN_CHUNK_BYTES = 64  # on average, beyond MAX_SMALL_CHUNKS

# A read of 256 KB may hold 60,000 header fields, 25 ms of work; after each piece they are counted.
MAX_PIECE_BYTES = 16_384

_REQUEST_HEADER_FIELDS_TOO_LARGE = 431


class Refusal(Exception):
    """The request being received is answered with this fault, and nothing more is read."""

    def __init__(self, fault: Fault, status: int | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.status = status or fault.status


class NotHttp(Exception):
    """What was received is not HTTP; there is no request that could be answered."""


class Receiver(Responder, Protocol):
    """Takes what the parser finds; each of its methods is called from within `RequestParser.feed`."""

    def body_grew(self, size: int) -> None:
        """Another `size` bytes of a body are held. May raise Refusal."""
        ...

    def request_received(self, request: HttpRequest) -> bool:
        """A request is complete. False when nothing after it may be read."""
        ...


class _Names:
    """The names of a head's fields, and what follows from them alone: clients send the same ones again and again."""

    __slots__ = ("changes_framing", "lower", "names", "repeated", "size")

    def __init__(self, names: list[bytes]) -> None:
        self.names = names
        self.lower = [name.lower() for name in names]
        self.size = sum(map(len, names)) + 4 * len(names)
        """Of the names in bytes, with the colon, the blank and the line end of each field."""
        once = set(self.lower)
        self.repeated = NONE
        if len(once) < len(names):
            self.repeated = frozenset(name for name, times in Counter(self.lower).items() if times > 1)
        self.changes_framing = not once.isdisjoint((b"expect", b"transfer-encoding"))


class RequestParser:
    """One connection's parser. `phase` says what is being received, `body_size` how many bytes of a body are held."""

    def __init__(self, receiver: Receiver, settings: Settings) -> None:
        self.phase = NOTHING
        self.requests_begun = 0
        self.expects_continue = False
        self._receiver = receiver
        self._settings = settings
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._unproductive_bytes = 0  # received in pieces that completed neither a head nor more of a body
        self._target = b""
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._head = _Names([])  # of this request, or of the one before it
        self._first: dict[bytes, bytes] = {}
        self._trailers = 0
        self._pieces = 0  # of the body
        self._length = 0
        self._chunked = False
        self._keep_alive = True
        self._body = bytearray()
        # The hash of a whole body of 1 MiB takes a millisecond, or three without instructions for it: it is calculated
        # piece by piece, and only where signatures are verified.
        self._hashes = settings.auth != "off"
        self._digest = hashlib.sha256()

    @property
    def body_size(self) -> int:
        return len(self._body)

    def drop_body(self) -> None:
        self._body = bytearray()

    def close(self) -> None:
        """Breaks the reference cycle with httptools; nothing can be fed afterwards."""
        self._parser = None

    def feed(self, data: bytes) -> None:
        """Hands every request that is complete with these bytes to the receiver.

        Raises Refusal or NotHttp; after either, and after `request_received` has returned False, it must not be
        called again.
        """
        begun, body_size = self.requests_begun, len(self._body)
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, _Stop):
                return
            raise cause or error from None
        except httptools.HttpParserError:
            if self.phase == HEAD and self._target:
                raise Refusal(
                    MalformedHttpRequestException("The request is not well-formed HTTP/1.1")
                ) from None
            if self.phase == BODY:
                raise Refusal(MalformedHttpRequestException("The body is not well-formed")) from None
            raise NotHttp from None
        if self.phase != NOTHING and begun == self.requests_begun and body_size == len(self._body):
            # An endless head, trailer or chunk extension: llhttp has no limit of its own.
            self._unproductive_bytes += len(data)
            if self._unproductive_bytes > self._settings.max_header_bytes:
                raise Refusal(RequestEntityTooLargeException(), _REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _feed(self, data: bytes) -> None:
        assert self._parser is not None
        while data:
            piece = data if len(data) <= MAX_PIECE_BYTES else data[:MAX_PIECE_BYTES]
            try:
                self._parser.feed_data(piece)
                taken = len(piece)
            except httptools.HttpParserUpgrade as upgrade:
                # An offer to speak another protocol is declined by going on (RFC 9110, 7.8).
                taken = upgrade.args[0]
            if taken == len(data):
                return
            if len(self._names) > self._settings.max_header_fields:
                raise Refusal(RequestEntityTooLargeException(), _REQUEST_HEADER_FIELDS_TOO_LARGE)
            data = data[taken:]

    # --- called by httptools ---

    def on_message_begin(self) -> None:
        self.phase = HEAD
        self.requests_begun += 1
        self.expects_continue = False
        self._target = b""
        self._names = []
        self._values = []
        self._unproductive_bytes = self._length = 0
        self._trailers = self._pieces = 0
        self._chunked = False
        if self._hashes:
            self._digest = hashlib.sha256()

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == BODY:
            # A trailer: no request may depend on it.
            self._trailers += 1
            if self._trailers > self._settings.max_header_fields:
                raise Refusal(RequestEntityTooLargeException(), _REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._names.append(name)
        self._values.append(value)

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        version = self._parser.get_http_version()
        self._read_fields()
        self._check_head(self._parser, version)
        if self._length > self._settings.max_body_bytes:
            raise Refusal(RequestEntityTooLargeException())
        self.phase = BODY
        self._keep_alive = version == "1.1" and self._parser.should_keep_alive()

    def _read_fields(self) -> None:
        """Finds the fields that say how the request is framed. Once for all: a call for each field is far dearer."""
        if self._names != self._head.names:
            self._head = _Names(self._names)
        head = self._head
        first = self._first = dict(zip(head.lower, self._values, strict=True))
        if head.repeated:
            first.update(zip(reversed(head.lower), reversed(self._values), strict=True))
        length = first.get(b"content-length")
        if length is not None:
            self._length = int(length)  # llhttp has checked that these are digits, and that there is one
        if head.changes_framing:
            self._read_framing(first)

    def _read_framing(self, first: dict[bytes, bytes]) -> None:
        fields = self._fields()
        if b"expect" in first:
            self.expects_continue = values_of(fields, b"expect")[-1].lower() == b"100-continue"
        if b"transfer-encoding" in first:
            self._chunked = True
            if any(value.lower() != b"chunked" for value in values_of(fields, b"transfer-encoding")):
                raise Refusal(MalformedHttpRequestException("Transfer-Encoding must be chunked"))

    def _fields(self) -> HeaderFields:
        return list(zip(self._names, self._values, strict=True))

    def _check_head(self, parser: httptools.HttpRequestParser, version: str) -> None:
        # The size is checked once: until here no more is held than one piece and what `_unproductive_bytes` allows.
        settings, head = self._settings, self._head
        size = len(self._target) + head.size + sum(map(len, self._values))
        if size > settings.max_header_bytes or len(head.names) > settings.max_header_fields:
            raise Refusal(RequestEntityTooLargeException(), _REQUEST_HEADER_FIELDS_TOO_LARGE)
        if version not in ("1.1", "1.0"):
            raise Refusal(MalformedHttpRequestException("This is HTTP/1.1"))
        if b"host" in head.repeated or (version == "1.1" and b"host" not in self._first):
            raise Refusal(MalformedHttpRequestException("A request has one Host header"))
        if version == "1.0" and self._chunked:
            raise Refusal(MalformedHttpRequestException("HTTP/1.0 has no Transfer-Encoding"))
        if parser.should_upgrade() and (self._length or self._chunked):
            # llhttp takes what follows for the other protocol; reading it as requests would allow smuggling.
            raise Refusal(MalformedHttpRequestException("Upgrade is not offered"))

    def on_body(self, piece: bytes) -> None:
        if len(self._body) + len(piece) > self._settings.max_body_bytes:
            raise Refusal(RequestEntityTooLargeException())
        self._body += piece
        if self._hashes:
            self._digest.update(piece)
        if self._chunked:
            self._pieces += 1
            if self._pieces > MAX_SMALL_CHUNKS and len(self._body) < self._pieces * MIN_CHUNK_BYTES:
                raise Refusal(MalformedHttpRequestException("The chunks of the body are too small"))
        self._receiver.body_grew(len(piece))

    def on_message_complete(self) -> None:
        assert self._parser is not None
        raw_path, query = (b"/", b"") if self._target == b"/" else _split(self._target)
        request = HttpRequest(
            self._receiver,
            self._parser.get_method(),
            self._target,
            "/" if raw_path == b"/" else urllib.parse.unquote(raw_path.decode("ascii")),
            query,
            self._names,
            self._values,
            self._first,
            self._head.repeated,
            bytes(self._body),
            keep_alive=self._keep_alive,
            raw_path=raw_path,
            body_hash=self._digest.hexdigest().encode() if self._hashes else None,
        )
        self._body = bytearray()
        self.phase = NOTHING
        if not self._receiver.request_received(request):
            raise _Stop


def _split(target: bytes) -> tuple[bytes, bytes]:
    """The path and the query of a request target, not decoded."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise Refusal(MalformedHttpRequestException("The request target is not a path")) from None
    return url.path or b"/", url.query or b""


class _Stop(Exception):
    """Thrown through httptools to make it stop; never seen outside `feed`."""
