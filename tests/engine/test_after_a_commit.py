"""Whatever fails once a batch may have been committed: it does not run again, and its callers are answered.

Signals show it: SWF does not deduplicate them, so a batch that ran again would record each of its signals twice.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import pytest

from tests.engine.peer_sqlite import PeerSqliteStore
from tests.postgres.places import open_empty_store
from tests.support.waiting import until
from tests.world_fixture import ROLE, WorldFixture, attributes, decision, only
from workflowsvc.clock import SystemClock
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings
from workflowsvc.store.errors import LockedByPeer
from workflowsvc.store.interface import Store
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import PendingAnswer, World

ERRORS = [MemoryError, OSError, RuntimeError]  # no memory, too many open files, "can't start new thread"
OPEN: dict[str, Callable[[], Store]] = {
    "sqlite": lambda: SqliteStore(None),
    "peer-sqlite": lambda: PeerSqliteStore(None),
    "postgres": open_empty_store,  # skips the test when there is no PostgreSQL
}
SHARED = ["peer-sqlite", "postgres"]  # several nodes may be at work on these


@pytest.fixture(scope="module")
def until_the_end() -> Iterator[ExitStack]:
    """A store is audited when its test is over, so it is closed later."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=OPEN)
def store(request: pytest.FixtureRequest, until_the_end: ExitStack) -> Store:
    return until_the_end.enter_context(closing(OPEN[request.param]()))


@pytest.fixture
def on(store: Store) -> WorldFixture:
    return WorldFixture(World(store=store))


def fail_with(error: type[Exception], *_: object) -> NoReturn:
    raise error


def signal(on: WorldFixture, text: str, workflow_id: str = "w") -> PendingAnswer:
    return on.world.submit(
        "SignalWorkflowExecution", domain="d", workflowId=workflow_id, signalName="s", input=text
    )


def signals(on: WorldFixture, run_id: str, workflow_id: str = "w") -> list[str]:
    """The inputs of those in the history, once PostgreSQL has ended the transactions of broken connections."""
    execution = {"workflowId": workflow_id, "runId": run_id}
    described = on.world.submit("DescribeWorkflowExecution", domain="d", execution=execution)
    until(lambda: on.world.advance(ms=2) or described.done, "no session has locked the run")
    events = on.history(run_id, workflow_id)
    return [
        attributes(event)["input"] for event in events if event["eventType"] == "WorkflowExecutionSignaled"
    ]


class Interruption:
    """Raises the error before the nth line that this thread carries out after a batch was flushed."""

    def __init__(self, error: type[Exception], at_line: int) -> None:
        self.lines = 0
        self._error = error
        self._at_line = at_line
        self._is_flushed = False

    def __enter__(self) -> Interruption:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        code = frame.f_code
        # The section that gives its lock back consists of lines that cannot fail.
        if "/workflowsvc/" not in code.co_filename or code.co_name == "_exclusive_section":
            return None
        if event == "return" and code.co_qualname == "UnitOfWork.flush":
            self._is_flushed = True
        elif event == "line" and self._is_flushed:
            self.lines += 1
            if self.lines == self._at_line:
                raise self._error
        return self._trace


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_at_any_line_behind_the_flush_records_no_signal_twice(
    on: WorldFixture, error: type[Exception]
) -> None:
    """Behind the flush come the commit, what waits for it, and the answers."""
    line, last = 0, 1
    while line < last:
        line += 1
        workflow_id = f"w{line}"
        run_id = on.start(workflow_id)
        answers = [signal(on, text, workflow_id) for text in "ab"]
        with Interruption(error, line) as interruption:
            try:
                on.world.writer.step()
            except error:
                assert interruption.lines == line, "it was raised here"
        last = max(last, interruption.lines + 1) if interruption.lines >= line else last
        on.world.advance(seconds=5)
        recorded = signals(on, run_id, workflow_id)
        assert recorded in ([], ["a", "b"]), f"line {line}"
        for answer in answers:
            if answer.done and not isinstance(answer._answer, ServiceUnavailable):
                assert answer.result() is None
                assert recorded == ["a", "b"]
        signal(on, "later", workflow_id)
        on.world.run()
        assert signals(on, run_id, workflow_id) == [*recorded, "later"]
    assert last > 20, "there are more lines than that"


@pytest.mark.parametrize("error", ERRORS)
def test_an_act_that_waits_for_the_commit_may_fail(on: WorldFixture, error: type[Exception]) -> None:
    run_id = on.start()
    done: list[str] = []

    def wait_for_the_commit(work: UnitOfWork) -> str:
        work.after_commit.extend([partial(fail_with, error), partial(done.append, "the other one")])
        return "accepted"

    answers = [signal(on, "a"), signal(on, "b")]
    on.world.writer.submit(Command(wait_for_the_commit, done.append))
    on.world.run()
    assert [answer.result() for answer in answers] == [None, None]
    assert done == ["the other one", "accepted"]
    assert signals(on, run_id) == ["a", "b"]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("store", SHARED, indirect=True)
def test_a_hint_to_other_nodes_may_fail(
    on: WorldFixture, store: Store, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal makes a decision task, for which no poll waits here. A command of the same batch is postponed."""
    run_id = on.start()
    on.decide()
    monkeypatch.setattr(store, "hint", partial(fail_with, error))
    answer, postponed = signal(on, "a"), PendingAnswer()
    tries = iter([partial(fail_with, LockedByPeer), lambda: None])
    on.world.writer.submit(Command(lambda work: next(tries)(), postponed))
    on.world.run()
    assert answer.result() is None
    assert signals(on, run_id) == ["a"]
    on.world.advance(seconds=1)
    assert postponed.result() is None


@pytest.mark.parametrize("error", ERRORS)
def test_a_command_that_cannot_be_postponed_is_refused_and_the_others_are_answered(
    on: WorldFixture, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = on.start()
    refusals: list[object] = []
    locked = partial(fail_with, LockedByPeer)
    monkeypatch.setattr(on.world.writer._retries, "put", partial(fail_with, error))
    answer = signal(on, "a")
    on.world.writer.submit(Command(locked, refusals.append))
    on.world.run()
    assert answer.result() is None
    assert signals(on, run_id) == ["a"]
    assert [type(refusal) for refusal in refusals] == [ServiceUnavailable]


@pytest.mark.parametrize("error", ERRORS)
def test_a_lambda_function_that_cannot_be_called_has_failed(store: Store, error: type[Exception]) -> None:
    """Its start is committed, so the decider must hear of it."""
    on = WorldFixture(World(store=store, functions={"f": lambda event: event}))
    on.world._invoker._begin = partial(fail_with, error)
    run_id = on.start(lambdaRole=ROLE)
    on.decide(decision("ScheduleLambdaFunction", id="1", name="f"))
    failed = only(on.history(run_id), "LambdaFunctionFailed")
    assert failed["reason"] == "InternalFailure"


def test_answers_that_did_not_reach_the_event_loop_are_sent_again() -> None:
    class Loop:
        """The running event loop, which finds no memory for its first crossing."""

        def __init__(self) -> None:
            self.crossings = 0

        def call_soon_threadsafe(self, *call: Any) -> None:
            self.crossings += 1
            if self.crossings == 1:
                raise MemoryError
            asyncio.get_running_loop().call_soon_threadsafe(*call)

    async def answered() -> str:
        api = Api(Engine(SqliteStore(None), SystemClock(), Settings(), os.urandom))
        await api.start()
        given: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        api._loop = Loop()  # pyright: ignore[reportAttributeAccessIssue]
        api._deliver([(given.set_result, "answer")], None)
        try:
            return await given
        finally:
            await asyncio.to_thread(api.close)

    assert asyncio.run(answered()) == "answer"
