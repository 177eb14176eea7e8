"""The stores that the contract tests run on: every test that asks for `store` runs once for each of them.

Owns the table of factories. A further store joins with one line, and with nothing else if it keeps the
promises of workflowsvc/store/interface.py. Tests that speak of the files, locks or SQL of one database are in
files named after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres.places import new_spread_place, open_empty_store
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore

# Each opens an empty store; `folder` is its own and empty.
FACTORIES: dict[str, Callable[[Path], Store]] = {
    "sqlite-memory": lambda folder: SqliteStore(None),
    "sqlite-file": lambda folder: SqliteStore(str(folder / "workflowsvc.db")),
    "postgres": lambda folder: open_empty_store(),  # skips the test when there is no PostgreSQL
    "postgres-spread": lambda folder: open_empty_store(new_spread_place),
}


@pytest.fixture(params=FACTORIES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = FACTORIES[request.param](tmp_path)
    yield store
    store.close()
