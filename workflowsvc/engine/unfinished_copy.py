"""Refuses a store that must not be served: one into which another is being copied, or a backup that is not restored.

Owns the marks, rows of `meta`. Their values are the business of `workflowsvc.copying`, which writes the first with the
first row that it copies and deletes it when the copy is proved to be complete, and of `workflowsvc.backups`.
"""

from __future__ import annotations

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import BACKUP

UNFINISHED = "unfinished-copy"


def refuse_unfinished(reader: Reader, where: str) -> None:
    """StoreUnusable when one of the marks is there."""
    if reader.meta(UNFINISHED) is not None:
        raise StoreUnusable(
            f"{where} holds a copy that is not finished. Run the same `workflowsvc copy` again, which goes on "
            "where it ended; or empty this store."
        )
    if reader.meta(BACKUP) is not None:
        raise StoreUnusable(
            f"{where} is a backup. `workflowsvc restore` makes a store of it; served as it is, clients could take "
            "what comes for what they saw after the backup."
        )
