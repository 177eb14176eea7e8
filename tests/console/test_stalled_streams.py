"""Streams of a feed whose reader takes nothing: it is let go, at once when the console stops, and never as a bug."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.console.browsing import ServiceOfUsers
from tests.support.waiting import until
from tests.world_fixture import WorldFixture
from workflowsvc.console.listener import ConsoleServer
from workflowsvc.console.pages import feed_stream
from workflowsvc.testing import World

FEED = "/domains/d/feed"
MANY = 2_500  # entries of 2.3 kB: a socket holds 4 MB for a reader that takes nothing


def fill_feed(on: WorldFixture) -> None:
    on.ask("WorkflowSvc.SetFeed", status="ON")
    for number in range(MANY):
        on.start(f"w{number}", tagList=[f"{tag}" * 256 for tag in range(5)])


@asynccontextmanager
async def taking_nothing(world: World) -> AsyncGenerator[tuple[ConsoleServer, socket.socket]]:
    """A console in this process, whose stream has a reader that takes nothing, so that it can send no more."""
    settings = replace(world.settings, console_port="0")
    server = ConsoleServer(ServiceOfUsers(world), settings, world.clock, bytes)  # type: ignore[arg-type]
    server.bind(0, None)
    await server.start()
    where = urlsplit(server.url)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.connect((where.hostname, where.port))
        reader.sendall(f"GET {FEED}?begin=OLDEST HTTP/1.1\r\nhost: {where.netloc}\r\n\r\n".encode())
        before, sent_events = -1, feed_stream.OPEN.events
        while sent_events.value != before:
            before = sent_events.value
            await asyncio.sleep(0.1)
        yield server, reader
        await server.drain()


def test_a_reader_that_takes_nothing_does_not_hold_up_the_end(
    stage: WorldFixture, caplog: pytest.LogCaptureFixture
) -> None:
    fill_feed(stage)

    async def scene() -> None:
        async with taking_nothing(stage.world) as (server, _):
            assert feed_stream.OPEN.open == 1
            await server.drain()
            assert feed_stream.OPEN.open == 0

    asyncio.run(scene())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_reader_that_takes_nothing_is_let_go_with_one_line_in_the_log(
    stage: WorldFixture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream, "SEND_SECONDS", 0.5)
    caplog.set_level(logging.INFO, "workflowsvc.console")
    fill_feed(stage)

    async def scene() -> None:
        async with taking_nothing(stage.world):
            await asyncio.to_thread(until, lambda: not feed_stream.OPEN.open, "it is let go")

    asyncio.run(scene())
    assert [(record.levelname, record.exc_info, record.getMessage()) for record in caplog.records] == [
        ("INFO", None, "a reader of a feed took nothing for 0.5 s: its stream ends")
    ]
