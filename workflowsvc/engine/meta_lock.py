"""Locks for what only one node may do at a time, beside the executions: change the catalog, make the token key.

Owns how such a lock is taken: by writing a row of `meta`, which no other transaction can write until this one is over.
On a single node every transaction gets it at once.
"""

from __future__ import annotations

from workflowsvc.store.interface import Transaction


def acquire_meta_lock(tx: Transaction, of: str) -> None:
    """Waits for the nodes before us. What is read from here on is as they have left it."""
    tx.put_meta(f"turn of {of}", b"")
