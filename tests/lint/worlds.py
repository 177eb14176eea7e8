"""Several histories that know each other, read from text and changed like single ones."""

from __future__ import annotations

import copy

from tests.lint.mutate import mutate
from tests.lint.written import History, read_sections, write

World = dict[tuple[str, str], History]


def read_worlds() -> dict[str, World]:
    """All worlds of `histories/related.txt`, by name."""
    worlds: dict[str, World] = {}
    for name, text in read_sections("related.txt").items():
        worlds[name] = {}
        for part in text.split("-- ")[1:]:
            key, _, lines = part.partition("\n")
            workflow_id, _, run_id = key.strip().partition("/")
            worlds[name][workflow_id, run_id] = write(lines)
    return worlds


def change(world: World, operations: str) -> World:
    """The world after these operations, each led by the execution that it changes."""
    changed = copy.deepcopy(world)
    for operation in operations.split(";"):
        key, _, rest = operation.strip().partition(" ")
        workflow_id, _, run_id = key.partition("/")
        changed[workflow_id, run_id] = mutate(changed[workflow_id, run_id], rest)
    return changed
