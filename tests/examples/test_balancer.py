"""The proxy of `make cluster`: each call to the next node, past those that are away; who is cut off learns it."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.waiting import PATIENCE_SECONDS
from tools.balancer import Balancer, balancing, receive

NO_NODE = "http://127.0.0.1:9"  # the discard port: no process listens there
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def node(handle: Handle) -> AsyncIterator[str]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(name: bytes) -> Handle:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await receive(reader)
        body = b"%s got %s" % (name, request.body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    return answer


async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await receive(reader)
    writer.close()


def call(action: str, body: str) -> bytes:
    target = f"X-Amz-Target: SimpleWorkflowService.{action}"
    return f"POST / HTTP/1.1\r\n{target}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


@asynccontextmanager
async def client(*nodes: str) -> AsyncIterator[tuple[Balancer, asyncio.StreamReader, asyncio.StreamWriter]]:
    balancer = Balancer(nodes)
    async with await balancer.listen():
        reader, writer = await asyncio.open_connection("127.0.0.1", int(balancer.url.rpartition(":")[2]))
        yield balancer, reader, writer
        writer.close()


def test_calls_of_one_connection_go_round_and_past_a_node_that_is_away() -> None:
    async def story() -> None:
        async with (
            node(answering(b"first")) as first,
            node(answering(b"second")) as second,
            client(first, NO_NODE, second) as (balancer, reader, writer),
        ):
            answers: list[bytes] = []
            for number in range(4):
                writer.write(call("CountThings", str(number)))
                answers.append((await receive(reader)).body)
            assert answers == [b"first got 0", b"second got 1", b"first got 2", b"second got 3"]
            assert balancer.answered_by == {"CountThings": second}
            assert balancer.passed_over == 2

    asyncio.run(story())


def test_a_node_that_dies_in_a_call_cuts_its_client_off() -> None:
    """It may have carried the call out, so no other node is asked."""

    async def story() -> None:
        async with (
            node(dying) as first,
            node(answering(b"second")) as second,
            client(first, second) as (_, reader, writer),
        ):
            writer.write(call("StartThing", "x"))
            assert await reader.read() == b""

    asyncio.run(story())


def test_a_client_that_has_gone_is_cut_off_from_its_node() -> None:
    """A poll that goes on behind its back would be given a task."""

    async def story() -> None:
        polled, noticed = asyncio.Event(), asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await receive(reader)
            polled.set()
            assert await reader.read() == b""
            noticed.set()
            writer.close()

        async with node(hold) as holding, client(holding) as (_, _reader, writer):
            writer.write(call("PollForThing", "x"))
            await polled.wait()
            writer.close()
            async with asyncio.timeout(30):
                await noticed.wait()

    asyncio.run(story())


def test_without_any_node_the_answer_is_503() -> None:
    with balancing([NO_NODE, NO_NODE]) as balancer, pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(balancer.url, data=json.dumps({}).encode(), timeout=PATIENCE_SECONDS)
    assert answer.value.code == 503
    assert answer.value.read() == b"no node can be reached.\n"


def test_what_is_no_call_is_cut_off() -> None:
    async def story() -> None:
        for wrong in (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"x" * 200_000):
            async with client(NO_NODE) as (_, reader, writer):
                writer.write(wrong)
                assert await reader.read() == b""

    asyncio.run(story())
