"""Worlds with access control."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.authorization.guarded import Guarded
from tests.postgres.places import open_empty_store
from workflowsvc.store.sqlite.store import SqliteStore


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


@pytest.fixture(params=["sqlite", "postgres"])
def matching(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """On a single node and as one of several, which match tasks and polls differently; skips without PostgreSQL."""
    with ExitStack() as stores:
        store: Any = open_empty_store() if request.param == "postgres" else SqliteStore(None)
        stores.callback(store.close)
        yield Guarded(store=store)


@pytest.fixture
def watched() -> Guarded:
    """With `--auth log`."""
    return Guarded(enforces=False)
