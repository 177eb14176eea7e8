"""A real server process for the client tests: one `workflowsvc serve` for all of them on each kind of database.

Tests share it and keep apart by domain, as users of one installation would.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from interop.server import Server, running_server
from tests.postgres.places import new_place

NUMBERS = itertools.count(1)

ON_SQLITE = pytest.mark.parametrize("server", ["sqlite"], indirect=True, scope="session")
"""For tests that start the AWS CLI, at half a second a process: the other database sees the same calls from boto3."""


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = new_place().dsn if request.param == "postgres" else None  # skips when there is no PostgreSQL
    with running_server(tmp_path_factory.mktemp("server"), store=store) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Any:
    return server.client()


@pytest.fixture
def domain() -> str:
    """The name of a domain that is not registered yet."""
    return f"clients-{next(NUMBERS)}"
