"""The parent of forked processes: imports everything once, so that a fork is ready within milliseconds.

Started by a `ForkServer`. Reads orders from standard input, one a line (name and members), and prints one line with the
pid of each fork and one when it is ready. A fork is a process like any other: it has its own memory, sockets and files,
and dies of SIGKILL.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from tests.crash import pointed, power_recorder, store_kills

JOBS: dict[str, tuple[Callable[..., Any], Callable[[Any, Callable[[int], None]], int]]] = {
    "Order": (pointed.Order, pointed.serve),
    "Work": (store_kills.Work, store_kills.work),
    "Recording": (power_recorder.Recording, power_recorder.record),
}


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the forks
    for line in sys.stdin:
        name, members = json.loads(line)
        order_class, job = JOBS[name]
        pid = os.fork()
        if pid == 0:
            _do(job, order_class(**members))
        say(pid=pid)


def _do(job: Callable[[Any, Callable[[int], None]], int], order: Any) -> None:
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        status = job(order, lambda port: say(listens=os.getpid(), port=port))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def say(**facts: int) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    main()
