"""Nodes on one database, started once for all tests of a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.nodes import Node
from tests.postgres.places import new_place

Run = Callable[..., list[Node]]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def start_nodes(loop: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`start_nodes("", "deaf")`: nodes with these defects, started at once on an empty database."""
    started: list[Node] = []

    def start(*defects: str, dsn: str | None = None, **settings: str) -> list[Node]:
        where = dsn or new_place().dsn
        folder = tmp_path_factory.mktemp("nodes")
        nodes = [Node(folder, where, settings, defect=defect) for defect in defects]
        started.extend(nodes)

        async def all_at_once() -> None:
            await asyncio.gather(*(node.start() for node in nodes))

        loop.run(all_at_once())
        return nodes

    yield start
    for node in started:
        bugs = node.bugs_in_log()
        loop.run(node.end())
        assert not bugs, "\n".join(bugs)
