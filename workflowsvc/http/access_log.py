"""The access log: an entry for each call that was answered.

Owns what an entry says, and that it costs little: at full load there are ten thousand a second.
"""

from __future__ import annotations

import logging
from typing import Any

from workflowsvc.http.refusal_log import printable

access_log = logging.getLogger("workflowsvc.requests")


# What formatters and handlers may ask of an entry.
_SAME: dict[str, Any] = logging.makeLogRecord(
    {
        "name": access_log.name,
        "levelno": logging.INFO,
        "levelname": logging.getLevelName(logging.INFO),
        "summary": "answered",
        "frequent": True,
    }
).__dict__


class AccessRecord(logging.LogRecord):
    """An entry, made of its `fields` alone: what else the standard library collects (the place in the code, the thread,
    the process) takes longer than all the rest, and is the same for each."""

    fields: dict[str, Any]

    def __init__(self, fields: dict[str, Any], at_ms: int) -> None:
        """`at_ms`: the moment of the answer."""
        self.__dict__ = _SAME | {"fields": fields, "created": at_ms / 1000, "msecs": at_ms % 1000}

    def getMessage(self) -> str:
        """The text of the entry, where it is not logged as JSON."""
        said = self.fields
        tenant = f"{said['account']}/{said['region']}" if "account" in said else "no tenant"
        fault = f" {said['fault']}" if "fault" in said else ""
        return (
            f"request {said['requestId']}: {said['action']} for {tenant} answered {said['status']}{fault} "
            f"in {said['ms']:.1f} ms, {said['bytesIn']} bytes in, {said['bytesOut']} out, "
            f"from {printable(said['sourceIp'])}"
        )
