"""Hostile receivers, dead ones and long outages beside good ones: nothing is lost, and no other webhook waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.waiting import until
from tests.webhooks.conftest import Node, serving
from tests.webhooks.receiver import Received, Receiver, receiving
from tests.webhooks.test_answers import CHUNKED, OK, WHOLE, Floods, Handle, Trickles
from workflowsvc.clock import SystemClock
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.webhooks import pusher

HOUR = 3_600


class ClockAhead(SystemClock):
    """The machine's clock and some seconds, which a test lets pass at once. The time of events stays."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:  # type: ignore[override]
        return SystemClock.monotonic() + self.ahead

    def passes(self, seconds: float) -> float:
        """How far it is ahead then."""
        self.ahead += seconds
        return self.ahead


@pytest.fixture
def clock() -> ClockAhead:
    return ClockAhead()


@pytest.fixture
def node(clock: ClockAhead, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(pusher, "LOOK_SECONDS", 0.02)  # after which a webhook looks at the clock again
    with serving(SqliteStore(None), clock=clock) as node:
        node.prepare()
        yield node


@contextmanager
def listening(handles: list[Handle], scheme: str = "http") -> Iterator[list[str]]:
    """The URLs of receivers on an event loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen(handle: Handle) -> asyncio.Server:
        return await asyncio.start_server(handle, "127.0.0.1", 0)

    servers = [asyncio.run_coroutine_threadsafe(listen(each), loop).result() for each in handles]
    try:
        yield [f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/" for server in servers]
    finally:

        async def end() -> None:
            for server in servers:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def create(node: Node, url: str, name: str) -> None:
    node.own("CreateWebhook", name=name, url=url)


def test_hostile_receivers_hold_up_no_other_webhook_of_their_domain(node: Node, receiver: Receiver) -> None:
    hostile: list[Handle] = [
        Floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000),
        Floods(OK, b"x: y\r\n" * 20_000),
        Floods(WHOLE, WHOLE * 4_000),
        Floods(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"a" * 100_000
        ),
        Floods(
            b"HTTP/1.1 307 Else\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % receiver.url.encode(), b""
        ),
        Trickles(OK + b"Content-Length: 100000\r\n\r\n", b"a"),
        Trickles(CHUNKED, b"1\r\na\r\n"),
        Trickles(b"", b""),
    ]
    with listening(hostile) as urls, listening([Trickles(b"", b"", listens=False)], "https") as hanging:
        for number, url in enumerate([*urls, *hanging]):
            create(node, url, f"hostile{number}")
        create(node, receiver.url, "good")
        for number in range(30):
            node.run(f"w{number}")
        until(lambda: len(receiver.received) >= 60, "the good one has all")
    assert sorted(receiver.told) == sorted(
        told
        for number in range(30)
        for told in (f"w{number} 1 WorkflowExecutionStarted", f"w{number} 5 WorkflowExecutionCompleted")
    )
    until(lambda: node.webhook("good")["status"] == "DELIVERING", "that is noted")


def test_an_outage_of_hours_loses_nothing_and_gives_nothing_up(
    node: Node, receiver: Receiver, clock: ClockAhead
) -> None:
    down = threading.Event()
    down.set()
    attempts: list[str] = []

    def answer(received: Received) -> tuple[int, dict[str, str]] | None:
        if down.is_set():
            attempts.append(received.told)
            return None
        return 204, {}

    receiver.answer = answer
    with receiving() as other:
        create(node, receiver.url, "hook")
        create(node, other.url, "other")
        for number in range(60):  # more entries than a window has
            node.run(f"w{number}")
        until(lambda: len(other.received) == 120, "the other one has all")
        until(lambda: clock.passes(60) >= 10 * HOUR, "hours pass")
        until(lambda: len(attempts) > 30, "it is asked again and again")
        assert node.webhook()["status"] == "FAILING"
        down.clear()
        asked = len(receiver.received)
        until(lambda: clock.passes(60) and len(receiver.received) - asked >= 120, "all comes when it is back")
        until(lambda: node.webhook()["status"] == "DELIVERING", "that is noted")
    told = receiver.told[asked:]
    assert len(set(told)) == 120
    for number in range(60):
        own = [int(text.split()[1]) for text in told if text.startswith(f"w{number} ")]
        assert own == sorted(own)
    found = node.webhook()
    assert (found["deadLetters"], found["missed"]) == (0, 0)
