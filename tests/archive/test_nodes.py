"""Two nodes on one PostgreSQL: both follow a rule that one of them was given, and one of them archives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.own_api.test_retention import DAY, closed, is_known, put
from tests.postgres.places import new_place
from tests.world_archive import all_rounds, archiver
from tests.world_fixture import WorldFixture
from workflowsvc.archive.folder import Folder
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.testing import World

Nodes = tuple[WorldFixture, World]


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """A service with a domain that keeps runs for ten days, and another node on the same database and clock."""
    place = new_place()
    with closing(PostgresStore(place.dsn)) as one, closing(PostgresStore(place.dsn)) as other:
        on = WorldFixture(World(store=one))
        yield on, World(store=other, clock=on.world.clock, seed=2)


def pass_days(nodes: Nodes, days: float) -> None:
    on, other = nodes
    on.world.clock.advance(round(days * DAY * 1000))
    other.run()  # the other one first: it must know what the first one was told
    on.world.run()


def test_a_rule_of_one_node_holds_on_the_other(nodes: Nodes) -> None:
    on, other = nodes
    run_id = closed(on)
    other.run()
    put(on, days=30)
    pass_days(nodes, 29)
    assert is_known(on, run_id)
    info = other.call("DescribeWorkflowExecution", domain="d", execution={"workflowId": "w", "runId": run_id})
    assert info["executionInfo"]["closeStatus"] == "COMPLETED"
    pass_days(nodes, 2)
    assert not is_known(on, run_id)


def test_a_node_without_an_archive_deletes_nothing_that_another_one_archives(
    nodes: Nodes, folder: Folder
) -> None:
    on, other = nodes
    closed(on)
    by = archiver(on.world, folder)
    pass_days(nodes, 11)
    with on.world.store.reader() as reader:
        assert len(reader.runs(0, 10)) == 1  # type: ignore[attr-defined]
    all_rounds(by)
    assert len(list(folder.list(""))) == 1
    with other.store.reader() as reader:
        assert reader.runs(0, 10) == []  # type: ignore[attr-defined]
