"""Readers of feeds that wait: woken by a commit of this node or another, by their time, by a stop, by their own end."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.http.support import Running, post
from tests.postgres.places import new_place
from tests.support.fed_domain import TYPE, make_fed_domain
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.faults import LimitExceededFault
from workflowsvc.service import feed_waits
from workflowsvc.service.api import Api
from workflowsvc.service.feed_waits import LoopWaits, NoWaits, Woken
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Store
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.sqlite.store import SqliteStore

FOR_EVER = 100_000.0


def request(action: str, **members: Any) -> bytes:
    """An action of SWF, or of our own API by its whole name, in the domain `d`."""
    if "." not in action:
        return post(action, {"domain": "d", **members})
    return post(action, {"domain": "d", **members}, target="")


class Node:
    """A server and its service."""

    def __init__(self, server: Running, api: Api) -> None:
        self.server = server
        self.api = api

    def ask(self, action: str, **members: Any) -> Any:
        answer = self.server.ask(request(action, **members))
        assert answer.status == 200, answer
        return answer.json if answer.body else None

    def ask_beside(self, action: str, **members: Any) -> Callable[[], Any]:
        """The answer, when it is called."""
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(self.ask(action, **members)))
        thread.start()

        def answer() -> Any:
            thread.join(PATIENCE_SECONDS)
            assert answers, f"{action} is not answered"
            return answers[0]

        return answer

    @property
    def waiting(self) -> int:
        return self.api.feed_waits.waiting


@contextmanager
def serving(store: Store, **settings: Any) -> Iterator[Node]:
    options = Settings(**{"port": 0, "drain_seconds": 5.0, "store": "memory"} | settings)
    api = Api(Engine(store, SystemClock(), options, os.urandom, store_clock=True))
    server = Running(options, api)
    server.start()
    try:
        server.do(api.start())
        yield Node(server, api)
    finally:
        server.stop()
        api.close()


@pytest.fixture(params=["sqlite", "postgres", "two nodes"])
def nodes(request: pytest.FixtureRequest) -> Iterator[tuple[Node, Node]]:
    """The node that is written to, and the one that is read; with a domain whose feed is on."""
    with ExitStack() as stack:
        stores: list[Store] = []
        if request.param == "sqlite":
            stores.append(SqliteStore(None))
        else:
            place = new_place()  # skips when there is no PostgreSQL
            stores += [PostgresStore(place.dsn) for _ in range(2 if request.param == "two nodes" else 1)]
        for store in stores:
            stack.callback(store.close)
        found = [stack.enter_context(serving(store)) for store in stores]
        writing = found[0]
        make_fed_domain(writing.ask)
        yield writing, found[-1]


def start(node: Node, workflow_id: str) -> None:
    node.ask("StartWorkflowExecution", workflowId=workflow_id, workflowType=TYPE)


def names(page: Any) -> list[str]:
    events = [json.loads(entry["event"])["detail"] for entry in page["entries"]]
    return [event["workflowExecutionDetail"]["executionInfo"]["execution"]["workflowId"] for event in events]


def test_a_reader_that_waits_gets_what_is_committed(nodes: tuple[Node, Node]) -> None:
    writing, reading = nodes
    cursor = reading.ask("WorkflowSvc.ReadFeed", begin="LATEST")["cursor"]
    for number in range(5):
        answer = reading.ask_beside("WorkflowSvc.ReadFeed", cursor=cursor, waitSeconds=60)
        until(lambda: reading.waiting == 1, "the reader waits")
        start(writing, f"w{number}")
        page = answer()
        assert names(page) == [f"w{number}"]
        cursor = page["cursor"]
    assert reading.waiting == 0


def test_a_reader_whose_types_do_not_come_waits_on(nodes: tuple[Node, Node]) -> None:
    writing, reading = nodes
    answer = reading.ask_beside(
        "WorkflowSvc.ReadFeed", eventTypes=["WorkflowExecutionTerminated"], waitSeconds=60
    )
    until(lambda: reading.waiting == 1, "the reader waits")
    for number in range(3):
        start(writing, f"w{number}")
    writing.ask("TerminateWorkflowExecution", workflowId="w1")
    assert names(answer()) == ["w1"]


def test_a_stop_answers_readers_that_wait(nodes: tuple[Node, Node]) -> None:
    _, reading = nodes
    cursor = reading.ask("WorkflowSvc.ReadFeed", begin="LATEST")["cursor"]
    answer = reading.ask_beside("WorkflowSvc.ReadFeed", cursor=cursor, waitSeconds=60)
    until(lambda: reading.waiting == 1, "the reader waits")
    reading.server.do(reading.api.drain())
    assert answer() == {"cursor": cursor, "entries": []}
    assert reading.waiting == 0
    assert reading.ask("WorkflowSvc.ReadFeed", cursor=cursor, waitSeconds=60)["entries"] == []


def test_a_reader_that_leaves_waits_no_more(nodes: tuple[Node, Node]) -> None:
    _, reading = nodes
    with reading.server.client() as client:
        client.send(request("WorkflowSvc.ReadFeed", waitSeconds=60))
        until(lambda: reading.waiting == 1, "the reader waits")
    until(lambda: reading.waiting == 0, "it waits no more")


def test_a_page_that_is_asked_for_without_waiting_is_answered_at_once(nodes: tuple[Node, Node]) -> None:
    _, reading = nodes
    assert reading.ask("WorkflowSvc.ReadFeed")["entries"] == []
    assert reading.ask("WorkflowSvc.ReadFeed", waitSeconds=0)["entries"] == []


# --- the waits themselves ---


def wait(waits: LoopWaits, domain: int, seconds: float = FOR_EVER) -> asyncio.Future[Woken]:
    woken: asyncio.Future[Woken] = asyncio.get_running_loop().create_future()
    waits.wait(domain, waits.mark(), seconds, woken.set_result)
    return woken


def test_a_reader_is_woken_by_its_own_domain_alone() -> None:
    async def run() -> None:
        waits = LoopWaits(None, SystemClock().monotonic)
        waits.start()
        others: list[Woken] = []
        waits.wait(1, waits.mark(), FOR_EVER, others.append)
        woken = wait(waits, 2)
        waits.grew({2, 3})
        assert await woken == "grown"
        assert others == []
        assert waits.waiting == 1

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_what_has_come_since_the_look_wakes_at_once() -> None:
    async def run() -> None:
        waits = LoopWaits(None, SystemClock().monotonic)
        waits.start()
        mark = waits.mark()
        woken: list[Woken] = []
        waits.grew({1})
        assert waits.wait(1, mark, FOR_EVER, woken.append) is None
        assert woken == ["grown"]
        reader = waits.wait(1, waits.mark(), FOR_EVER, woken.append)
        assert reader is not None
        reader.cancel()
        reader.cancel()
        assert woken == ["grown", "end"]
        waits.end()
        assert waits.wait(1, waits.mark(), FOR_EVER, woken.append) is None
        assert woken == ["grown", "end", "end"]

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_a_reader_of_a_busy_feed_is_woken_a_little_later() -> None:
    """So that it reads what has gathered meanwhile, and not for every commit."""

    async def run() -> None:
        waits = LoopWaits(None, lambda: 5.0)  # two growths at the same moment
        waits.start()
        waits.gather(1, (went_on := asyncio.Event()).set)
        assert went_on.is_set()
        mark = waits.mark()
        waits.grew({1})
        waits.grew({1})
        woken: asyncio.Future[Woken] = asyncio.get_running_loop().create_future()
        assert waits.wait(1, mark, FOR_EVER, woken.set_result) is not None
        waits.grew({1})
        assert await woken == "grown"
        waits.gather(1, (went_on := asyncio.Event()).set)
        assert not went_on.is_set()
        await went_on.wait()

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_the_time_of_a_reader_is_over() -> None:
    async def run() -> None:
        waits = LoopWaits(None, SystemClock().monotonic)
        waits.start()
        assert await wait(waits, 1, seconds=0.001) == "time"

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
    found: list[Woken] = []
    assert NoWaits().wait(1, 0, FOR_EVER, found.append) is None
    assert found == ["time"]


def test_where_other_nodes_write_a_reader_looks_by_itself() -> None:
    """As a hint may be lost."""

    async def run() -> None:
        waits = LoopWaits(0.001, SystemClock().monotonic)
        waits.start()
        assert await wait(waits, 1) == "grown"

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_the_number_of_readers_that_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_waits, "MAX_WAITING", 1)

    async def run() -> None:
        waits = LoopWaits(None, SystemClock().monotonic)
        waits.start()
        woken: list[Woken] = []
        waits.wait(1, waits.mark(), FOR_EVER, woken.append)
        with pytest.raises(LimitExceededFault, match="limit of 1 waiting"):
            waits.wait(2, waits.mark(), FOR_EVER, woken.append)
        waits.end()

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
