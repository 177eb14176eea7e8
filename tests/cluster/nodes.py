"""Real servers that share one PostgreSQL, each a process with its own port.

Owns how a node is started. What can be done to a process is in `tests/support/server.py`; databases come from
`tests/postgres/places.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.server import HOST, Server

LOG_END = 3_000  # characters of a log that a failure shows


class Node(Server):
    """`workflowsvc serve` on a PostgreSQL database."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        settings: Mapping[str, str] | None = None,
        *,
        environment: Mapping[str, str] = {},
        defect: str = "",
    ) -> None:
        """Writes its log into `folder`, which must exist. `defect` is one of `faulty_node.py`.

        The address is passed in the environment, as all users of a machine can read command lines.
        """
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
        return f"node on port {self.port}:\n{self.said()[-LOG_END:]}"
