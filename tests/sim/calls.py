"""Calls of clients: what was asked, when, and what came of it, as a client can know.

Owns `Call` and `Clients`, which sends calls, holds tokens and collects answers. The auditor reads it afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.sim.faulty import FaultyStore
from workflowsvc.faults import Fault, InternalFailure, ServiceUnavailable
from workflowsvc.store.errors import StoreError
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer, World

Outcome = Literal["waiting", "acknowledged", "refused", "unknown"]
"""refused: a fault that says that nothing was done. unknown: no answer, or one that does not say."""


@dataclass
class Call:
    """`began` and `ended` count commits."""

    number: int
    operation: str
    tenant: Tenant
    members: dict[str, Any]
    marker: str | None
    began: int
    answer: PendingAnswer
    outcome: Outcome = "waiting"
    result: Any = None
    fault: Fault | None = None
    ended: int = 0
    hung_up: bool = False  # a poll whose client has gone

    @property
    def is_poll(self) -> bool:
        return self.operation.startswith("PollFor")


@dataclass
class HeldTask:
    """A task that a client was given and keeps, whether it has answered it or not."""

    call: Call
    token: str
    answers: list[Call] = field(default_factory=list[Call])


class Clients:
    """All of them. Whatever they remember outlives the service."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store
        self.calls: list[Call] = []
        self.waiting: list[Call] = []
        self.decisions: list[HeldTask] = []
        self.work: list[HeldTask] = []
        self._markers = 0

    def marker(self) -> str:
        """A text that no other call uses, and that cannot be part of a token by chance."""
        self._markers += 1
        return f"m-{self._markers}"

    def send(
        self, world: World, operation: str, tenant: Tenant, members: dict[str, Any], marker: str | None = None
    ) -> Call:
        """Nothing is done yet, but reads are answered."""
        began = self._store.log.commits
        call = Call(len(self.calls), operation, tenant, members, marker, began, PendingAnswer())
        self.calls.append(call)
        self.waiting.append(call)
        try:
            call.answer = world.submit(operation, tenant, **members)
        except (Fault, StoreError) as error:
            call.answer(error)
        return call

    def collect(self) -> list[Call]:
        """Calls that were answered since the last time."""
        answered = [call for call in self.waiting if call.answer.done]
        self.waiting = [call for call in self.waiting if not call.answer.done]
        for call in answered:
            self._read(call)
        return answered

    def lose(self) -> list[Call]:
        """The process died: calls that waited get no answer. These, and those answered since the last time."""
        answered = self.collect()
        lost, self.waiting = self.waiting, []
        for call in lost:
            call.outcome, call.ended = "unknown", self._store.log.commits
        return [*answered, *lost]

    def _read(self, call: Call) -> None:
        call.ended = self._store.log.commits
        try:
            call.result = call.answer.result()
        except ServiceUnavailable as fault:
            call.outcome, call.fault = "unknown", fault
        except InternalFailure:
            raise AssertionError(f"{call.operation} was answered with InternalFailure") from None
        except Fault as fault:
            call.outcome, call.fault = "refused", fault
        except StoreError:
            call.outcome = "unknown"
        else:
            call.outcome = "acknowledged"
            self._keep(call)

    def _keep(self, call: Call) -> None:
        if (
            call.is_poll
            and call.result
            and "taskToken" in call.result
            and "nextPageToken" not in call.members
        ):
            held = HeldTask(call, call.result["taskToken"])
            (self.decisions if call.operation == "PollForDecisionTask" else self.work).append(held)
