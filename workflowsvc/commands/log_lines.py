"""The form of a log line: time, severity, part of the program, text; or the same and more as a JSON object.

Owns the form alone. Times are in UTC, with milliseconds and in the form of ISO 8601: nodes of one installation may run
in several time zones, and an hour that a clock repeats in autumn would be ambiguous.

A record may bring `fields`, what its text says as members for machines, and `summary`, a text to go with them in place
of its own.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from workflowsvc.settings import LogFormat

RESERVED = ("time", "level", "logger", "message", "exception", "stack")


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class _Lines(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return _time(record)


class _JsonLines(logging.Formatter):
    """One line for each record, whatever is in it: line ends and control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": getattr(record, "summary", None) or record.getMessage(),
        }
        fields: dict[str, Any] = getattr(record, "fields", None) or {}
        line |= {name: value for name, value in fields.items() if name not in RESERVED}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)


def log_to(stream: TextIO, level: str, format: LogFormat = "text") -> None:
    """From now on this process logs to the stream what has at least this severity."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _JsonLines() if format == "json" else _Lines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler])
