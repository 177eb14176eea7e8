"""Several histories that refer to each other, read from text and changed like single ones."""

from __future__ import annotations

import copy

from tests.lint.mutate import mutate
from tests.lint.written import History, read_sections, write

Related = dict[tuple[str, str], History]
"""Histories by (workflowId, runId)."""


def read_related() -> dict[str, Related]:
    """All groups of histories in `histories/related.txt`, by name."""
    related: dict[str, Related] = {}
    for name, text in read_sections("related.txt").items():
        related[name] = {}
        for part in text.split("-- ")[1:]:
            key, _, lines = part.partition("\n")
            workflow_id, _, run_id = key.strip().partition("/")
            related[name][workflow_id, run_id] = write(lines)
    return related


def change(histories: Related, operations: str) -> Related:
    """The histories after these operations, each led by the execution that it changes."""
    changed = copy.deepcopy(histories)
    for operation in operations.split(";"):
        key, _, rest = operation.strip().partition(" ")
        workflow_id, _, run_id = key.partition("/")
        changed[workflow_id, run_id] = mutate(changed[workflow_id, run_id], rest)
    return changed
