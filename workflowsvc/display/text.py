"""Text for a terminal: moments, spans and what clients have written, which may contain anything.

Owns these forms, as functions of their arguments.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

TIMES = re.compile(r"(?:[tT]imestamp|creationDate|deprecationDate|^now)$")
"""Members of answers that are moments: SWF and this service's own API have no others."""

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?[smhdw])+")


def printable(text: str, *, limit: int | None = None) -> str:
    """The text on one line, without letters that a terminal would obey, cut at `limit` letters."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(letter: str) -> str:
    if letter == "\n":
        return "⏎"
    # Control, format (they can turn the direction of what follows), surrogate, line and paragraph separators.
    if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
    return letter


def moment(seconds: object) -> str:
    """Seconds since the epoch in the time zone of this machine, to the second; empty for None."""
    read = _read_moment(seconds)
    return read.astimezone().strftime("%Y-%m-%d %H:%M:%S") if read else ""


def _read_moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or not -62_000_000_000 < seconds < 253_000_000_000:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def span(seconds: float | None) -> str:
    """A span in at most two units: `1.2 s`, `3 m 5 s`, `2 h 10 m`, `4 d 1 h`."""
    if seconds is None:
        return ""
    seconds = max(seconds, 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = int(seconds)
    for unit, size, lower, lower_size in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "m", 60),
        ("m", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // lower_size
            return f"{whole // size} {unit} {rest} {lower}" if rest else f"{whole // size} {unit}"
    raise AssertionError("a minute at least")


def read_span(text: str) -> float | None:
    """Seconds of `90s`, `15m`, `2h`, `1h30m`, `3d`, `1w`; None for another text."""
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9.]+)([smhdw])", text))


def read_moment(text: str, now: float) -> float | None:
    """Seconds since the epoch of a span before `now`, an ISO 8601 date or time, or a number; None for another text.

    A time without an offset is in the time zone of this machine."""
    ago = read_span(text)
    if ago is not None:
        return now - ago
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return number if 0 <= number < 253_000_000_000 else None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def with_times(value: object) -> object:
    """An answer with its moments as ISO 8601 in UTC, as version 2 of the AWS CLI prints them."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {
            name: _iso(inner) if TIMES.search(name) else with_times(inner) for name, inner in members.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [with_times(inner) for inner in cast("Sequence[object]", value)]
    return value


def _iso(seconds: object) -> object:
    read = _read_moment(seconds)
    return read.isoformat(timespec="milliseconds") if read else seconds


def json_line(value: Mapping[str, Any]) -> str:
    """One object on one line; its moments are ISO 8601."""
    return json.dumps(with_times(value), separators=(",", ":")) + "\n"


def counted(found: int, one: str, several: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{found:,} {one if found == 1 else several}"


_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._+=@-]")


def history_file_name(workflow_id: str, run_id: str) -> str:
    """The name of the file with the history of a run: WORKFLOW_ID.RUN_ID.json, which an import reads again."""
    return f"{_NOT_IN_FILE_NAMES.sub('_', workflow_id)[:100]}.{_NOT_IN_FILE_NAMES.sub('_', run_id)}.json"


def number(value: object) -> str:
    """A count with separators; empty for None."""
    return f"{value:,}" if isinstance(value, int) else ""


def quoted(name: str) -> str:
    """A name that a client has given, told apart from the words around it."""
    return f'"{name}"'
