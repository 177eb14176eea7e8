"""What a store says of itself for metrics: every name has a text, and the numbers are those of the store."""

from __future__ import annotations

from pathlib import Path

from workflowsvc.metrics.stores import TEXTS
from workflowsvc.store.interface import MeasuredStore, Store
from workflowsvc.store.sqlite.store import SqliteStore


def test_each_store_measures_itself(store: Store) -> None:
    assert isinstance(store, MeasuredStore)
    found = store.measure()
    assert {one.name for one in found} <= TEXTS.keys()
    assert all(one.value >= 0 for one in found)
    assert all(bool(one.label) == bool(TEXTS[one.name][1]) for one in found)
    keys = [(one.name, one.label) for one in found]
    assert len(keys) == len(set(keys))


def test_a_file_is_measured_with_its_log_beside_a_running_transaction(tmp_path: Path) -> None:
    path = tmp_path / "workflowsvc.db"
    store = SqliteStore(str(path))
    with store.transaction() as tx:
        tx.put_meta("key", b"x" * 100_000)
    with store.transaction():
        found = {one.name: one.value for one in store.measure()}
    assert found["wal_bytes"] == path.with_name("workflowsvc.db-wal").stat().st_size
    assert 100_000 < found["wal_unsaved_bytes"] <= found["wal_bytes"]
    disk = store.disk()
    assert disk is not None
    assert 0 < disk.free <= disk.total
    store.close()
