"""Names in the paths of pages: any name that SWF admits as one segment, and back.

Owns the escape. Percent signs would be decoded before a path is split into segments, so a workflowId with a slash would
become two of them; a tilde is left alone. Letters, digits and `-_.:@` stand for themselves.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

_PLAIN = re.compile(r"[A-Za-z0-9_.:@-]+")
_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@-")
_ESCAPED = re.compile(rb"~([0-9A-Fa-f]{2})")
JSON_SUFFIX = ".json"


class BadSegment(ValueError):
    """The segment names nothing."""


def segment(name: str) -> str:
    """The name as one segment of a path. `.` and `..` would lead elsewhere, and `.json` at the end asks for JSON."""
    dots = name.strip(".") == "" or name.endswith(JSON_SUFFIX)
    if not dots and _PLAIN.fullmatch(name):
        return name
    data = name.encode("utf-8", "surrogatepass")
    return "".join(
        chr(byte) if byte in _KEPT and not (dots and byte == 0x2E) else f"~{byte:02X}" for byte in data
    )


def name_of(text: str) -> str:
    """The name that a segment stands for. BadSegment when its bytes are no text."""
    if "~" not in text:
        return text
    data = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("utf-8", "surrogatepass"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadSegment(text) from None


def path(*names: str, **query: object) -> str:
    """A path of these names, and a query of the values that are not None. Lists are repeated."""
    given = {key: value for key, value in query.items() if value is not None and value != ""}
    end = f"?{urlencode(given, doseq=True)}" if given else ""
    return "/" + "/".join(map(segment, names)) + end


def type_path(domain: str, kind: str, named: str) -> str:
    """The page of the type `name:version` (no name of a type has a colon) that a line of a history of this kind is
    about; empty for a line that is about none, and outside a domain."""
    of = _TYPES.get(kind)
    name, colon, version = named.partition(":")
    return path("domains", domain, "types", of, name, version) if domain and of and colon and version else ""


_TYPES = {
    "run": "workflow",
    "child": "workflow",
    "decision StartChildWorkflowExecution": "workflow",
    "decision ContinueAsNewWorkflowExecution": "workflow",
    "activity": "activity",
    "decision ScheduleActivityTask": "activity",
    "workflowType": "workflow",
    "activityType": "activity",
}
