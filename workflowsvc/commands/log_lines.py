"""The form of a log line: time, severity, part of the program, text; or the same and more as a JSON object.

Owns the form alone. Times are in UTC, with milliseconds and in the form of ISO 8601: nodes of one installation may run
in several time zones, and an hour that a clock repeats in autumn would be ambiguous.

A record may bring `fields`, what its text says as members for machines, and `summary`, a text to go with them in place
of its own. One that is `frequent` may be written a moment later, together with others.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from workflowsvc.settings import LogFormat


GATHER_SECONDS = 0.05
"""For which frequent lines wait for others."""
MAX_GATHERED = 500  # lines; some 200 KB

_encode = msgspec.json.Encoder().encode
_DELETE = b"\x7f"  # which JSON need not escape


@lru_cache(2)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.created * 1000) % 1000:03d}Z"


class _Lines(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return _time(record)


class _JsonLines(logging.Formatter):
    """One line for each record, whatever is in it: line ends and control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", None) or {}
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": getattr(record, "summary", None) or record.getMessage(),
        }
        line = line | fields | line  # in this order, and no field takes the place of one of these
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return _as_json(line)


def _as_json(line: dict[str, Any]) -> str:
    """In ASCII, all control characters escaped."""
    try:
        quickly = _encode(line)
        if quickly.isascii() and _DELETE not in quickly:
            return quickly.decode()
    except (TypeError, ValueError):  # what JSON does not have, or half of a surrogate
        pass
    return json.dumps(line, default=str, separators=(",", ":"))


class LinesTogether(logging.StreamHandler[TextIO]):
    """Writes frequent lines together, and all lines in their order.

    A write lets other threads run. With one for each call, the event loop had to wait for the writer's thread as often
    as it answered, and a workflow of seven calls took twice its CPU.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._gathered: list[str] = []
        self._any = threading.Event()
        self._closed = threading.Event()
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._gathered.append(self.format(record))
            if not getattr(record, "frequent", False) or len(self._gathered) >= MAX_GATHERED:
                self.flush()
            elif len(self._gathered) == 1:
                self._write_soon()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Writes what was gathered; also called when the process ends."""
        self.acquire()
        try:
            lines, self._gathered = self._gathered, []
            if lines:
                self.stream.write("\n".join([*lines, ""]))
            super().flush()
        finally:
            self.release()

    def _write_soon(self) -> None:
        self._any.set()
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_gathered, name="log", daemon=True)
            self._writer.start()

    def _write_gathered(self) -> None:
        while self._any.wait() and not self._closed.wait(GATHER_SECONDS):
            self._any.clear()
            self.flush()

    def close(self) -> None:
        self._closed.set()
        self._any.set()
        super().close()


def log_to(stream: TextIO, level: str, format: LogFormat = "text") -> None:
    """From now on this process logs to the stream what has at least this severity."""
    handler = LinesTogether(stream)
    handler.setFormatter(
        _JsonLines() if format == "json" else _Lines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler])
