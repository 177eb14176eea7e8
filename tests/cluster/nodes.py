"""Real servers that share one PostgreSQL, each a process of its own with a port of its own.

Owns how a node is started and where a database for some nodes comes from: a schema of the server of the test run, or a
whole server for those who stop and kill it. What can be done to a process is in `tests/support/server.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.server import HOST, Server

LAST_WORDS = 3_000  # characters of a log, for whoever looks for the reason of a failure


class Node(Server):
    """`workflowsvc serve` on the database of this address."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        settings: Mapping[str, str] | None = None,
        *,
        environment: Mapping[str, str] = {},
        defect: str = "",
    ) -> None:
        """The log is in `folder`, which must be there. The address goes through the environment: a command line can
        be read by everybody on the machine. What a `defect` is stands in `faulty_node.py`."""
        self.defect = defect
        super().__init__(folder, {"store": dsn, **(settings or {})}, environment=environment)
        self.log = folder / f"node{self.port}.log"

    @property
    def command(self) -> list[str]:
        program = ["tests.cluster.faulty_node", self.defect] if self.defect else ["workflowsvc"]
        return [sys.executable, "-m", *program, "serve", "--host", HOST, "--port", str(self.port)]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def last_words(self) -> str:
        return f"node on port {self.port}:\n{self.said()[-LAST_WORDS:]}"
