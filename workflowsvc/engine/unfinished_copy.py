"""Refuses a store into which another one is being copied, or whose copy was interrupted: it must not be served.

Owns the mark, a row of `meta`. Its value is the business of `workflowsvc.copying`, which writes it with the first row
that it copies and deletes it when the copy is proved to be complete.
"""

from __future__ import annotations

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import Reader

UNFINISHED = "unfinished-copy"


def refuse_unfinished(reader: Reader, where: str) -> None:
    """StoreUnusable when the mark is there."""
    if reader.meta(UNFINISHED) is not None:
        raise StoreUnusable(
            f"{where} holds a copy that is not finished. Run the same `workflowsvc copy` again, which goes on "
            "where it ended; or empty this store."
        )
