"""The parts of the log whose severity can be changed while a server runs. A leaf.

Owns their names, and the change, which lasts until the process ends. Must not know who asks for it.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

LEVELS = ("debug", "info", "warning", "error")

PARTS: dict[str, str] = {
    "all": "all parts that have no level of their own",
    "access": "signatures and calls that were refused by access control, changes of access data",
    "alarms": "deciders and task lists that go wrong",
    "api": "reading the store",
    "backups": "scheduled backups",
    "batches": "operations on many runs",
    "calls": "calls that were refused; debug: every call",
    "console": "the web pages",
    "http": "connections, certificates, readiness",
    "lambda": "Lambda functions",
    "metrics": "collecting metrics",
    "requests": "the access log",
    "retention": "rules of retention, the archive of histories",
    "slow": "slow calls",
    "webhooks": "pushing feeds to webhooks",
    "writer": "batches and the store that takes them",
}
"""What each part logs. Its logger is `workflowsvc.<part>`, and that of `all` is `workflowsvc`."""

_FURTHER = {"calls": ("workflowsvc.http.calls",)}
"""Loggers that belong to a part and are not below its own."""


class PartLevel(NamedTuple):
    """`own`: whether it was set for this part."""

    part: str
    level: str
    own: bool


def levels() -> list[PartLevel]:
    """The lowest severity that each part logs now, in the order of PARTS."""
    return [_level_of(part) for part in PARTS]


def set_level(part: str, level: str | None) -> None:
    """From now on the part logs from this severity on; None: as it did when the server started."""
    for name in (_logger_name(part), *_FURTHER.get(part, ())):
        logging.getLogger(name).setLevel(logging.NOTSET if level is None else level.upper())


def _level_of(part: str) -> PartLevel:
    logger = logging.getLogger(_logger_name(part))
    level = logging.getLevelName(logger.getEffectiveLevel()).lower()
    return PartLevel(part, level, logger.level != logging.NOTSET)


def _logger_name(part: str) -> str:
    return "workflowsvc" if part == "all" else f"workflowsvc.{part}"
