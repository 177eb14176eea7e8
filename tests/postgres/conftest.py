"""Servers and stores for the tests that are about PostgreSQL alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.postgres.places import Place, new_place
from tests.support.postgres_programs import require_programs
from tools import postgres
from workflowsvc.store.postgres.store import PostgresStore


@pytest.fixture(scope="session")
def own_server() -> Iterator[postgres.Server]:
    """One that a test may stop, whatever WORKFLOWSVC_TEST_DSN names."""
    require_programs()
    with postgres.running(settings={"max_connections": "40"}) as server:
        yield server


@pytest.fixture
def place() -> Place:
    return new_place()


@pytest.fixture
def open_node(place: Place) -> Iterator[Callable[[], PostgresStore]]:
    """Stores on one database, as several nodes have them."""
    with ExitStack() as stores:

        def open_one() -> PostgresStore:
            store = PostgresStore(place.dsn)
            stores.callback(store.close)
            return store

        yield open_one
