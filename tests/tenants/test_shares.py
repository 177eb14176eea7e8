"""What a tenant asks for keeps no other tenant waiting: reader threads and places for Lambda functions are shared."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.world_fixture import ROLE, WorldFixture, decision
from workflowsvc.access.caller import Caller
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.invoker import Ending, Invocation, Returned
from workflowsvc.fair_queue import FairQueue
from workflowsvc.http import health
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.lambdas.runner import FunctionRunner
from workflowsvc.service.actions import SWF
from workflowsvc.service.api import READER_THREADS, Api
from workflowsvc.service.reader_threads import ReaderThreads
from workflowsvc.settings import Settings
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing import LATER, World

PATIENCE_SECONDS = 60.0
BUSY, OTHER, THIRD = Tenant("111111111111"), Tenant("222222222222"), Tenant("333333333333")


# --- the queue ---


def taken(items: FairQueue[str, int]) -> str:
    """The users of all items that may run now, in order."""
    users = ""
    while (found := items.take()) is not None:
        users += found[0]
    return users


def test_users_take_turns_and_each_one_s_items_keep_their_order() -> None:
    items: FairQueue[str, int] = FairQueue(1)
    for user, item in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)]:
        items.put(user, item)
    order: list[tuple[str, int]] = []
    while (found := items.take()) is not None:
        order.append(found)
        items.done(found[0])
    assert order == [("a", 1), ("b", 4), ("c", 5), ("a", 2), ("b", 6), ("a", 3)]
    assert not items


def test_one_who_was_served_when_another_came_comes_after_him() -> None:
    items: FairQueue[str, int] = FairQueue(1)
    items.put("a", 1)
    assert taken(items) == "a"
    items.put("a", 2)
    items.put("b", 3)
    items.done("a")
    assert taken(items) == "b"


@pytest.mark.parametrize(
    ("places", "alone"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 6), (50, 38), (1_000, 750)]
)
def test_one_user_gets_three_quarters_of_the_places(places: int, alone: int) -> None:
    items: FairQueue[str, int] = FairQueue(places)
    for number in range(places):
        items.put("a", number)
    assert taken(items) == "a" * alone
    for number in range(places):
        items.put("b", number)
    found = taken(items)
    assert set(found) <= {"b"}
    assert bool(found) == (places > alone)


def test_places_that_become_free_go_to_those_who_have_fewer() -> None:
    items: FairQueue[str, int] = FairQueue(4)
    for number in range(10):
        items.put("a", number)
    assert taken(items) == "aaa"
    for user in "bbc":
        items.put(user, 0)
    assert taken(items) == "b"
    items.done("a")
    assert taken(items) == "c"
    items.done("a")
    assert taken(items) == "b"


# --- reads ---


class Blocked:
    """Reads that stay where they are until they are let go."""

    def __init__(self) -> None:
        self.came: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go = threading.Semaphore(0)

    def read(self, name: str) -> None:
        self.came.put(name)
        assert self.go.acquire(timeout=PATIENCE_SECONDS)

    def next(self) -> str:
        return self.came.get(timeout=PATIENCE_SECONDS)


LIST_DOMAINS = SWF.actions["ListDomains"]
ALL_REGISTERED = LIST_DOMAINS.decode(b'{"registrationStatus":"REGISTERED"}', 10_000)


@asynccontextmanager
async def counting(folder: Path, tenant: Tenant) -> AsyncIterator[Api]:
    """A service of which this tenant has asked for more counts than there are threads; none of them ends."""
    blocked = Blocked()

    def count(*_: object) -> None:
        blocked.read("a count")

    store = SqliteStore(str(folder / "swf.db"))
    api = Api(Engine(store, SystemClock(), Settings(), os.urandom))
    await api.start()
    action = replace(SWF.actions["CountOpenWorkflowExecutions"], run=count)
    counts = [asyncio.create_task(api.call(action, Caller(tenant), None)) for _ in range(2 * READER_THREADS)]
    try:
        for _ in range(READER_THREADS - 1):
            await asyncio.to_thread(blocked.next)
        yield api
    finally:
        blocked.go.release(len(counts))
        await asyncio.gather(*counts)
        await asyncio.to_thread(api.close)
        store.close()


def test_behind_a_read_that_takes_long_the_next_tenant_comes_before_the_first_one_s_second() -> None:
    blocked = Blocked()
    readers = ReaderThreads(1)
    readers.read(BUSY, partial(blocked.read, "busy 1"))
    assert blocked.next() == "busy 1"
    for tenant, name in [(BUSY, "busy 2"), (BUSY, "busy 3"), (OTHER, "other 1"), (THIRD, "third 1")]:
        readers.read(tenant, partial(blocked.read, name))
    order: list[str] = []
    for _ in range(4):
        blocked.go.release()
        order.append(blocked.next())
    blocked.go.release()
    readers.close()
    assert order == ["other 1", "third 1", "busy 2", "busy 3"]


def test_a_read_that_was_passed_over_runs_when_its_tenant_has_a_free_place() -> None:
    """Also when no read comes after it."""
    blocked = Blocked()
    readers = ReaderThreads(4)
    for number in range(7):
        readers.read(BUSY, partial(blocked.read, str(number)))
    assert sorted(blocked.next() for _ in range(3)) == ["0", "1", "2"]
    for number in range(3, 7):
        blocked.go.release()
        assert blocked.next() == str(number)
    for _ in range(3):
        blocked.go.release()
    readers.close()


def test_a_read_that_fails_leaves_its_thread_at_work() -> None:
    done: queue.SimpleQueue[str] = queue.SimpleQueue()
    readers = ReaderThreads(1)
    readers.read(BUSY, partial(int, "no number"))
    readers.read(BUSY, partial(done.put, "next"))
    assert done.get(timeout=PATIENCE_SECONDS) == "next"
    readers.close()


def test_what_was_asked_for_is_read_before_the_threads_end() -> None:
    done: list[int] = []
    readers = ReaderThreads(4)
    for number in range(100):
        readers.read(BUSY, partial(done.append, number))
    readers.close()
    assert sorted(done) == list(range(100))


def test_the_reads_of_one_tenant_are_answered_while_those_of_another_take_long(tmp_path: Path) -> None:
    async def ask() -> Any:
        async with counting(tmp_path, BUSY) as api, asyncio.timeout(PATIENCE_SECONDS):
            return await api.call(LIST_DOMAINS, Caller(OTHER), ALL_REGISTERED)

    assert asyncio.run(ask()).domain_infos == []


def test_a_node_is_ready_while_the_reads_of_the_default_tenant_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", PATIENCE_SECONDS)

    async def status() -> str:
        settings, clock = Settings(port=0), SystemClock()
        async with counting(tmp_path, Tenant()) as api:
            server = HttpServer(HttpApp(api, settings, clock), settings, clock)
            await server.start()
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                return (await reader.readline()).decode()
            finally:
                writer.close()
                await server.drain()

    assert asyncio.run(status()).startswith("HTTP/1.1 200 ")


# --- Lambda functions ---


class Functions:
    """Functions that do not end before they are let go."""

    def __init__(self, places: int) -> None:
        self.called: asyncio.Queue[str] = asyncio.Queue()
        self.go = asyncio.Semaphore(0)
        self.runner = FunctionRunner(self._call, places)
        self.runner.start()

    async def _call(self, invocation: Invocation) -> Ending:
        self.called.put_nowait(invocation.name)
        await self.go.acquire()
        return Returned(None)

    async def next(self) -> str:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.called.get()


class Invoker:
    """Stands where the engine's does."""

    def is_in_time(self, invocation: Invocation) -> bool:
        return True

    def ended(self, invocation: Invocation, ending: Ending) -> None: ...


def begin(functions: Functions, tenant: Tenant, name: str) -> None:
    invocation = Invocation(1, 5, name, "{}", tenant.key, 0.0)
    functions.runner.begin(invocation, Invoker())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_the_functions_of_one_tenant_are_called_while_those_of_another_take_long() -> None:
    async def run() -> None:
        functions = Functions(4)
        for number in range(8):
            begin(functions, BUSY, f"busy {number}")
        for number in range(3):
            assert await functions.next() == f"busy {number}"
        begin(functions, OTHER, "other 0")
        assert await functions.next() == "other 0"
        for _ in range(9):
            functions.go.release()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await functions.runner.idle()

    asyncio.run(run())


def test_behind_a_function_that_takes_long_tenants_take_turns() -> None:
    async def run() -> list[str]:
        functions = Functions(1)
        begin(functions, BUSY, "busy 1")
        order = [await functions.next()]
        for tenant, name in [(BUSY, "busy 2"), (BUSY, "busy 3"), (OTHER, "other 1")]:
            begin(functions, tenant, name)
        for _ in range(3):
            functions.go.release()
            order.append(await functions.next())
        functions.go.release()
        await functions.runner.idle()
        return order

    assert asyncio.run(run()) == ["busy 1", "other 1", "busy 2", "busy 3"]


def test_an_invocation_belongs_to_the_tenant_of_its_run() -> None:
    world = World(functions={"f": lambda event: LATER})
    for tenant in (BUSY, OTHER._replace(region="eu-west-1")):
        on = WorldFixture(world, tenant=tenant)
        on.start(lambdaRole=ROLE)
        on.decide(decision("ScheduleLambdaFunction", id="1", name="f"))
    tenants = [invocation.tenant for invocation in world.unanswered]
    assert tenants == ["111111111111/us-east-1", "222222222222/eu-west-1"]
