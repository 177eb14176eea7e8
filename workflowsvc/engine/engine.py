"""A node: a store, a clock, what is kept in memory, and the lane that owns it all.

Owns the putting together, and the secret that all nodes of an installation share.
"""

from __future__ import annotations

from typing import cast

from workflowsvc.clock import Clock
from workflowsvc.core.key_layout import first_position
from workflowsvc.engine import quarantine
from workflowsvc.engine.ids import Ids, RandomBytes
from workflowsvc.engine.invoker import Begin, Call, Invoker
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.state import EngineState
from workflowsvc.engine.unfinished_copy import refuse_unfinished
from workflowsvc.engine.workers import Workers
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.settings import Settings
from workflowsvc.store.interface import PeerStore, PeerTransaction, Store, Transaction

_SECRET = "token-key"
_SECRET_BYTES = 32
MESSAGES_AT_ONCE = 1_000


class Engine:
    """`chance` gives random bytes: `os.urandom` in a server, a seeded source in a simulation. `store_clock`: time is
    what the store says, if it has a clock, so that nodes whose own clocks differ agree.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        random_bytes: RandomBytes,
        *,
        store_clock: bool = False,
    ) -> None:
        self.store = store
        self.settings = settings
        with store.transaction() as tx:
            refuse_unfinished(tx, store.describe())
            self.secret = _secret(tx, random_bytes)
            moment = cast(PeerTransaction, tx).database_time() if store_clock and store.shared else None
        now = clock.now_ms()
        ahead = 0 if moment is None else moment - now
        quarantine.release_quarantined_tasks(store)
        ids = Ids(random_bytes, after=_last_message(store, first_position(now + ahead)))
        self.state = EngineState(settings, ids, shared=store.shared, store_clock=store_clock and store.shared)
        self.writer = WriterLoop(store, clock, self.state, ahead)
        if isinstance(store, PeerStore):
            store.listen(self.writer.look)
        self.workers = Workers(settings.lambda_concurrency, "lambda")
        self.clock = clock

    def invoke_with(self, call: Call, begin: Begin | None = None) -> Invoker:
        """Lambda tasks are started from now on, and `call` calls their functions, in threads unless told
        otherwise.
        """
        invoker = Invoker(self.writer, self.clock, call, begin or self.workers.begin)
        self.state.invoke = invoker
        return invoker

    def now_ms(self) -> int:
        """The moment, in milliseconds since the epoch."""
        return self.writer.now_ms()


def _secret(tx: Transaction, random_bytes: RandomBytes) -> bytes:
    """The key of all tokens, made at the first start of an installation."""
    secret = tx.meta(_SECRET)
    if secret is None:
        acquire_meta_lock(tx, "token key")  # nodes that start for the first time at once must agree on one
        secret = tx.meta(_SECRET)
    if secret is None:
        secret = random_bytes(_SECRET_BYTES)
        tx.put_meta(_SECRET, secret)
    return secret


def _last_message(store: Store, after: int) -> int:
    """The last place that is taken from here on. Messages wait there when the clock was set back between two
    processes; new ones go behind them, as their order is that of what has happened.
    """
    with store.transaction() as tx:
        while rows := tx.waiting_messages(after - 1, MESSAGES_AT_ONCE):
            after = rows[-1].id + 1
    return after
