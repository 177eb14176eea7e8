"""The whole service in one process on a clock that only the test moves, for the project's tests and for users' own.

    world = World()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(seconds=30)

A call takes the way of a request, from JSON members to JSON answer, through the same dispatcher; only HTTP, threads and
real time are left out. With the same seed and the same calls, every name and every moment is the same.

Lambda functions are Python callables, from decoded input to a result that JSON can hold:

    world = World(functions={"resize": lambda event: {"width": event["width"] // 2}})
"""

from __future__ import annotations

import json
import random  # noqa: TID251 - seeded, so that a World is a function of its inputs
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from workflowsvc.access.caller import Caller
from workflowsvc.clock import ManualClock
from workflowsvc.engine.command_queue import Reply
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.invoker import Ending, Failed, Invocation, Invoker, Returned
from workflowsvc.lambdas.names import FunctionNames
from workflowsvc.model import wire
from workflowsvc.service.action import Action
from workflowsvc.service.authorization import Authorization
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.dispatcher import Dispatcher, ReadFunction
from workflowsvc.service.models import MODELS
from workflowsvc.service.polls import Poll
from workflowsvc.service.service_model import ServiceModels
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing.names import find_action, require_members

__all__ = ["LATER", "Failed", "PendingAnswer", "World"]

LATER: Any = object()
"""Returned by a Lambda function that will answer later: `World.unanswered` then holds its invocation."""


class World:
    """One node that works only during the calls of its methods. Faults are raised as `workflowsvc.faults.Fault`."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        clock: ManualClock | None = None,
        seed: int = 0,
        functions: Mapping[str, Callable[[Any], Any]] | None = None,
        models: ServiceModels = MODELS,
        authorization: Authorization | None = None,
    ) -> None:
        """`functions` by name, ARN or `*` pattern. Without them no Lambda task can be started, as in a server
        that has no map; one that raises ends Unhandled, and one may return `Failed(reason, details)`. `models`: the
        APIs that are answered; actions are called by their bare names or as `X-Amz-Target` names them. Without
        `authorization` every call is permitted.
        """
        self.models = models
        self.clock = clock or ManualClock()
        self.store = store or SqliteStore(None)
        self.settings = settings or Settings()
        self._chance = random.Random(seed).randbytes
        self._authorization = authorization
        self._functions = None if functions is None else FunctionNames(functions)
        self.restart()

    def restart(self) -> None:
        """The process is killed and started again: memory is lost, and so is every waiting poll."""
        self.engine = engine = Engine(self.store, self.clock, self.settings, self._chance)
        self.state = engine.state
        self.writer = engine.writer
        self.dispatcher = Dispatcher(engine, self._read, authorization=self._authorization)
        self.unanswered: list[Invocation] = []
        self._to_do: deque[Callable[[], None]] = deque()
        if self._functions is not None:
            self._invoker = engine.invoke_with(self._begin_function, lambda _, work: self._to_do.append(work))

    def call(self, operation: str, /, tenant: Tenant | Caller | None = None, **members: Any) -> Any:
        """The decoded answer of one call, None for an empty body. A poll that finds nothing is answered at once, as if
        its time had passed. UnknownOperationException for a name that is no action's, TypeError for a member that the
        action does not have; both say which names are like it.
        """
        answer = PendingAnswer()
        poll = self._begin(operation, _caller(tenant), members, answer)
        self.run()
        if poll is not None and not answer.done:
            poll.withdraw()
            self.run()
        return answer.result()

    def poll(self, operation: str, /, tenant: Tenant | Caller | None = None, **members: Any) -> PendingAnswer:
        """A long poll that waits for its task."""
        answer = self.submit(operation, tenant, **members)
        self.run()
        return answer

    def submit(
        self, operation: str, /, tenant: Tenant | Caller | None = None, **members: Any
    ) -> PendingAnswer:
        """A call that is queued, so that something may happen before it: `run` carries it out. Calls that only read
        are answered at once.
        """
        answer = PendingAnswer()
        answer.poll = self._begin(operation, _caller(tenant), members, answer)
        return answer

    def _begin(
        self, operation: str, caller: Caller, members: dict[str, Any], answer: PendingAnswer
    ) -> Poll | None:
        action = find_action(self.models, operation)
        require_members(action, members)
        return self.dispatch(action, json.dumps(members).encode(), answer, caller)

    def dispatch(self, action: Action, body: bytes, answer: PendingAnswer, caller: Caller) -> Poll | None:
        """Begins a call with the body that a client sends; a poll that waits is returned. Raises the Fault of a body
        that cannot be decoded."""
        request = action.decode(body, self.settings.quotas.max_data_characters)
        dispatcher = self.dispatcher
        waiting = dispatcher.dispatch(dispatcher.context(action, caller), request, answer)
        return waiting if isinstance(waiting, Poll) else None

    def _read(self, function: ReadFunction, context: CallContext, request: Any, reply: Reply) -> None:
        reply(self.dispatcher.read_now(function, context, request))

    def run(self) -> None:
        """Does everything that can be done now."""
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
        """A function that was to answer later does so now; without effect when its task has closed."""
        self.unanswered.remove(invocation)
        self._invoker.ended(invocation, _ending(result))
        self.run()

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Moves the clock; everything that becomes due on the way happens at its own moment."""
        until = self.clock.now_ms() + ms + round(seconds * 1000)
        self.run()
        while (due := self.writer.next_moment()) is not None and due <= until:
            self.clock.advance_to(due)
            self.run()
        self.clock.advance_to(until)
        self.run()

    @property
    def buckets(self) -> Buckets:
        """The request buckets of this node."""
        return self.dispatcher.buckets

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


def _caller(who: Tenant | Caller | None) -> Caller:
    return who if isinstance(who, Caller) else Caller(who or Tenant())


def _ending(result: Any) -> Ending:
    return result if isinstance(result, Failed) else Returned(json.dumps(result))


def _error_payload(error: Exception) -> str:
    """As Lambda's own runtimes report it."""
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})


class PendingAnswer:
    """An answer that may come later."""

    def __init__(self) -> None:
        self.done = False
        self.poll: Poll | None = None
        self._answer: Any = None

    def __call__(self, answer: Any) -> None:
        assert not self.done, "answered twice"
        self.done = True
        self._answer = answer

    def result(self) -> Any:
        """The decoded answer; raises the fault if it is one."""
        body = wire.encode(self.output())
        return json.loads(body) if body else None

    def output(self) -> Any:
        """The answer as the service gives it, for `wire.encode`; raises the fault if it is one."""
        assert self.done, "not answered yet"
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer
