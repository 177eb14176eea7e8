"""The operations of administration on an opened store, without a server: the same functions as behind a call.

Owns how one operation is carried out within one transaction, or its steps one after the other. It is for operations
that touch no execution. Must not know which store it is, nor who asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workflowsvc.access.caller import Caller
from workflowsvc.access.secrets import MasterKey, RandomBytes
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.ids import Ids
from workflowsvc.engine.no_lambda import no_lambda
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.unfinished_copy import refuse_unfinished
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model import wire
from workflowsvc.service.access.rotation import Rotated, rotate
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.actions import OWN
from workflowsvc.service.steps import ReadStep, Step, Steps, WriteStep
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.tenant import Tenant


class OfflineService:
    """The operations, for the owner of the database: nothing is asked of policies."""

    def __init__(
        self,
        store: Store,
        coordination: Coordination,
        settings: Settings,
        tenant: Tenant,
        master_keys: Sequence[MasterKey],
        random_bytes: RandomBytes,
    ) -> None:
        """StoreUnusable when the store holds a copy that is not finished."""
        self._store = store
        self._settings = settings
        self._caller = Caller(tenant)
        self._now_ms = coordination.now_ms
        self._tokens = Tokens(random_bytes(32))  # of pages, which this object alone asks for
        self._buckets = Buckets(enforced=False)
        self._state = NodeState(settings, Ids(random_bytes), coordination, no_lambda)
        self._state.access.master_keys = master_keys
        with store.reader() as reader:
            refuse_unfinished(reader, store.describe())

    def call(self, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """The answer as a client gets it. Raises Fault or StoreError; a fault has changed nothing."""
        action = OWN.actions[operation]
        request = action.decode(json.dumps(members).encode(), self._settings.quotas.max_data_characters)
        context = CallContext(
            action, self._caller, self._now_ms(), self._tokens, self._settings, self._buckets, "offline"
        )
        if action.kind == "read":
            with self._store.reader() as reader:
                answer = action.run(reader, context, request)
        elif action.kind == "write":
            answer = self._write(lambda work: action.run(work, context, request))
        else:
            answer = self._go_through(action.run(context, request, self._now_ms))
        body = wire.encode(answer)
        return json.loads(body) if body else {}

    def rotate_master_key(self, *, discard_lost: bool) -> Rotated:
        """Encrypts all secrets anew with the first master key; as `rotate`."""
        return rotate(self._store, self._state.access.master_keys, self._write, discard_lost=discard_lost)

    def _write(self, run: Callable[[UnitOfWork], Any]) -> Any:
        with self._store.transaction() as tx:
            work = UnitOfWork(tx, self._now_ms(), self._state)
            answer = run(work)
            work.flush()
        work.committed()
        return answer

    def _go_through(self, steps: Steps) -> Any:
        result: Any = None
        while True:
            try:
                step: Step = steps.send(result)
            except StopIteration as end:
                return end.value
            if isinstance(step, ReadStep):
                with self._store.reader() as reader:
                    result = step.run(reader)
            else:
                assert isinstance(step, WriteStep), "no change of access data waits for a feed"
                result = self._write(step.run)
