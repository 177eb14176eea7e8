"""The parts of a URL that is called, and which texts are none.

Owns the mistakes in a URL. Must not know where it comes from.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_visible = re.compile(r"[\x21-\x7e]+").fullmatch
_PORTS = {"http": 80, "https": 443}


class BadUrl(ValueError):
    """A mistake, as a sentence."""


class Url(NamedTuple):
    """Where to connect to, and what to ask for."""

    secure: bool
    host: str
    port: int
    path: str  # the request target, with its query


def read_url(text: str) -> Url:
    """Raises BadUrl, which may repeat the text, but no password in it."""
    if not _visible(text):
        raise BadUrl(f"{text!r} is not a URL; characters beyond ASCII and blanks are written as %XX")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadUrl(str(error)) from None
    if parts.username is not None or parts.password is not None:
        raise BadUrl("a URL cannot carry a user name or a password")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise BadUrl(f"{text} is not a URL that begins with http:// or https:// and names a host")
    if port == 0:
        raise BadUrl("a URL cannot have port 0")
    if parts.fragment:
        raise BadUrl(f"{text} has a fragment, which is never sent")
    return Url(
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def authority(secure: bool, host: str, port: int) -> str:
    """The Host header."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port == _PORTS["https" if secure else "http"] else f"{shown}:{port}"
