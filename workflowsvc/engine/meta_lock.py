"""What only one node may do at a time, beside the executions themselves: change names, make the installation's key.

Owns how turns are taken: by a row of `meta`, which no other transaction can write until this one is over. Where there
is one node, every transaction has its turn.
"""

from __future__ import annotations

from workflowsvc.store.interface import Transaction


def acquire_meta_lock(tx: Transaction, of: str) -> None:
    """Waits for the nodes before us. What is read from here on is as they have left it."""
    tx.put_meta(f"turn of {of}", b"")
