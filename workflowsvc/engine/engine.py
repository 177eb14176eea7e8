"""A node: a store, a clock, what is kept in memory, and the writer loop that works on all of it.

Owns the putting together, the choice between a single node and one of several, and the secret that all nodes of an
installation share.
"""

from __future__ import annotations

from workflowsvc.clock import Clock
from workflowsvc.core.key_layout import first_position
from workflowsvc.engine import quarantine
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.feed_book import begin_generation_if_needed
from workflowsvc.engine.ids import Ids, RandomBytes
from workflowsvc.engine.invoker import Begin, Invoker, Later
from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.engine.multi_node import MultiNode
from workflowsvc.engine.no_lambda import no_lambda
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.single_node import SingleNode
from workflowsvc.engine.unfinished_copy import refuse_unfinished
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.settings import Settings
from workflowsvc.store.interface import PeerStore, Store, Transaction

_SECRET = "token-key"
_SECRET_BYTES = 32
MESSAGES_PER_PAGE = 1_000


class Engine:
    """A store that is a `PeerStore` belongs to several nodes; on any other the node is alone. `random_bytes`:
    `os.urandom` in a server, a seeded source in a simulation. `store_clock`: the time is the database's, if it has a
    clock, so that nodes whose own clocks differ agree.
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
        self.clock = clock
        coordination: Coordination = SingleNode(clock, settings.linger_ms)
        if isinstance(store, PeerStore):
            coordination = MultiNode(store, clock, database_clock=store_clock, linger_ms=settings.linger_ms)
        with store.transaction() as tx:
            refuse_unfinished(tx, store.describe())
            self.secret = _secret(tx, random_bytes)
            coordination.read_clock(tx)
        quarantine.release_quarantined_tasks(store)
        ids = Ids(random_bytes, after=_last_message(store, first_position(coordination.now_ms())))
        begin_generation_if_needed(store, ids.position(coordination.now_ms()))
        self.state = NodeState(settings, ids, coordination, no_lambda)
        self.writer = WriterLoop(store, clock, self.state)
        coordination.listen(self.writer.hinted)

    def invoke_with(self, begin: Begin, later: Later) -> Invoker:
        """Lambda tasks are started from now on, and `begin` has their functions called."""
        invoker = Invoker(self.writer, self.clock, begin, later)
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
    """The last position that is taken, or `after`. Messages wait at later positions when the clock was set back between
    two processes; new ones go behind them, as messages are applied in the order in which they were sent.
    """
    with store.transaction() as tx:
        while rows := tx.waiting_messages(after - 1, MESSAGES_PER_PAGE):
            after = rows[-1].id + 1
    return after
