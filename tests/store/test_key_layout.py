"""The SQL of the stores and core/key_layout.py agree on which bits of a run name its shard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.postgres.places import admin
from workflowsvc.core.key_layout import (
    MOMENT_BITS,
    NODE_BITS,
    POSITIONS_PER_MS,
    SHARDS,
    first_place,
    first_position,
    make_run,
    moment_of,
    shard_for,
    shard_of,
)
from workflowsvc.core.run_ids import make_run_id, run_of
from workflowsvc.engine.ids import Ids
from workflowsvc.store import sql
from workflowsvc.store.postgres.schema import SPREAD

LARGEST = (1 << 63) - 1
AT_MS = 1_764_367_200_000  # in 2025


def statements(dialect: str) -> dict[str, str]:
    folder = Path(sql.__file__).parent / dialect / "sql"
    return {path.name: path.read_text("utf-8") for path in sorted(folder.rglob("*.sql"))}


def test_the_sql_takes_shard_and_moment_from_the_same_bits() -> None:
    bits = {"run": SHARDS - 1, "walked.run": SHARDS - 1, "purge_at": (1 << MOMENT_BITS) - 1}
    for dialect in ("postgres", "sqlite"):
        texts = statements(dialect).values()
        masks = [found for text in texts for found in re.findall(r"([\w.]+) & (\w+)", text)]
        assert len(masks) == sum(text.count("&") for text in texts), "a bit mask that this test does not know"
        assert all(int(mask) == bits[column] for column, mask in masks)
    shards = [text for text in statements("postgres").values() for _ in re.findall(r"\brun & ", text)]
    assert len(shards) >= len(SPREAD), "every table of executions checks its shard"


@pytest.mark.parametrize("run", [0, 1, SHARDS - 1, SHARDS, make_run(first_place(AT_MS, 5), 200), LARGEST])
def test_the_server_computes_the_same_shard(run: int) -> None:
    with admin() as connection:
        assert connection.execute("select %s::bigint & 255", (run,)).fetchone() == (shard_of(run),)


def test_a_run_is_in_the_shard_that_it_was_made_for() -> None:
    shard = shard_for("tenant", "domain", "workflow")
    run = Ids(lambda count: bytes(count)).run(AT_MS, shard)
    assert shard_of(run) == shard
    assert run <= LARGEST
    assert run_of(make_run_id(run, bytes(24))) == run


def test_runs_are_in_order_of_their_start_whatever_their_shard() -> None:
    made = [
        make_run(first_place(AT_MS + ms, offset), shard)
        for ms in (0, 1)
        for offset, shard in ((0, 9), (1, 3))
    ]
    assert made == sorted(made)


def test_the_shard_of_a_workflow_never_changes() -> None:
    """Rows that are stored already must be found by later releases."""
    assert [shard_for("t", "d", name) for name in ("", "w", "é", "order-1")] == [190, 222, 103, 55]


def test_positions_name_the_millisecond_in_which_they_were_made() -> None:
    ids = Ids(lambda count: b"\xff" * count)
    position = ids.position(AT_MS)
    assert first_position(AT_MS) <= position < first_position(AT_MS + 1)
    assert moment_of(position) == AT_MS
    assert position & ((1 << NODE_BITS) - 1) == (1 << NODE_BITS) - 1
    assert ids.position(AT_MS) > position
    assert POSITIONS_PER_MS == 1000 << NODE_BITS
