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
    lines = [_STATUS_LINES[status], date_line]
    for name, value in fields:
        if name != b"content-length":
            lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"content-length: %d\r\n" % length)
    if not stays_open:
        lines.append(b"connection: close\r\n")
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise ValueError("a header of the answer contains a line break")
    return head + b"\r\n"
