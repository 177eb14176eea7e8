"""A server that holds calls against access data: it has read them when it starts, or says why it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.own_api.administration import MASTER_KEY, Office
from tests.support.waiting import until
from workflowsvc.access.secrets import MasterKey
from workflowsvc.clock import SystemClock
from workflowsvc.node import Node
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.sqlite.store import SqliteStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a server on a database with one user, who has a key."""
    file = tmp_path / "access.db"
    store = SqliteStore(str(file))
    office = Office(store)
    office.user("ann", "SwfWorker")
    office.ask("CreateAccessKey", userName="ann")
    store.close()
    return Settings(store=f"sqlite:{file}", auth="enforce")


def node_of(settings: Settings, *keys: MasterKey) -> Node:
    return Node(settings, SystemClock(), None, os.urandom, master_keys=keys)


def test_a_node_has_its_book_when_it_is_open(settings: Settings) -> None:
    node = node_of(settings, MASTER_KEY)
    try:
        book = node.open().book()
        assert not book.is_empty
    finally:
        node.close()


@pytest.mark.parametrize("keys", [(), (MasterKey(b"f" * 32),)])
def test_a_node_with_a_foreign_master_key_or_none_does_not_start(
    settings: Settings, keys: tuple[MasterKey, ...]
) -> None:
    node = node_of(settings, *keys)
    try:
        with pytest.raises(StoreUnusable, match=rf"master key {MASTER_KEY.id}.*give"):
            node.open()
    finally:
        node.close()


def test_a_node_with_both_keys_works_while_the_master_key_is_replaced(settings: Settings) -> None:
    node = node_of(settings, MasterKey(b"n" * 32), MASTER_KEY)
    try:
        assert not node.open().book().is_empty
    finally:
        node.close()


def test_a_change_by_another_program_is_known_soon() -> None:
    """As on PostgreSQL, where nodes share a database; a file is enough to see the thread at work."""
    store = SqliteStore(None)
    office = Office(store)
    node = node_of(Settings(store="memory", auth="enforce"), MASTER_KEY)
    node._store = store  # pyright: ignore[reportPrivateUsage] - what another node would have opened
    service = node.open()
    try:
        office.user("ann")
        office.ask("CreateAccessKey", userName="ann")
        until(lambda: not service.book().is_empty, "the key of another node", pause_seconds=0.02)
    finally:
        node.close()
