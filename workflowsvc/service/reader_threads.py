"""The threads on which actions read: a few, which tenants share.

Owns the threads and the queue of reads. A tenant whose reads take long, such as counts of many executions, does not
keep the others waiting: tenants take turns, and none gets all threads. Must not know what is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from workflowsvc.fair_queue import FairQueue
from workflowsvc.tenant import Tenant

log = logging.getLogger("workflowsvc.api")

Read = Callable[[], None]
"""Reads, and gives the answer to its caller."""


class ReaderThreads:
    """`read` may be called from any thread, until `close`. For six threads at most: a thread whose read has ended takes
    one other, which is enough then. Among more threads, one end may make room for two.
    """

    def __init__(self, count: int) -> None:
        self._reads: FairQueue[Tenant, Read] = FairQueue(count)
        self._lock = Lock()  # for `_reads`
        # True for each read that was put, whichever of those that wait a thread then takes; False: the end.
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"reader-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def read(self, tenant: Tenant, read: Read) -> None:
        """Carries the read out when it is this tenant's turn."""
        with self._lock:
            self._reads.put(tenant, read)
        self._calls.put(True)

    def close(self) -> None:
        """Finishes what was asked for, then ends the threads."""
        for _ in self._threads:
            self._calls.put(False)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while self._calls.get():
            with self._lock:
                taken = self._reads.take()
            # What was passed over, as its tenant had its share, is taken when another read has ended.
            while taken is not None:
                tenant, read = taken
                try:
                    read()
                except Exception:
                    log.exception("an answer could not be given")
                with self._lock:
                    self._reads.done(tenant)
                    taken = self._reads.take()
