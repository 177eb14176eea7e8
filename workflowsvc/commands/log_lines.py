"""The form of a log line: time, severity, part of the program, text.

Owns the form alone. Times are in UTC, with milliseconds and in the form of ISO 8601: nodes of one installation may run
in several time zones, and an hour that a clock repeats in autumn would be ambiguous.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TextIO


class _Lines(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def log_to(stream: TextIO, level: str) -> None:
    """From now on this process logs to the stream what has at least this severity."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
