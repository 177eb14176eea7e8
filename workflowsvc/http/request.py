"""One request, complete and as received, with the way to answer it.

Owns what the application sees of a request. Must not know how requests are framed, nor when a connection ends;
the connection reports that with `client_left`.

Nothing is normalised away: the target, the header fields (in order, with their spelling, repeated ones included)
and the body are the bytes that the client sent, as the checking of a signature needs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from workflowsvc.http.answer import HeaderFields, render_head
from workflowsvc.service.disconnect import Disconnect


def values_of(fields: HeaderFields, name: bytes) -> list[bytes]:
    """The values of all header fields of this name, which is given in lower case."""
    return [value for other, value in fields if other.lower() == name]


class Responder(Protocol):
    """The connection, as far as a request needs it."""

    peer: str
    """The address at the other end, as the operating system gives it; empty when it is not known."""
    is_tls: bool

    def date_line(self) -> bytes:
        """The Date header line of an answer that is written now."""
        ...

    def stays_open(self, request: HttpRequest) -> bool:
        """Whether another request may follow this one."""
        ...

    def write_answer(self, request: HttpRequest, answer: bytes) -> None:
        """Writes the answer as soon as the client has taken in enough of the answers before it."""
        ...


class HttpRequest:
    """A request in work. `method`, `target`, `query`, `fields` and `body` are bytes as received.

    `path` is the path of the target, percent-decoded, and `raw_path` the same as it was sent; `query` is what follows
    its `?`, empty without one. `fields` are the header fields in their order, values without the blanks before them;
    trailers are not kept, since no request may depend on them. `first` has the first value of each, by its name in
    lower case, `repeated` the names that occur more than once. `keep_alive` is whether the client allows another
    request on its connection.
    """

    __slots__ = (
        "_body_hash",
        "_disconnect",
        "_names",
        "_responder",
        "_values",
        "answered",
        "body",
        "client_has_left",
        "first",
        "header",
        "keep_alive",
        "method",
        "path",
        "query",
        "raw_path",
        "repeated",
        "target",
    )

    def __init__(
        self,
        responder: Responder,
        method: bytes,
        target: bytes,
        path: str,
        query: bytes,
        names: list[bytes],
        values: list[bytes],
        first: dict[bytes, bytes],
        repeated: frozenset[bytes],
        body: bytes,
        *,
        keep_alive: bool,
        raw_path: bytes,
        body_hash: bytes | None = None,
    ) -> None:
        """`names` and `values`: of the header fields. `body_hash`: the SHA-256 of the body in hexadecimal, if it was
        calculated while the body arrived.
        """
        self.method = method
        self.target = target
        self.path = path
        self.raw_path = raw_path
        self.query = query
        self.repeated = repeated
        self.body = body
        self.keep_alive = keep_alive
        self.answered = False
        self.client_has_left = False
        self.header: Callable[[bytes], bytes | None] = first.get
        """(name in lower case) -> the value of the first header field of this name; None without one."""
        self.first = first
        self._body_hash = body_hash
        self._names = names
        self._values = values
        self._responder = responder
        self._disconnect: Disconnect | None = None

    @property
    def fields(self) -> HeaderFields:
        """The header fields in their order. Most requests are carried out without them."""
        return list(zip(self._names, self._values, strict=True))

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of the body, in hexadecimal."""
        if self._body_hash is None:
            self._body_hash = hashlib.sha256(self.body).hexdigest().encode()
        return self._body_hash

    @property
    def peer(self) -> str:
        """The address at the other end of the connection; empty when it is not known."""
        return self._responder.peer

    @property
    def is_tls(self) -> bool:
        """Whether the connection to this server is encrypted."""
        return self._responder.is_tls

    def watch_disconnect(self) -> Disconnect:
        """What is set when the client leaves before it is answered. Only requests that may wait long ask for it."""
        disconnect = self._disconnect = Disconnect()
        if self.client_has_left:
            disconnect.set()
        return disconnect

    @property
    def may_wait_long(self) -> bool:
        """Whether this is a long poll that has no answer yet."""
        return self._disconnect is not None

    def client_left(self) -> None:
        """The client is gone, or has closed its sending half and cannot be distinguished from one that is."""
        self.client_has_left = True
        if self._disconnect is not None:
            self._disconnect.set()

    def respond(self, status: int, fields: HeaderFields, body: bytes) -> None:
        """Answers the request; a second answer is ignored."""
        if self.answered:
            return
        self.answered = True
        self._disconnect = None  # what waits for it refers to this request: a reference cycle
        responder = self._responder
        head = render_head(
            status, fields, len(body), responder.date_line(), stays_open=responder.stays_open(self)
        )
        # The answer to HEAD announces the length that GET would have, and has no body.
        responder.write_answer(self, head if self.method == b"HEAD" else head + body)
