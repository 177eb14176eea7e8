"""A client that records each call with its outcome, and reconnects when the server is back.

Owns the difference between acknowledged, refused, failed and unknown, and that no call is recorded while no connection
can be opened.
"""

from __future__ import annotations

import asyncio
import json
import select
from collections.abc import Callable
from typing import Any

from bench.connection import Answer, Connection
from tests.support.journal import Call, Journal
from tests.support.server import HOST

PATIENCE_SECONDS = 61.0  # QUALITY §2.5.R7: every poll, so every call, is answered within that
PAUSE_SECONDS = 0.01  # between two attempts to connect

_HEAD = (
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
    "X-Amz-Target: SimpleWorkflowService.{}\r\nContent-Length: {}\r\n\r\n"
)


class CheckedConnection(Connection):
    """A connection that knows whether its peer has closed it."""

    @property
    def is_open(self) -> bool:
        """Asks the socket, as urllib3 does: the event loop may not have processed its end yet."""
        if self._transport is None:
            return False
        heard = select.poll()
        heard.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not heard.poll(0)


def request(action: str, body: bytes) -> bytes:
    """The bytes of a call as SDKs send it, unsigned."""
    return _HEAD.format(action, len(body)).encode() + body


def fault_of(body: bytes) -> str:
    """The name of the fault, as SDKs read it (SWF §1.4.8)."""
    try:
        return str(json.loads(body)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError):
        return f"not a fault: {body[:100]!r}"


def message_of(body: bytes) -> str:
    """The message of a fault; empty when there is none."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


class Client:
    """A client with one connection; makes one call at a time, and rests after each, for `rest()` seconds."""

    def __init__(self, port: int, journal: Journal, rest: Callable[[], float] = lambda: 0.0) -> None:
        self.journal = journal
        self._rest = rest
        self._port = port
        self._connection: CheckedConnection | None = None

    async def call(
        self, action: str, marker: str = "", about: dict[str, Any] | None = None, /, **members: Any
    ) -> Call:
        """The call with its outcome. Waits for a server first."""
        data = request(action, json.dumps(members).encode())
        connection = await self._connected()
        call = Call(action, marker, members, about or {}, self.journal.life)
        self.journal.calls.append(call)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await connection.call(data)
        except TimeoutError:
            call.end("hung")
            self.hang_up()
        except (OSError, ValueError):
            call.end("unknown")
            self.hang_up()
        else:
            _settle(call, answer)
        if seconds := self._rest():
            await asyncio.sleep(seconds)
        return call

    async def _connected(self) -> CheckedConnection:
        while self._connection is None or not self._connection.is_open:
            try:
                opened = await CheckedConnection.open(HOST, self._port)
            except OSError:
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                assert isinstance(opened, CheckedConnection)
                self._connection = opened
        return self._connection

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _settle(call: Call, answer: Answer) -> None:
    if answer.status == 200:
        call.end("acknowledged", answer=json.loads(answer.body) if answer.body else None)
    elif answer.status >= 500:
        call.end("failed", code=fault_of(answer.body), message=message_of(answer.body))
    else:
        call.end("refused", code=fault_of(answer.body), message=message_of(answer.body))
