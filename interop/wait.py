"""Waits for something that another process does: `until(condition, what, seconds)`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from interop.outcome import Failed

Found = TypeVar("Found")
PAUSE_SECONDS = 0.1


def until(condition: Callable[[], Found | None], what: str, seconds: float) -> Found:
    """The first truthy answer of `condition`, polled until there is one; Failed when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(PAUSE_SECONDS)
