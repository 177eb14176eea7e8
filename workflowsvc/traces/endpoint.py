"""Where spans are sent: OTLP over HTTP, as OpenTelemetry's variables name it.

Owns what an address stands for, and how headers are spelled in a variable.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

PATH = "/v1/traces"
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
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


class Wanted(NamedTuple):
    """Where the spans of a server go."""

    url: str
    by_option: bool  # asked for by name, and not by a variable that may be meant for other programs


def wanted(option: str, environment: Mapping[str, str]) -> Wanted | None:
    """Where the spans of a server go; None for nowhere. BadEndpoint when the address cannot be used, or when a variable
    asks for another protocol than OTLP over HTTP. `option`: an address, off, or empty for what the variables say."""
    if option == "off" or environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if option:
        return Wanted(traces_url(option), by_option=True)
    if environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() not in ("", "otlp"):
        return None
    whole, base = (environment.get(name, "").strip() for name in ENDPOINTS)
    if not (whole or base):
        return None
    protocol = next(
        (environment[name].strip() for name in PROTOCOLS if environment.get(name)), "http/protobuf"
    )
    if protocol != "http/protobuf":
        raise BadEndpoint(f"{PROTOCOLS[-1]} asks for {protocol!r}, and only http/protobuf is spoken")
    try:
        url = traces_url(whole or base)
    except BadEndpoint as error:
        raise BadEndpoint(f"{ENDPOINTS[0] if whole else ENDPOINTS[1]}: {error}") from error
    return Wanted(url if whole else base.rstrip("/") + PATH, by_option=False)


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
