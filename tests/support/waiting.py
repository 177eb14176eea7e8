"""How long a test waits for a condition: one limit for all, which only a test that fails reaches.

Owns the limit and the wait. A test that passes never waits for the whole limit, so it costs nothing on an idle machine
and leaves room on a busy one. Must not be used to show that something does not happen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Less than pytest's own limit of 300 s for a test, so that the message says what did not happen.
PATIENCE_SECONDS = 120.0


def until(condition: Callable[[], object], what: str, *, pause_seconds: float = 0.005) -> None:
    """Returns when the condition holds; AssertionError when it does not within PATIENCE_SECONDS."""
    end = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        pause.wait(pause_seconds)
