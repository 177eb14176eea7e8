"""How long a writer waits for more commands, so that one commit pays for more of them.

Owns the rule of the brief linger, which every node follows. Polls do not count: they accompany the calls of a single
workflow, whose caller must not wait. A batch of one call is followed at once.
"""

from __future__ import annotations

from collections.abc import Callable

MIN_CALLS_TO_LINGER_BRIEFLY = 2  # commands of a batch that are not polls


def brief_linger_seconds(calls: Callable[[], int], linger_ms: float) -> float | None:
    """Behind a batch of which `calls` counts the commands that are not polls, which it does only if `linger_ms` is not
    0; None when there was one.
    """
    return linger_ms / 1000 if linger_ms and calls() >= MIN_CALLS_TO_LINGER_BRIEFLY else None
