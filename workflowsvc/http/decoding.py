"""Bodies become typed inputs, and never hold the event loop for more than a few milliseconds (QUALITY §2.4).

Owns where a body is decoded: small ones at once, large ones on a thread, and those whose refusal has to be worded on
another one. Must not know what a body holds.

A thread helps with the parts that are Python, which give way to the event loop every half millisecond. One call of the
parser does not: `model/explain.py` bounds what it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from workflowsvc.fair_queue import FairQueue

if TYPE_CHECKING:
    from workflowsvc.model.shapes import Shape
    from workflowsvc.model.wire import Decoder
    from workflowsvc.tenant import Tenant

# A body with one piece of data of the greatest length is still decoded at once: a thread costs a small call more than
# its decoding. The slowest accepted bodies, lists of decisions and resource tags, take 1 to 2 ms at this size.
MAX_INLINE_BYTES = 40_960

# The slowest refused bodies are lists of empty structures: 1,300 of them take 2 ms at this size.
MAX_INLINE_EXPLAINED_BYTES = 4_096


Done = Callable[["Shape | BaseException"], None]
Ended = Callable[
    ["Shape | BaseException | None"], None
]  # None: the body is refused, and why has to be worded
Work = Callable[[], "Shape | None"]


class Decoding:
    """Of one application. Each stage has one thread, so that bodies that are only large do not wait for those whose
    refusal takes ten times as long; threads start when they are needed. Tenants take turns on each.
    """

    def __init__(self, max_data: int) -> None:
        """`max_data`: characters that one piece of data may have."""
        self._max_data = max_data
        self._accepting = _Stage("accepting")
        self._explaining = _Stage("explaining")

    def now(self, decoder: Decoder, body: bytes) -> Shape | None:
        """The typed input of a small body that is right; None for all others. Raises a Fault."""
        return decoder.accept(body, self._max_data) if len(body) <= MAX_INLINE_BYTES else None

    def later(self, tenant: Tenant, decoder: Decoder, body: bytes, done: Done) -> None:
        """Gives `done` the typed input that `now` has not given, or the fault, on the event loop; or raises it now."""
        if len(body) > MAX_INLINE_BYTES:

            def accepted(outcome: Shape | BaseException | None) -> None:
                if outcome is None:
                    self._explain(tenant, decoder, body, done)
                else:
                    done(outcome)

            self._accepting.run(tenant, partial(decoder.accept, body, self._max_data), accepted)
        elif len(body) > MAX_INLINE_EXPLAINED_BYTES:
            self._explain(tenant, decoder, body, done)
        else:
            done(decoder(body, self._max_data))

    def _explain(self, tenant: Tenant, decoder: Decoder, body: bytes, done: Done) -> None:
        def explained(outcome: Shape | BaseException | None) -> None:
            assert outcome is not None
            done(outcome)

        self._explaining.run(tenant, partial(decoder, body, self._max_data), explained)


class _Stage:
    """One thread, on which tenants take turns: one that sends many large bodies waits behind its own. Belongs to the
    event loop.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._queue: FairQueue[Tenant, tuple[Work, Ended]] = FairQueue(1)

    def run(self, tenant: Tenant, work: Work, ended: Ended) -> None:
        """Gives `ended` the outcome, on the event loop."""
        self._queue.put(tenant, (work, ended))
        self._run_next()

    def _run_next(self) -> None:
        taken = self._queue.take()
        if taken is None:
            return
        tenant, (work, ended) = taken

        def over(future: asyncio.Future[Shape | None]) -> None:
            self._queue.done(tenant)
            self._run_next()
            ended(future.exception() or future.result())

        asyncio.get_running_loop().run_in_executor(self._thread, work).add_done_callback(over)
