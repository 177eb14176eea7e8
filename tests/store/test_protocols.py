"""Each store has what its protocols ask for, and nothing that only several nodes need unless it has several nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.store.conftest import FACTORIES
from workflowsvc.store import interface
from workflowsvc.store.interface import PeerStore, RepairStore


def methods(*protocols: type) -> set[str]:
    return {
        name
        for protocol in protocols
        for name, value in vars(protocol).items()
        if callable(value) and not name.startswith("_")
    }


READ = methods(interface.Reader)
AUDIT = READ | methods(interface.AuditReader)
WRITE = READ | methods(interface.Transaction)
REPAIR = WRITE | AUDIT | methods(interface.RepairTransaction)
CHANGES = REPAIR - AUDIT - {"count_open", "heartbeats", "next_wake_at", "open_run"}
OF_PEERS = methods(interface.PeerTransaction) - methods(interface.Transaction)


def missing(thing: Any, names: set[str]) -> set[str]:
    return {name for name in names if not callable(getattr(thing, name, None))}


@pytest.mark.parametrize("name", FACTORIES)
def test_a_store_has_what_its_protocols_ask_for(name: str, tmp_path: Path) -> None:
    store: Any = FACTORIES[name](tmp_path)
    has_peers = isinstance(store, PeerStore)
    assert has_peers == name.startswith("postgres")
    assert not missing(store, methods(interface.Store, RepairStore))
    with store.reader() as reader:
        assert not missing(reader, AUDIT)
        assert missing(reader, CHANGES) == CHANGES, "a reader cannot write"
    with store.transaction() as tx:
        assert not missing(tx, REPAIR)
        assert missing(tx, OF_PEERS) == (set() if has_peers else OF_PEERS)
    store.close()
