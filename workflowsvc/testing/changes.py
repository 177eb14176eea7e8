"""That something has changed: how a test waits for a condition without looking again and again."""

from __future__ import annotations

import threading


class Changes:
    """A number that grows with each change. From any thread."""

    def __init__(self) -> None:
        self.number = 0
        self._changed = threading.Condition()

    def happened(self) -> None:
        with self._changed:
            self.number += 1
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> bool:
        """Returns when the number is not `seen` any more; False when it is still after this time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.number != seen, seconds)
