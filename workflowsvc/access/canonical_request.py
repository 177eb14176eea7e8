"""What is signed of a request: its canonical form (QUALITY §3.2, step 10).

Owns how path, query and header fields are brought into the one form that client and server hash. Works on the bytes as
they were received, since the client signed these. Must not know keys or signatures.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

Fields = Sequence[tuple[bytes, bytes]]


class RawRequest(Protocol):
    """A request as it was received; `workflowsvc.http.request.HttpRequest` is one."""

    @property
    def method(self) -> bytes: ...
    @property
    def raw_path(self) -> bytes:
        """The path of the target, not decoded."""
        ...

    @property
    def query(self) -> bytes:
        """What follows the `?`, not decoded; empty without one."""
        ...

    @property
    def fields(self) -> Fields:
        """All header fields in their order, with their spelling."""
        ...

    @property
    def first(self) -> Mapping[bytes, bytes]:
        """The first value of each header field, by its name in lower case."""
        ...

    @property
    def repeated(self) -> Collection[bytes]:
        """The names, in lower case, that occur more than once."""
        ...

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of the body as it was received, in hexadecimal."""
        ...


def canonical_head(request: RawRequest, signed_headers: bytes, names: Sequence[bytes]) -> bytes:
    """The bytes whose hash is signed, but for the last line: the hash of the body. `names` are those in
    `signed_headers`; each is one of `request.first`."""
    first, path, query = request.first, request.raw_path, request.query
    lines = [
        request.method,
        path if path == b"/" else canonical_path(path),
        canonical_query(query) if query else query,
    ]
    if request.repeated:
        lines += [name + b":" + _joined(request, name) for name in names]
    else:
        lines += [name + b":" + b" ".join(first[name].split()) for name in names]  # `_trimmed`, at once
    lines += (b"", signed_headers, b"")
    return b"\n".join(lines)


def _joined(request: RawRequest, name: bytes) -> bytes:
    """The values of a header field that may be repeated."""
    if name in request.repeated:
        return b",".join(_trimmed(value) for other, value in request.fields if other.lower() == name)
    return _trimmed(request.first[name])


def canonical_path(path: bytes) -> bytes:
    """Without `//`, `.` and `..`, and with everything encoded that is not unreserved; a `%` of the client's too, as all
    services but S3 have it."""
    if path == b"/":
        return path
    kept: list[bytes] = []
    segments = path.split(b"/")
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    ends_in_a_folder = kept and segments[-1] in (b"", b".", b"..")
    return b"/" + _encoded(b"/".join(kept), safe="/") + (b"/" if ends_in_a_folder else b"")


def canonical_query(query: bytes) -> bytes:
    """The parameters, encoded in one way and then sorted by name and value."""
    if not query:
        return b""
    pairs = sorted((_encoded_once(name), _encoded_once(value)) for name, value in parameters(query))
    return b"&".join(name + b"=" + value for name, value in pairs)


def parameters(query: bytes) -> list[tuple[bytes, bytes]]:
    """The parameters of a query, not decoded."""
    parts = (part.partition(b"=") for part in query.split(b"&"))
    return [(name, value) for name, _, value in parts]


def _encoded_once(text: bytes) -> bytes:
    return _encoded(urllib.parse.unquote_to_bytes(text))


def _encoded(text: bytes, safe: str = "") -> bytes:
    return urllib.parse.quote_from_bytes(text, safe=safe).encode()


def _trimmed(value: bytes) -> bytes:
    """Without blanks around it and with single ones inside, also between quotes; a folded line ends in one."""
    return b" ".join(value.split())
