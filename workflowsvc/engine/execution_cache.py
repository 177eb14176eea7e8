"""Executions that a node keeps in memory between batches, with their encoded histories.

Owns how many are kept and which leave first. Everything in it is derived from the store and may be forgotten at any
time. Only the writer's thread uses it.
"""

from __future__ import annotations

from collections import OrderedDict

from workflowsvc.core.execution import Execution
from workflowsvc.engine.histories import Histories

CACHED_EXECUTIONS = 20_000
"""One open execution takes about 3 KiB; reading it again costs 1 µs per event."""


class ExecutionCache:
    """By run, the least recently used first."""

    def __init__(self) -> None:
        self.executions: OrderedDict[int, Execution] = OrderedDict()
        self.histories = Histories()

    def get(self, run: int) -> Execution | None:
        """Does not count as a use."""
        return self.executions.get(run)

    def put(self, run: int, execution: Execution) -> None:
        """As the most recently used one."""
        self.executions[run] = execution
        self.executions.move_to_end(run)

    def forget(self, run: int) -> None:
        """The run is read anew when it is asked for again."""
        self.executions.pop(run, None)
        self.histories.forget(run)

    def trim(self) -> None:
        """The least recently used executions leave."""
        while len(self.executions) > CACHED_EXECUTIONS:
            run, _ = self.executions.popitem(last=False)
            self.histories.forget(run)
        self.histories.trim()
