"""A client that sends each call to the next node, as a load balancer does, and skips nodes that are down.

Owns the choice of the node. `tests/support/client.py` records the outcome of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tests.support.client import PAUSE_SECONDS, CheckedConnection, Client
from tests.support.journal import Journal
from tests.support.load import Load
from tests.support.server import HOST


class RoundRobinClient(Client):
    """A client with a connection to each node; makes one call at a time."""

    def __init__(
        self, ports: Sequence[int], journal: Journal, first: int = 0, rest: Callable[[], float] = lambda: 0.0
    ) -> None:
        super().__init__(ports[0], journal, rest)
        self._ports = ports
        self._turn = first
        self._connections: dict[int, CheckedConnection] = {}

    async def _connected(self) -> CheckedConnection:
        passed_over = 0
        while True:
            self._turn = (self._turn + 1) % len(self._ports)
            port = self._ports[self._turn]
            connection = self._connections.get(port)
            if connection is None or not connection.is_open:
                try:
                    opened = await CheckedConnection.open(HOST, port)
                except OSError:
                    passed_over += 1
                    if passed_over % len(self._ports) == 0:
                        await asyncio.sleep(PAUSE_SECONDS)
                    continue
                assert isinstance(opened, CheckedConnection)
                self._connections[port] = connection = opened
            self._connection = connection
            return connection

    def hang_up(self) -> None:
        """Closes the connections to all nodes: one with an unanswered call cannot be reused."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._connection = None


class SpreadLoad(Load):
    """The load of `tests/support/load.py`, with each client calling all nodes in turn."""

    def __init__(self, ports: Sequence[int], journal: Journal, seed: int) -> None:
        super().__init__(ports[0], journal, seed)
        self.ports = ports
        self._clients = 0

    def client(self) -> Client:
        self._clients += 1
        return RoundRobinClient(self.ports, self.journal, first=self._clients, rest=self.rest)
