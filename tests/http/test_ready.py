"""/readyz says whether a write would be taken, and asking it costs the others nothing (QUALITY §6.4)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.failing_store import FailingStore
from tests.http.fake_service import FakeService
from tests.http.support import LIST_DOMAINS, Answer, Running, post, running
from tests.support.waiting import until
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings

READYZ = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
REGISTER = post("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
ALL = 10**9  # commits


def ready(server: Running) -> Answer:
    with server.client() as client:
        client.send(READYZ)
        return client.answer("GET")


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def server(store: FailingStore) -> Iterator[Running]:
    settings = Settings(port=0, store="memory")
    api = Api(Engine(store, SystemClock(), settings, os.urandom))
    server = Running(settings, api)
    server.start()
    server.do(api.start())
    try:
        yield server
    finally:
        store.refusals = 0
        server.stop()
        api.close()


def test_a_full_disk_is_not_ready_before_any_call_has_failed(server: Running, store: FailingStore) -> None:
    store.refusals = ALL
    answer = ready(server)
    assert (answer.status, answer.body) == (503, b"the store takes no writes\n")


def test_a_full_disk_is_not_ready_though_it_can_be_read(
    server: Running, store: FailingStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert ready(server).body == b"ok\n"
    store.refusals = ALL
    assert (
        server.ask(REGISTER).code == "ServiceUnavailable"
    )  # known at once, though it was ready a moment ago
    answer = ready(server)
    assert (answer.status, answer.body) == (503, b"the store takes no writes\n")
    assert server.ask(LIST_DOMAINS).status == 200
    store.refusals = 0
    until(lambda: ready(server).status == 200, "it is ready again")
    assert server.ask(REGISTER).status == 200
    lines = [record.getMessage() for record in caplog.records if record.name == "workflowsvc.http.health"]
    assert lines == ["not ready: the store takes no writes (one has failed)", "ready again"]


class Asked(FakeService):
    """Answers who asks for a write when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Callable[[Any], None]] = []

    def ask_for_write(self, done: Callable[[Any], None]) -> None:
        self.asked.append(done)


def test_however_many_ask_at_once_one_write_answers_all() -> None:
    service = Asked()
    with running(service) as server, contextlib.ExitStack() as clients:
        asking = [clients.enter_context(server.client()) for _ in range(30)]
        for client in asking:
            client.send(READYZ)
        until(lambda: len(service.asked) == 1, "the service is asked")
        assert server.ask(LIST_DOMAINS).status == 200  # behind all of them on the event loop
        server.loop.call_soon_threadsafe(service.asked[0], None)
        assert {client.answer("GET").status for client in asking} == {200}
        assert len(service.asked) == 1


def test_a_store_that_hangs_is_asked_once() -> None:
    """Its writer would otherwise have a thousand checks to make when it comes back."""
    service = Asked()
    with running(service) as server:
        for _ in range(2):
            answer = ready(server)
            assert (answer.status, answer.body) == (503, b"the store does not answer\n")
        assert len(service.asked) == 1
        server.loop.call_soon_threadsafe(service.asked[0], None)
        until(lambda: len(service.asked) == 2 or ready(server).status == 200, "it is asked again")
        for done in service.asked:
            server.loop.call_soon_threadsafe(done, None)
