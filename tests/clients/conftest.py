"""A real server process for the client tests: one `workflowsvc serve` with a SQLite file for all of them.

Tests share it and keep apart by domain, as users of one installation would.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from interop.server import Server, running_server

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Any:
    return server.client()


@pytest.fixture
def domain() -> str:
    """The name of a domain that nobody has registered yet."""
    return f"clients-{next(NUMBERS)}"
