"""What connections to the console may cost: how many there are, and those that say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from workflowsvc.console import door
from workflowsvc.console.door import MAX_OF_ADDRESS, Door

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HOST = "127.0.0.1"


async def hello(_scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def listening(at: Door) -> AsyncGenerator[int]:
    config = uvicorn.Config(hello, ws="none", lifespan="off", log_config=None, access_log=False)
    state = ServerState()

    def make() -> asyncio.Protocol:
        return at(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(make, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(HEAD)
    return (await reader.readuntil(b"ok")).split(b"\r\n")[0]


def test_a_connection_over_the_cap_is_closed_and_the_others_go_on() -> None:
    async def scene() -> None:
        async with listening(Door(2, None, counts_addresses=True)) as port:
            first, second = [await asyncio.open_connection(HOST, port) for _ in range(2)]
            assert await answer(*first) == await answer(*second) == b"HTTP/1.1 200 OK"
            third = await asyncio.open_connection(HOST, port)
            assert await third[0].read() == b""
            assert await answer(*first) == b"HTTP/1.1 200 OK"
            for _, writer in (first, second, third):
                writer.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "said", [b"", HEAD[:20], b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
)
def test_one_that_does_not_go_on_is_closed(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(door, "BODY_SECONDS", 0.05)

    async def scene() -> None:
        async with listening(Door(2, None, counts_addresses=True)) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(said)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(1)
            writer.close()

    asyncio.run(scene())


def test_one_machine_does_not_take_all_connections() -> None:
    at = Door(100, None, counts_addresses=True)
    assert [at.admit("192.0.2.1") for _ in range(MAX_OF_ADDRESS + 1)] == [*([True] * MAX_OF_ADDRESS), False]
    assert at.admit("192.0.2.2")
    at.leave("192.0.2.1")
    assert at.admit("192.0.2.1")
    behind_proxies = Door(100, None, counts_addresses=False)
    assert all(behind_proxies.admit("192.0.2.1") for _ in range(100))
    assert not behind_proxies.admit("192.0.2.1")
