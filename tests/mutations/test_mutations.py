"""The deliberately broken rules are still breakable, and a few of them are noticed in every test run.

All of them: `python -m tests.mutations`; the table is in docs/reliability.md.
"""

from __future__ import annotations

import ast

import pytest

from tests.mutations.__main__ import FAMILIES, ROOT, broken, is_caught
from tests.mutations.broken import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_mutation_has_its_place_and_is_python(mutation: Mutation) -> None:
    source = (ROOT / "workflowsvc" / mutation.path).read_text("utf-8")
    changed = broken(mutation, source)
    assert changed != source
    if mutation.path.endswith(".py"):
        ast.parse(changed)
    assert set(mutation.caught_by) <= FAMILIES.keys()
    assert mutation.caught_by


def test_core_engine_and_stores_are_all_broken() -> None:
    assert len(MUTATIONS) >= 20
    assert {mutation.path.split("/")[0] for mutation in MUTATIONS} >= {"core", "engine", "store"}
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_all_of_them_are_told_of() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    for mutation in MUTATIONS:
        row = f"| {mutation.what} | `{mutation.path}` | {', '.join(mutation.caught_by)} |\n"
        assert row in page


@pytest.mark.parametrize("name", ["tell first", "ghosts", "locked in"])
def test_the_simulation_notices(name: str) -> None:
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.name == name]
    assert is_caught(mutation, "simulation")


def test_the_simulation_notices_within_ten_seeds_that_a_run_is_deleted_before_it_is_synced() -> None:
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.name == "unsynced"]
    assert is_caught(mutation, "simulation", "--seeds", "0-9")
