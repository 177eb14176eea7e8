"""What all connections of a server share: the caps, the bytes they hold, the deadline sweep, the Date line.

Owns counting and the passing of time. Must not know HTTP: a connection decides what an expired deadline
means.

One sweep looks at every connection's deadline instead of a timer per connection and request: 10,000 idle
polls cost one pass of about a millisecond a second, and no request pays for arming and cancelling.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
from collections import Counter
from typing import TYPE_CHECKING, cast

from uvicorn.server import ServerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflowsvc.clock import Clock
    from workflowsvc.http.protocol import Connection
    from workflowsvc.settings import Settings


log = logging.getLogger(__name__)


class Connections(ServerState):
    """The state of a server."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__()
        self.settings = settings
        self.draining = False
        self.emptied = asyncio.Event()  # set when the last connection has gone, while draining
        self.body_bytes = 0  # of requests received or in work
        self.per_address: Counter[str] = Counter()
        self.date_line = b""
        self._clock = clock
        self.tell_date()

    @property
    def sweep_seconds(self) -> float:
        """Between two sweeps: a quarter of the shortest deadline, at the least once a second for the Date."""
        settings = self.settings
        shortest = min(
            settings.header_deadline_seconds,
            settings.body_deadline_seconds,
            settings.answer_deadline_seconds,
            settings.keep_alive_seconds,
        )
        return max(0.01, min(1.0, shortest / 4))

    def open_ones(self) -> Iterator[Connection]:
        """A copy, because connections leave while it is walked."""
        return iter(cast("list[Connection]", list(self.connections)))

    def admit(self, address: str) -> bool:
        """Counts a connection that was just made; False when there are too many."""
        self.per_address[address] += 1
        most = self.settings.max_connections_per_address
        return len(self.connections) <= self.settings.max_connections and (
            not most or self.per_address[address] <= most
        )

    def leave(self, address: str) -> None:
        self.per_address[address] -= 1
        if not self.per_address[address]:
            del self.per_address[address]
        if self.draining and not self.connections:
            self.emptied.set()

    def sweep(self, now: float) -> None:
        """Connections whose deadline has passed are ended; `now` is the event loop's time."""
        self.tell_date()
        unsent = 0
        for connection in self.open_ones():
            connection.expire(now)
            unsent += connection.unsent_bytes()
        if unsent > self.settings.max_pending_bytes:
            self._shed(unsent)

    def _shed(self, unsent: int) -> None:
        """Cuts off those who let most of their answers lie, until half of what may be held is free again."""
        cut = 0
        for connection in sorted(self.open_ones(), key=lambda one: one.unsent_bytes(), reverse=True):
            if unsent <= self.settings.max_pending_bytes // 2:
                break
            unsent -= connection.unsent_bytes()
            connection.abort()
            cut += 1
        log.warning("%d connections that do not take in their answers were cut off: memory is needed", cut)

    def tell_date(self) -> None:
        date = email.utils.formatdate(self._clock.now_ms() / 1000, usegmt=True)  # noqa: TID251
        self.date_line = f"date: {date}\r\n".encode()

    def drain(self) -> None:
        """From now on connections end with the answers they still owe, or with the next one; idle ones end soon."""
        self.draining = True
        if not self.connections:
            self.emptied.set()
        for connection in self.open_ones():
            connection.shutdown()
