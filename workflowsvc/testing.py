"""The whole service in one process on a clock that stands still, for our tests and for users'.

    world = World()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(seconds=30)

Everything goes the way a request goes, from JSON members to JSON answer; only HTTP, threads and real time are
left out. With the same seed and the same calls, every name and every moment is the same.

Lambda functions are Python callables, from decoded input to a result that JSON can hold:

    world = World(functions={"resize": lambda event: {"width": event["width"] // 2}})
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from workflowsvc.clock import ManualClock
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.invoker import Ending, Failed, Invocation, Invoker, Returned
from workflowsvc.lambdas.names import FunctionNames
from workflowsvc.model import wire
from workflowsvc.service import tasks
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.operations import POLLS, READS, WRITES
from workflowsvc.service.polls import Poll
from workflowsvc.service.subjects import execution_reference_of
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant

__all__ = ["LATER", "Failed", "PendingAnswer", "World"]

LATER: Any = object()
"""What a Lambda function returns that has not answered yet: `World.unanswered` holds its invocation."""


class World:
    """One node that does nothing until it is told to. Faults are raised as `workflowsvc.faults.Fault`."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        clock: ManualClock | None = None,
        seed: int = 0,
        functions: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        """`functions` by name, ARN or `*` pattern. Without them no Lambda task can be started, as in a server
        that has no map; one that raises ends Unhandled, and one may return `Failed(reason, details)`.
        """
        self.clock = clock or ManualClock()
        self.store = store or SqliteStore(None)
        self.settings = settings or Settings()
        self._chance = random.Random(seed).randbytes
        self._functions = None if functions is None else FunctionNames(functions)
        self.restart()

    def restart(self) -> None:
        """The process dies and comes back: memory is lost, and so is every waiting poll."""
        engine = Engine(self.store, self.clock, self.settings, self._chance)
        self.state = engine.state
        self.writer = engine.writer
        self.tokens = Tokens(engine.secret)
        self.buckets = Buckets(enforced=self.settings.limits == "aws")
        self.unanswered: list[Invocation] = []
        self._to_do: deque[Callable[[], None]] = deque()
        if self._functions is not None:
            self._invoker = engine.invoke_with(self._begin_function, lambda _, work: self._to_do.append(work))

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
        answer = self.submit(operation, tenant, **members)
        self.run()
        return answer

    def submit(self, operation: str, tenant: Tenant | None = None, **members: Any) -> PendingAnswer:
        """A call of which nothing is done yet, so that something may happen first: `run` does it. Calls that
        only read are answered at once.
        """
        answer = PendingAnswer()
        answer.poll = self._begin(operation, tenant or Tenant(), members, answer)
        return answer

    def _begin(
        self, operation: str, tenant: Tenant, members: dict[str, Any], answer: PendingAnswer
    ) -> Poll | None:
        request: Any = wire.decode(
            operation, json.dumps(members).encode(), self.settings.quotas.max_data_characters
        )
        context = CallContext(tenant, self.clock.now_ms(), self.tokens, self.settings, self.buckets)
        self.buckets.require_call(tenant, operation, context.now)
        if operation in WRITES:
            write = WRITES[operation]
            prefetches = self.writer.prefetches
            execution_ref = execution_reference_of(operation, context, request) if prefetches else None
            self.writer.submit(
                Command(partial(write, context=context, request=request), answer, execution_ref=execution_ref)
            )
            return None
        if operation in POLLS and not getattr(request, "next_page_token", None):
            begin, answer.nothing = POLLS[operation]
            return Poll(self.writer, begin, context, request, answer)
        with self.store.reader() as reader:
            read = READS.get(operation, tasks.next_page_of_decision_task)
            answer(read(reader, context, request))
        return None

    def run(self) -> None:
        """Everything that can be done now is done."""
        while self.writer.step() or self._to_do:
            if self._to_do:
                self._to_do.popleft()()

    def _begin_function(self, invocation: Invocation, invoker: Invoker) -> None:
        self._to_do.append(partial(self._invoke, invocation, invoker))

    def _invoke(self, invocation: Invocation, invoker: Invoker) -> None:
        if not invoker.is_in_time(invocation):
            return
        try:
            ending = self._call_function(invocation)
        except Exception as error:
            invoker.could_not_call(invocation, error)
        else:
            if ending is not None:
                invoker.ended(invocation, ending)

    def _call_function(self, invocation: Invocation) -> Ending | None:
        assert self._functions is not None
        function = self._functions.find(invocation.name)
        if function is None:
            return Failed("ResourceNotFoundException", f"Function not found: {invocation.name}")
        try:
            event = json.loads(invocation.payload)
        except ValueError as error:
            return Failed("InvalidRequestContentException", f"The input is not JSON: {error}")
        try:
            result = function(event)
        except Exception as error:
            return Failed("Unhandled", _error_payload(error))
        if result is LATER:
            self.unanswered.append(invocation)
            return None
        return _ending(result)

    def answer(self, invocation: Invocation, result: Any) -> None:
        """A function that was to answer later does so now; nobody hears of it when its task has closed."""
        self.unanswered.remove(invocation)
        self._invoker.ended(invocation, _ending(result))
        self.run()

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Time passes, and whatever becomes due on the way happens at its own moment."""
        until = self.clock.now_ms() + ms + round(seconds * 1000)
        self.run()
        while (due := self.writer.next_moment()) is not None and due <= until:
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


def _ending(result: Any) -> Ending:
    return result if isinstance(result, Failed) else Returned(json.dumps(result))


def _error_payload(error: Exception) -> str:
    """As Lambda's own runtimes tell it."""
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})


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
