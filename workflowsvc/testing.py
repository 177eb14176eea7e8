"""The whole service in one process on a clock that stands still, for our tests and for users'.

    world = World()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(seconds=30)

Everything goes the way a request goes, from JSON members to JSON answer; only HTTP, threads and real time are
left out. With the same seed and the same calls, every name and every moment is the same.
"""

from __future__ import annotations

import json
import random
from functools import partial
from typing import Any

from workflowsvc.clock import ManualClock
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.lane import Command
from workflowsvc.model import wire
from workflowsvc.service import tasks
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.caller import Caller
from workflowsvc.service.operations import POLLS, READS, WRITES
from workflowsvc.service.polls import Poll
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite import SqliteStore
from workflowsvc.tenant import Tenant


class World:
    """One node that does nothing until it is told to. Faults are raised as `workflowsvc.faults.Fault`."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        clock: ManualClock | None = None,
        seed: int = 0,
    ) -> None:
        self.clock = clock or ManualClock()
        self.store = store or SqliteStore(None)
        self.settings = settings or Settings()
        self._chance = random.Random(seed).randbytes
        self.restart()

    def restart(self) -> None:
        """The process dies and comes back: memory is lost, and so is every waiting poll."""
        engine = Engine(self.store, self.clock, self.settings, self._chance)
        self.state = engine.state
        self.lane = engine.lane
        self.tokens = Tokens(engine.secret)
        self.buckets = Buckets(enforced=self.settings.limits == "aws")

    def call(self, operation: str, tenant: Tenant | None = None, **members: Any) -> Any:
        """The decoded answer of one call, None for an empty body. A poll that finds nothing is answered at
        once, as if
        its time had passed."""
        answer = PendingAnswer()
        poll = self._begin(operation, tenant or Tenant(), members, answer)
        self.run()
        if poll is not None and not answer.done:
            poll.withdraw()
            self.run()
        return answer.result()

    def poll(self, operation: str, tenant: Tenant | None = None, **members: Any) -> PendingAnswer:
        """A long poll that waits for its task."""
        answer = PendingAnswer()
        answer.poll = self._begin(operation, tenant or Tenant(), members, answer)
        self.run()
        return answer

    def _begin(
        self, operation: str, tenant: Tenant, members: dict[str, Any], answer: PendingAnswer
    ) -> Poll | None:
        request: Any = wire.decode(operation, json.dumps(members).encode())
        caller = Caller(tenant, self.clock.now_ms(), self.tokens, self.settings, self.buckets)
        self.buckets.require_call(tenant, operation, caller.now)
        if operation in WRITES:
            write = WRITES[operation]
            self.lane.submit(Command(partial(write, caller=caller, request=request), answer))
            return None
        if operation in POLLS and not getattr(request, "next_page_token", None):
            begin, answer.nothing = POLLS[operation]
            return Poll(self.lane, begin, caller, request, answer)
        with self.store.reader() as reader:
            read = READS.get(operation, tasks.next_page_of_decision_task)
            answer(read(reader, caller, request))
        return None

    def run(self) -> None:
        """Everything that can be done now is done."""
        while self.lane.step():
            pass

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Time passes, and whatever becomes due on the way happens at its own moment."""
        until = self.clock.now_ms() + ms + round(seconds * 1000)
        self.run()
        while (due := self.state.wake_at) is not None and due <= until:
            self.clock.advance_to(due)
            self.run()
        self.clock.advance_to(until)
        self.run()

    def history(self, domain: str, workflow_id: str, run_id: str) -> list[dict[str, Any]]:
        """All events of a run."""
        events: list[dict[str, Any]] = []
        page: dict[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            page = self.call(
                "GetWorkflowExecutionHistory",
                domain=domain,
                execution={"workflowId": workflow_id, "runId": run_id},
                nextPageToken=page["nextPageToken"],
            )
            events.extend(page["events"])
        return events


class PendingAnswer:
    """An answer that may come later."""

    def __init__(self) -> None:
        self.done = False
        self.nothing: bytes = b""
        self.poll: Poll | None = None
        self._answer: Any = None

    def __call__(self, answer: Any) -> None:
        assert not self.done, "answered twice"
        self.done = True
        self._answer = answer

    def result(self) -> Any:
        """The decoded answer; raises the fault if it is one."""
        assert self.done, "not answered yet"
        if isinstance(self._answer, BaseException):
            raise self._answer
        body = wire.encode(self.nothing if self._answer is None else self._answer)
        return json.loads(body) if body else None
