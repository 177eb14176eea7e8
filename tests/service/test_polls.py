"""Polls of the whole service that are answered, by a task and by nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.failing_store import FailingStore
from tests.http.support import Answer, Running, post
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.pollers import PendingPoll
from workflowsvc.http.request import HttpRequest
from workflowsvc.service import api as service_api
from workflowsvc.service.api import Api
from workflowsvc.service.polls import Poll
from workflowsvc.settings import EmptyPollToken, Settings
from workflowsvc.store.sqlite.store import SqliteStore

LIST = {"domain": "d", "taskList": {"name": "l"}}
TYPE = {"name": "t", "version": "1"}


@contextmanager
def serving(store: SqliteStore | None = None, **settings: Any) -> Iterator[Running]:
    store = store or SqliteStore(None)
    options = Settings(**{"port": 0, "drain_seconds": 5.0, "store": "memory"} | settings)
    api = Api(Engine(store, SystemClock(), options, os.urandom))
    server = Running(options, api)
    server.start()
    try:
        server.do(api.start())
        yield server
    finally:
        server.stop()
        api.close()
        store.close()


def ask(server: Running, action: str, **members: Any) -> Answer:
    answer = server.ask(post(action, members))
    assert answer.status == 200, answer
    return answer


def polls_in_memory() -> int:
    return sum(isinstance(thing, Poll | PendingPoll | HttpRequest) for thing in gc.get_objects())


def test_polls_that_were_answered_leave_nothing_to_the_garbage_collector() -> None:
    """Its pauses stall all calls: 30 to 80 ms, every 1.5 s at 600 workflows a second."""
    with serving(long_poll_seconds=0.05) as server:
        ask(server, "RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
        ask(
            server,
            "RegisterWorkflowType",
            domain="d",
            **TYPE,
            defaultTaskList={"name": "l"},
            defaultChildPolicy="TERMINATE",
            defaultTaskStartToCloseTimeout="60",
            defaultExecutionStartToCloseTimeout="60",
        )
        gc.collect()
        gc.disable()
        try:
            before = polls_in_memory()
            for number in range(5):
                assert "taskToken" not in ask(server, "PollForDecisionTask", **LIST).json
                assert "taskToken" not in ask(server, "PollForActivityTask", **LIST).json
                ask(server, "StartWorkflowExecution", domain="d", workflowId=f"w{number}", workflowType=TYPE)
                assert "taskToken" in ask(server, "PollForDecisionTask", **LIST).json
            until(lambda: polls_in_memory() <= before, "all polls are forgotten")
        finally:
            gc.enable()


@pytest.mark.parametrize(
    ("setting", "decision", "activity"),
    [
        ("omitted", b'{"previousStartedEventId":0,"startedEventId":0}', b'{"startedEventId":0}'),
        (
            "empty",
            b'{"previousStartedEventId":0,"startedEventId":0,"taskToken":""}',
            b'{"startedEventId":0,"taskToken":""}',
        ),
    ],
)
def test_a_poll_that_found_no_task_has_the_token_that_was_chosen(
    setting: EmptyPollToken, decision: bytes, activity: bytes
) -> None:
    """Members stand in the order of the alphabet (SWF §1.2.5); SWF §1.5.2, §1.5.3."""
    with serving(long_poll_seconds=0.05, empty_poll_token=setting) as server:
        ask(server, "RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
        where = {"domain": "d", "taskList": {"name": "l"}}
        assert ask(server, "PollForDecisionTask", **where).body == decision
        assert ask(server, "PollForActivityTask", **where).body == activity


def test_a_node_that_stops_while_its_store_fails_asks_it_from_time_to_time() -> None:
    """And not as often as a core can, all the time that stopping may take."""
    store, refusals = FailingStore(), 1_000_000
    with serving(store) as server:
        store.refusals, began = refusals, time.monotonic()
        draining = asyncio.run_coroutine_threadsafe(server.service.drain(), server.loop)
        until(lambda: store.refusals <= refusals - 3, "the polls could not be released")
        asked = refusals - store.refusals
        assert asked <= 2 + (time.monotonic() - began) / service_api.RELEASE_AGAIN_SECONDS
        store.refusals = 0
        draining.result(PATIENCE_SECONDS)
