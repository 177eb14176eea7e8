"""Where spans are sent: OTLP over HTTP, as OpenTelemetry's variables name it.

Owns what an address stands for, and how headers are spelled in a variable.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

PATH = "/v1/traces"
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BadEndpoint(ValueError):
    """The address or a header cannot be used; the message says why."""


def traces_url(given: str) -> str:
    """The address for spans: as it was given, or with OTLP's path behind it when it has none."""
    try:
        parts = urllib.parse.urlsplit(given)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadEndpoint(f"{given!r} is no address, such as http://127.0.0.1:4318")
    if not given.isascii() or not given.isprintable() or " " in given:
        raise BadEndpoint(f"{given!r} holds letters that no address has")
    if "@" in parts.netloc:
        raise BadEndpoint(f"an address with a password is not taken; name headers in {HEADERS[-1]}")
    if parts.query or parts.fragment:
        raise BadEndpoint(f"{given!r} has more than a path")
    return given if parts.path.strip("/") else given.rstrip("/") + PATH


def headers_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The headers that a collector asks for: `key=value,key=value`, values percent-encoded."""
    name = next((name for name in HEADERS if environment.get(name)), None)
    if name is None:
        return {}
    found: dict[str, str] = {}
    for pair in environment[name].split(","):
        if not pair.strip():
            continue
        key, equals, value = pair.partition("=")
        key, value = key.strip(), urllib.parse.unquote(value.strip())
        if not equals or not _TOKEN.fullmatch(key) or not value.isascii() or not value.isprintable():
            raise BadEndpoint(
                f"{name} is not KEY=VALUE,KEY=VALUE with values percent-encoded"
            )  # its value is secret
        found[key] = value
    return found
