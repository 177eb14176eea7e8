"""`python -m tests.cluster.faulty_node DEFECT serve …`: a node with a defect, for tests.

deaf        sends and receives no wake-up hints
blind       does not poll the store for work of other nodes; learns of it by hints alone
idle        answers calls and does no background work: no deadlines, no messages between executions
fast, slow  has a clock that is five minutes ahead, or behind
crashing    kills itself at a random point of its work with the database
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.cluster.crashing_node import CrashingNode
from workflowsvc import cli
from workflowsvc.clock import SystemClock
from workflowsvc.engine import writer_loop
from workflowsvc.engine.multi_node import MultiNode
from workflowsvc.store.postgres.hints import Hints

WRONG_BY_MS = 300_000
YEAR_MS = 366 * 86_400_000


def nothing(*_: Any) -> None:
    pass


def deaf() -> None:
    Hints.hint = nothing
    Hints.listen = nothing


def blind() -> None:
    MultiNode.poll_store_ms = YEAR_MS


def idle() -> None:
    writer_loop.duties_of = lambda agenda: []


def wrong_by(ms: int) -> Callable[[], None]:
    def set_clock() -> None:
        right = SystemClock.now_ms
        SystemClock.now_ms = lambda clock: right(clock) + ms

    return set_clock


DEFECTS: dict[str, Callable[[], None]] = {
    "deaf": deaf,
    "blind": blind,
    "idle": idle,
    "fast": wrong_by(WRONG_BY_MS),
    "slow": wrong_by(-WRONG_BY_MS),
    "crashing": lambda: CrashingNode().attach(),
}

if __name__ == "__main__":
    DEFECTS[sys.argv[1]]()
    sys.exit(cli.main(sys.argv[2:]))
