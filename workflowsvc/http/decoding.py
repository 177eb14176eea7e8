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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflowsvc.model.shapes import Shape
    from workflowsvc.model.wire import Decoder

# A body with one piece of data of the greatest length is still decoded at once: a thread costs a small call more than
# its decoding. The slowest accepted bodies, lists of decisions and resource tags, take 1 to 2 ms at this size.
MAX_INLINE_BYTES = 40_960

# The slowest refused bodies are lists of empty structures: 1,300 of them take 2 ms at this size.
MAX_INLINE_EXPLAINED_BYTES = 4_096


class Decoding:
    """Of one application. Each stage has one thread, so that bodies that are only large do not wait for those whose
    refusal takes ten times as long; threads start when they are needed.
    """

    def __init__(self, max_data: int) -> None:
        """`max_data`: characters that one piece of data may have."""
        self._max_data = max_data
        self._accepting = ThreadPoolExecutor(1, thread_name_prefix="accepting")
        self._explaining = ThreadPoolExecutor(1, thread_name_prefix="explaining")

    def now(self, decoder: Decoder, body: bytes) -> Shape | None:
        """The typed input of a small body that is right; None for all others. Raises a Fault."""
        return decoder.accept(body, self._max_data) if len(body) <= MAX_INLINE_BYTES else None

    def later(self, decoder: Decoder, body: bytes, done: Callable[[Shape | BaseException], None]) -> None:
        """Gives `done` the typed input that `now` has not given, or the fault, on the event loop; or raises it now."""
        if len(body) > MAX_INLINE_BYTES:
            self._run(self._accepting, decoder.accept, decoder, body, done)
        elif len(body) > MAX_INLINE_EXPLAINED_BYTES:
            self._run(self._explaining, decoder, decoder, body, done)
        else:
            done(decoder(body, self._max_data))

    def _run(
        self,
        thread: ThreadPoolExecutor,
        stage: Callable[[bytes, int], Shape | None],
        decoder: Decoder,
        body: bytes,
        done: Callable[[Shape | BaseException], None],
    ) -> None:
        def ended(future: asyncio.Future[Shape | None]) -> None:
            outcome = future.exception() or future.result()
            if outcome is None:
                self._run(self._explaining, decoder, decoder, body, done)
            else:
                done(outcome)

        work = asyncio.get_running_loop().run_in_executor(thread, stage, body, self._max_data)
        work.add_done_callback(ended)
