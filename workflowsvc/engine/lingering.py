"""How long a writer waits for more commands, so that one commit pays for more of them.

Owns the rule of the brief linger, which every node follows. A caller that is alone never waits: a batch of one command
is followed at once.
"""

from __future__ import annotations

MIN_BATCH_TO_LINGER_BRIEFLY = 2  # commands


def brief_linger_seconds(commands: int, linger_ms: float) -> float | None:
    """Behind a batch of `commands`; None when it had one command only, or when `linger_ms` is 0."""
    return linger_ms / 1000 if linger_ms and commands >= MIN_BATCH_TO_LINGER_BRIEFLY else None
