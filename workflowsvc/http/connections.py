"""What all connections of a server share: the caps, the bytes they hold, the sweep for deadlines, the Date line.

Owns counting and the passing of time. Must not know HTTP: a connection decides what an expired deadline means.

One sweep looks at every connection's deadline, instead of a timer for each connection and request: 10,000 idle polls
cost one pass of about a millisecond per second, and no request pays for arming and cancelling a timer.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import socket
from collections import Counter
from typing import TYPE_CHECKING

from workflowsvc.histogram import Count
from workflowsvc.http.refusal_log import RefusalLog

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.http.connection import Connection
    from workflowsvc.settings import Settings


log = logging.getLogger(__name__)

_LOCAL_LINK = bytes.fromhex("fe80")
_IPV4 = bytes(10) + b"\xff\xff"


class Connections:
    """The open connections of a server."""

    def __init__(self, settings: Settings, clock: Clock, room: int | None = None) -> None:
        """`room`: the connections for which this process may open files, if that is known."""
        self.settings = settings
        self.open: set[Connection] = set()
        self.draining = False
        self.emptied = asyncio.Event()  # set when the last connection has gone, while draining
        self.body_bytes = 0  # of requests received or in work
        self.per_address: Counter[str] = Counter()
        self._max_open = min(settings.max_connections, room or settings.max_connections)
        self._max_per_address = settings.max_connections_per_address or self._max_open - self._max_open // 4
        self.date_line = b""
        self.refusals = RefusalLog(clock)
        self.accepted = Count()
        self.refused: Counter[str] = Counter()
        """Requests and connections that were refused before they were a call, by code of the fault."""
        self._clock = clock
        self._update_date_line()

    @property
    def sweep_seconds(self) -> float:
        """The time between two sweeps: a quarter of the shortest deadline, at most a second because of the Date."""
        settings = self.settings
        shortest = min(
            settings.header_deadline_seconds,
            settings.body_deadline_seconds,
            settings.answer_deadline_seconds,
            settings.keep_alive_seconds,
        )
        return max(0.01, min(1.0, shortest / 4))

    def enter(self, connection: Connection) -> bool:
        """Counts a connection that was just made; False when there are too many."""
        self.accepted.add()
        self.open.add(connection)
        self.per_address[connection.address] += 1
        return (
            len(self.open) <= self._max_open and self.per_address[connection.address] <= self._max_per_address
        )

    @property
    def most(self) -> int:
        """How many may be open."""
        return self._max_open

    def leave(self, connection: Connection) -> None:
        """Counts a connection that has ended."""
        self.open.discard(connection)
        self.per_address[connection.address] -= 1
        if not self.per_address[connection.address]:
            del self.per_address[connection.address]
        if self.draining and not self.open:
            self.emptied.set()

    def sweep(self, now: float) -> None:
        """Ends the connections whose deadline has passed; `now` is the event loop's time in seconds."""
        self._update_date_line()
        unsent = 0
        for connection in list(self.open):  # a copy, because connections leave meanwhile
            connection.expire(now)
            unsent += connection.unsent_bytes()
        if unsent > self.settings.max_pending_bytes:
            self._shed(unsent)

    def _shed(self, unsent: int) -> None:
        """Cuts off the clients that leave most of their answers, until half of the bytes that may be held are free."""
        cut = 0
        for connection in sorted(self.open, key=lambda one: one.unsent_bytes(), reverse=True):
            if unsent <= self.settings.max_pending_bytes // 2:
                break
            unsent -= connection.unsent_bytes()
            connection.abort()
            cut += 1
        log.warning("%d connections that do not take in their answers were cut off: memory is needed", cut)

    def _update_date_line(self) -> None:
        date = email.utils.formatdate(self._clock.now_ms() / 1000, usegmt=True)  # noqa: TID251
        self.date_line = f"date: {date}\r\n".encode()

    def drain(self) -> None:
        """From now on a connection ends with the answers it still owes, or with the next one; idle ones end soon."""
        self.draining = True
        if not self.open:
            self.emptied.set()
        for connection in list(self.open):
            connection.shutdown()

    def abort_all(self) -> None:
        """Cuts off every connection."""
        for connection in list(self.open):
            connection.abort()


def counted_address(host: str) -> str:
    """What counts as one address. Of IPv6 it is the first 64 bits, as one machine has all addresses behind them; not so
    on the local link, which is a single network, and of IPv4 in the form of IPv6.
    """
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    if packed.startswith((_LOCAL_LINK, _IPV4)):
        return host
    return packed[:8].hex()
