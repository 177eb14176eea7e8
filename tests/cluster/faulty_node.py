"""`python -m tests.cluster.faulty_node ODDITY serve …`: a node that has something wrong with it, for tests.

deaf        it sends no hints and hears none
blind       it never looks by itself for what others have left: it knows of that by hints alone
idle        it does what it is asked and nothing else: no deadlines, no messages between executions
fast, slow  its clock is five minutes ahead, or behind
mortal      it dies by itself, at a drawn point of its work with the database
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.cluster.crashing_node import Mortal
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


ODDITIES: dict[str, Callable[[], None]] = {
    "deaf": deaf,
    "blind": blind,
    "idle": idle,
    "fast": wrong_by(WRONG_BY_MS),
    "slow": wrong_by(-WRONG_BY_MS),
    "mortal": lambda: Mortal().attach(),
}

if __name__ == "__main__":
    ODDITIES[sys.argv[1]]()
    sys.exit(cli.main(sys.argv[2:]))
