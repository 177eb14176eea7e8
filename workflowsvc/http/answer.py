"""The head of an answer as bytes: status line, Date, header fields, Content-Length.

Owns the form of what is sent. Must not know requests or connections.

An answer is sent in one piece with its Content-Length, because every answer is complete before any of it is sent:
nothing leaves before its commit.
"""

from __future__ import annotations

import http

HeaderFields = list[tuple[bytes, bytes]]

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus
}


def render_head(
    status: int, fields: HeaderFields, length: int, date_line: bytes, *, stays_open: bool
) -> bytes:
    """The bytes before the body. Content-Length is always `length` (bytes); one in `fields` is left out.

    ValueError when a field contains a line break, which would split the answer in two.
    """
    pieces = [_STATUS_LINES[status], date_line]
    lines = 4
    for name, value in fields:
        if name != b"content-length":
            pieces += (name, b": ", value, b"\r\n")
            lines += 1
    if not stays_open:
        pieces.append(b"connection: close\r\n")
        lines += 1
    pieces.append(b"content-length: %d\r\n\r\n" % length)
    head = b"".join(pieces)
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise ValueError("a header of the answer contains a line break")
    return head
