"""What a node keeps in memory between batches: caches, waiting polls, and when to wake up.

Owns `EngineState`. Everything in it is derived from the store and may be thrown away at any time, but for the
polls that wait. Only the lane touches it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from workflowsvc.core import lambdas
from workflowsvc.core.execution import Execution
from workflowsvc.engine.histories import Histories
from workflowsvc.engine.ids import Ids
from workflowsvc.engine.pollers import Pollers
from workflowsvc.settings import Settings
from workflowsvc.store.rows import DomainRow, ListKey, TypeKind, TypeRow
from workflowsvc.tenant import Tenant

CACHED_EXECUTIONS = 20_000
"""Open executions kept in memory; one takes about 3 KiB, and one read again costs 1 µs per event."""

if TYPE_CHECKING:
    from workflowsvc.engine.unit_of_work import UnitOfWork
KNOWN_EMPTY_LISTS = 100_000  # task lists are made by naming them, so the set needs a bound

Invoke = Callable[["UnitOfWork", Execution, int], None]
"""(session, execution, scheduled event id): starts a Lambda task, or records why it cannot be started."""


def no_lambda(work: UnitOfWork, execution: Execution, scheduled_id: int) -> None:
    """Without a function map no role can be assumed (SWF §9.2)."""
    message = "The IAM role could not be assumed: this service invokes no Lambda functions."
    if execution.started.lambda_role is None:
        message = "No IAM role is attached to the current workflow execution."
    lambdas.start_failed(execution, work.now, scheduled_id, message)
    work.changed(execution)


class EngineState:
    """Of one node."""

    def __init__(
        self, settings: Settings, ids: Ids, *, shared: bool = False, store_clock: bool = False
    ) -> None:
        self.settings = settings
        self.shared = shared  # other nodes write to the same store: what is in memory may be behind it
        self.store_clock = store_clock  # time is what the store says, where it has a clock
        self.catalog_version: bytes | None = None
        self.needs_catalog_lock = (
            False  # another node was faster to change names: the next batch waits for its turn
        )
        # when to look for what others have left: other nodes, or a commit that was reported as lost
        self.look_at: int | None = 0 if shared else None
        self.ids = ids
        self.pollers = Pollers(settings.quotas.max_pollers_per_list)
        self.executions: OrderedDict[int, Execution] = OrderedDict()
        self.domains: dict[tuple[Tenant, str], DomainRow] = {}
        self.domains_by_id: dict[int, DomainRow] = {}
        self.types: dict[tuple[int, TypeKind, str, str], TypeRow] = {}
        self.open_counts: dict[int, int] = {}
        self.histories = Histories()
        self.empty_lists: set[ListKey] = set()  # the store is known to hold no ready task for these
        self.wake_at: int | None = 0  # no run is due before this; 0: not known yet
        self.purge_at: int | None = 0  # no run is to be purged before this
        self.messages_waiting = True
        self.relay_at = 0  # not before: another node is at work on a receiver
        self.locked_lists: set[ListKey] = set()  # polls wait here for tasks whose executions other nodes hold
        self.locked_lists_at = 0  # when to look at them again
        self.others_at = 0  # when other nodes were last seen to be at work on the same executions
        self.draining = False  # polls are no longer held
        self.invoke: Invoke = no_lambda
        self.quarantined_runs: set[int] = set()  # runs in which a rule has met a bug
        self.isolate_failures = (
            False  # something could not be written down: background work is written piece by piece
        )
        self.quarantined_messages: set[int] = (
            set()
        )  # for such a run, or for the process that follows this one

    def wake_by(self, at: int | None) -> None:
        """Something is due at this moment."""
        if at is not None and (self.wake_at is None or at < self.wake_at):
            self.wake_at = at

    def purge_by(self, at: int | None) -> None:
        if at is not None and (self.purge_at is None or at < self.purge_at):
            self.purge_at = at

    def forget_names(self) -> None:
        """Domains, types and counts are read anew: a transaction that changed them did not commit."""
        self.domains.clear()
        self.domains_by_id.clear()
        self.types.clear()
        self.open_counts.clear()

    def forget(self, run: int) -> None:
        """This run is read anew when it is asked for again."""
        self.executions.pop(run, None)
        self.histories.forget(run)

    def trim(self) -> None:
        """What was used least recently leaves the caches."""
        while len(self.executions) > CACHED_EXECUTIONS:
            run, _ = self.executions.popitem(last=False)
            self.histories.forget(run)
        self.histories.trim()
        if len(self.empty_lists) > KNOWN_EMPTY_LISTS:
            self.empty_lists.clear()
