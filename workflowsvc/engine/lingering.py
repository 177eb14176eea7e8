"""How long a writer waits for more commands, so that one commit pays for more of them.

Owns the rule of the brief linger, which every node follows. Polls do not count: they accompany the calls of a single
workflow, whose caller must not wait. A batch of one call is followed at once.
"""

from __future__ import annotations

MIN_CALLS_TO_LINGER_BRIEFLY = 2  # commands of a batch that are not polls


def brief_linger_seconds(calls: int, linger_ms: float) -> float | None:
    """Behind a batch with this many commands that are not polls; None when there was one, or when `linger_ms` is 0."""
    return linger_ms / 1000 if linger_ms and calls >= MIN_CALLS_TO_LINGER_BRIEFLY else None
