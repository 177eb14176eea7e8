"""How a call becomes a command, a read or a poll: what the writer thread and the log learn of it."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import contextmanager
from typing import Any

import pytest

from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.access.caller import Caller
from workflowsvc.clock import SystemClock
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import ExecutionReference
from workflowsvc.faults import ServiceUnavailable, ValidationException
from workflowsvc.service.actions import SWF
from workflowsvc.service.api import Api
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreError
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer, World


@pytest.fixture
def on() -> WorldFixture:
    return WorldFixture(World())


@pytest.fixture
def commands(on: WorldFixture, monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Every command that the writer loop is given."""
    submitted: list[Command] = []
    submit = on.world.writer.submit

    def remember(command: Command) -> None:
        submitted.append(command)
        submit(command)

    monkeypatch.setattr(on.world.writer, "submit", remember)
    return submitted


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every task token that is opened."""
    tokens: list[str] = []
    read_task = Tokens.read_task

    def remember(self: Tokens, tenant: Tenant, text: str, kind: Any) -> Any:
        tokens.append(text)
        return read_task(self, tenant, text, kind)

    monkeypatch.setattr(Tokens, "read_task", remember)
    return tokens


def test_a_task_token_is_opened_once_per_call(on: WorldFixture, opened: list[str]) -> None:
    on.start()
    on.decide(decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY))
    task = on.world.call("PollForActivityTask", domain="d", taskList=LIST)
    opened.clear()
    on.world.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"])
    on.world.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    assert opened == [task["taskToken"]] * 2


def test_a_bad_task_token_never_reaches_the_writer(on: WorldFixture, commands: list[Command]) -> None:
    with pytest.raises(ValidationException):
        on.world.call("RespondActivityTaskCompleted", taskToken="AAAA")
    assert commands == []


def test_a_command_says_which_execution_it_is_about(on: WorldFixture, commands: list[Command]) -> None:
    run_id = on.start("w")
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    by_name = ExecutionReference(domain=(Tenant(), "d"), workflow_id="w")
    assert [command.execution_ref for command in commands] == [by_name] * 2
    commands.clear()
    task = on.ask("PollForDecisionTask", taskList=LIST)
    on.world.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"])
    on.ask("SignalWorkflowExecution", workflowId="w", runId=run_id, signalName="s")
    on.ask("DescribeWorkflowExecution", execution={"workflowId": "w", "runId": run_id})
    about = [command.execution_ref for command in commands if not command.action.startswith("Poll")]
    assert len(set(about)) == 1
    assert about[0] is not None
    assert about[0].run is not None


def test_every_command_of_a_call_names_its_action_and_request(
    on: WorldFixture, commands: list[Command]
) -> None:
    dispatcher = on.world.dispatcher
    for name, members in (
        ("RegisterDomain", b'{"name":"e","workflowExecutionRetentionPeriodInDays":"1"}'),
        ("PollForDecisionTask", b'{"domain":"d","taskList":{"name":"l"}}'),
    ):
        action = SWF.actions[name]
        request = action.decode(members, 10_000)
        poll = dispatcher.dispatch(
            dispatcher.context(action, Caller(Tenant()), "id-1"), request, PendingAnswer()
        )
        if poll is not None:
            assert repr(poll) == "Poll(PollForDecisionTask, request id-1)"
            poll.withdraw()
    on.world.run()
    assert [command.request_id for command in commands] == ["id-1"] * 3
    assert [command.action for command in commands] == ["RegisterDomain"] + ["PollForDecisionTask"] * 2


class UnreadableStore(SqliteStore):
    """A store that cannot be read."""

    @contextmanager
    def reader(self) -> Any:
        raise StoreError("no disk")
        yield


def test_the_log_names_the_call_that_could_not_read_the_store(caplog: pytest.LogCaptureFixture) -> None:
    async def read() -> None:
        store = SqliteStore(None)
        engine = Engine(store, SystemClock(), Settings(), os.urandom)
        engine.store = UnreadableStore(None)
        api = Api(engine)
        await api.start()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        action = SWF.actions["ListDomains"]
        request = action.decode(b'{"registrationStatus":"REGISTERED"}', 10_000)
        api.begin(action, Caller(Tenant()), request, None, answer.set_result, "id-7")
        assert isinstance(await answer, ServiceUnavailable)
        api.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(read())
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        "the store fails: no disk. Calls that only read are answered 503. First: ListDomains (request id-7)"
    )
