"""Services for the tests of our own API: on SQLite, and as a node on PostgreSQL, which are asked in different ways."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.postgres.places import open_empty_store
from tests.world_fixture import WorldFixture
from workflowsvc.engine.multi_node import MultiNode
from workflowsvc.log_parts import PARTS
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

LOGGERS = ("workflowsvc", "workflowsvc.http.calls", *(f"workflowsvc.{part}" for part in PARTS))
Stage = Callable[..., WorldFixture]


@pytest.fixture(autouse=True)
def levels_as_before() -> Iterator[None]:
    """SetLogLevel changes the levels of the process, which runs other tests too."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind; skips when there is no PostgreSQL."""
    with ExitStack() as stores:
        store: Any = open_empty_store() if request.param == "postgres" else SqliteStore(None)
        stores.callback(store.close)
        yield store


@pytest.fixture
def stage(store: Store, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Makes a service on the store, with a domain and types; takes what World takes.

    A node on PostgreSQL polls it each minute, not each second: hours pass here, and there is no other node."""
    monkeypatch.setattr(MultiNode, "poll_store_ms", 60_000)

    def make(**given: Any) -> WorldFixture:
        return WorldFixture(World(store=store, **given))

    return make
