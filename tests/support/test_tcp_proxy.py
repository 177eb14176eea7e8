"""The proxy does to connections what its methods say; otherwise the rounds that use it would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.tcp_proxy import HOST, TcpProxy


class Echo:
    """A server that returns what it receives, and knows when its client closed the connection."""

    def __init__(self) -> None:
        self.heard = b""
        self.hung_up = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                self.heard += data
                writer.write(data)
        except ConnectionError:
            pass
        self.hung_up.set()
        writer.close()


Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Trial = Callable[[TcpProxy, Echo, Caller], Awaitable[None]]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[TcpProxy, Echo, Caller]]:
    echo = Echo()
    server = await asyncio.start_server(echo, HOST, 0)
    proxy = TcpProxy(server.sockets[0].getsockname()[1])
    await proxy.open()
    caller = await asyncio.open_connection(HOST, proxy.port)
    try:
        yield proxy, echo, caller
    finally:
        caller[1].close()
        proxy.close()
        server.close()


def play(trial: Trial) -> None:
    async def whole() -> None:
        async with asyncio.timeout(30), connected() as (proxy, echo, caller):
            assert await ask(caller) == b"x"
            await trial(proxy, echo, caller)

    asyncio.run(whole())


async def ask(caller: Caller) -> bytes:
    caller[1].write(b"x")
    return await caller[0].read(1)


async def it_has_ended(reading: Awaitable[bytes]) -> bool:
    try:
        return await reading == b""
    except ConnectionError:
        return True


async def nothing_comes(caller: Caller) -> asyncio.Task[bytes]:
    """Nothing arrives for now; the read that completes when the proxy is released."""
    reading = asyncio.ensure_future(caller[0].read(1))
    done, _ = await asyncio.wait([reading], timeout=0.1)
    assert not done
    return reading


def test_both_sides_see_a_cut() -> None:
    async def trial(proxy: TcpProxy, echo: Echo, caller: Caller) -> None:
        proxy.cut()
        assert await it_has_ended(ask(caller))
        await echo.hung_up.wait()

    play(trial)


def test_what_is_held_up_arrives_when_it_is_released() -> None:
    async def trial(proxy: TcpProxy, echo: Echo, caller: Caller) -> None:
        proxy.hold("both")
        caller[1].write(b"y")
        reading = await nothing_comes(caller)
        assert echo.heard == b"x"
        proxy.release()
        assert await reading == b"y"

    play(trial)


def test_answers_alone_are_held_up() -> None:
    async def trial(proxy: TcpProxy, echo: Echo, caller: Caller) -> None:
        proxy.hold("answers")
        caller[1].write(b"y")
        reading = await nothing_comes(caller)
        assert echo.heard == b"xy"
        proxy.cut()
        assert await it_has_ended(reading)

    play(trial)


def test_a_connection_made_meanwhile_is_held_up_too() -> None:
    async def trial(proxy: TcpProxy, echo: Echo, caller: Caller) -> None:
        proxy.hold("both")
        another = await asyncio.open_connection(HOST, proxy.port)
        another[1].write(b"z")
        reading = await nothing_comes(another)
        proxy.release()
        assert await reading == b"z"
        another[1].close()

    play(trial)


def test_the_server_does_not_notice_that_connections_were_abandoned() -> None:
    async def trial(proxy: TcpProxy, echo: Echo, caller: Caller) -> None:
        proxy.abandon()
        assert await it_has_ended(ask(caller))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await echo.hung_up.wait()
        proxy.end_abandoned()
        await echo.hung_up.wait()

    play(trial)


def test_a_refusing_proxy_accepts_no_connection_until_it_stops_refusing() -> None:
    async def trial(proxy: TcpProxy, echo: Echo, caller: Caller) -> None:
        proxy.refusing = True
        another = await asyncio.open_connection(HOST, proxy.port)
        assert await it_has_ended(ask(another))
        proxy.refusing = False
        another = await asyncio.open_connection(HOST, proxy.port)
        assert await ask(another) == b"x"
        another[1].close()

    play(trial)
