"""Executions that a node keeps in memory between batches, with their encoded histories.

Owns how many bytes are kept, estimated as they grow, and which executions leave first, open or closed. Everything in it
is derived from the store and may be forgotten between two batches, never within one: what a batch has recorded is not
in the store before its end. Only the writer's thread uses it.
"""

from __future__ import annotations

from collections import OrderedDict

from workflowsvc.core.execution import Execution
from workflowsvc.engine.histories import Histories
from workflowsvc.engine.memory_size import size_of

SHARE_OF_HISTORIES = 3  # a third: encoded events are quicker to read again than executions
BYTES_OF_ONE = 2_000  # of an execution without open things, measured
BYTES_OF_CHARACTER = 5  # of a text with any character beyond U+FFFF, and its UTF-8, which stays with it
BYTES_OF_DEADLINE = 140
# An execution is counted for the first time when it is estimated at this size, and again when it has doubled. It
# costs 60 µs then, so one that stays small, as most do, is never counted.
COUNTED_FROM_BYTES = 16 << 10


class ExecutionCache:
    """By run, the least recently used first."""

    def __init__(self, max_bytes: int) -> None:
        self.executions: OrderedDict[int, Execution] = OrderedDict()
        self.histories = Histories(max_bytes // SHARE_OF_HISTORIES)
        self.size = 0
        """Bytes of all executions, estimated."""
        self._max_bytes = max_bytes - max_bytes // SHARE_OF_HISTORIES
        self._sizes: dict[int, int] = {}
        self._counted_again_at: dict[
            int, int
        ] = {}  # the size at which those that were counted are counted again

    def get(self, run: int) -> Execution | None:
        """Does not count as a use."""
        return self.executions.get(run)

    def put(self, run: int, execution: Execution) -> None:
        """As the most recently used one."""
        self.executions[run] = execution
        self.executions.move_to_end(run)

    def add_events(self, execution: Execution, bodies: list[bytes]) -> int:
        """The execution has applied these events, which are the next ones of its history. Returns their bytes."""
        joined = b"".join(bodies)  # one look at all of them: most commands record one or two, in ASCII
        size = len(joined)
        wide = 0 if joined.isascii() else sum(len(body) for body in bodies if not body.isascii())
        self.histories.add(execution.run, bodies, size)
        self._grow(execution, size + wide * (BYTES_OF_CHARACTER - 1))
        return size

    def add_heartbeat(self, execution: Execution, details: str | None) -> None:
        """The execution keeps these details, and when the next heartbeat is due."""
        self._grow(execution, BYTES_OF_DEADLINE + len(details or "") * BYTES_OF_CHARACTER)

    def _grow(self, execution: Execution, added: int) -> None:
        run = execution.run
        before = self._sizes.get(run, 0)
        size = (before or BYTES_OF_ONE) + added
        if size > COUNTED_FROM_BYTES and size > self._counted_again_at.get(run, COUNTED_FROM_BYTES):
            size = size_of(execution)
            self._counted_again_at[run] = max(2 * size, COUNTED_FROM_BYTES)
        self._sizes[run] = size
        self.size += size - before

    def forget(self, run: int) -> None:
        """The run is read anew when it is asked for again."""
        self.executions.pop(run, None)
        self.size -= self._sizes.pop(run, 0)
        self._counted_again_at.pop(run, None)
        self.histories.forget(run)

    def clear(self) -> None:
        """Everything is read anew."""
        self.executions.clear()
        self.histories.clear()
        self._sizes.clear()
        self._counted_again_at.clear()
        self.size = 0

    def trim(self) -> None:
        """The least recently used executions leave. Between two batches only."""
        while self.size > self._max_bytes and self.executions:
            self.forget(next(iter(self.executions)))
        self.histories.trim()
