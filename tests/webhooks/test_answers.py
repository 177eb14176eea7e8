"""What a receiver may answer: it is read up to a bound, whatever it is, and never shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from workflowsvc.clock import SystemClock
from workflowsvc.outgoing.targets import read_targets
from workflowsvc.service.webhook_sending import Message, Outcome
from workflowsvc.webhooks.places import Places
from workflowsvc.webhooks.sender import MAX_ANSWER_BYTES, Sender

SECRET = "whsec_" + "A" * 43 + "="
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MAX_SENT = 8_000_000
"""What the buffers of two sockets may take without a reader."""


class Floods:
    """Answers a request with a beginning, and then with the same piece without end."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        self.sent = 0
        self._answer = beginning, piece

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beginning, piece = self._answer
        with suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(beginning)
            while piece:
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)
            writer.write_eof()
        writer.close()


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def send(handle: Handle, *, times: int = 1) -> list[Outcome]:
    async def work() -> list[Outcome]:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sender = Sender(read_targets("any", open_by_default=True), SystemClock(), Places().share(1))
        message = Message(f"http://127.0.0.1:{port}/path-secret?query-secret", SECRET, "id", b"{}")
        try:
            return [await sender.send(message) for _ in range(times)]
        finally:
            await sender.close()
            server.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("beginning", "piece", "status"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000, None),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 4_000, None),
        (b"", b"\r\n" * 50_000, None),
        (OK, b"x: y\r\n" * 20_000, None),
        (CHUNKED + b"1;", b"a" * 100_000, 200),
        (CHUNKED, b"0" * 100_000, 200),
        (CHUNKED + b"0\r\n", b"x: y\r\n" * 20_000, 200),
        (OK + b"\r\n", b"a" * 100_000, 200),
    ],
    ids=["continue", "hints", "blank", "head", "extension", "zeros", "trailer", "body"],
)
def test_an_answer_without_end_is_cut_off_at_once(beginning: bytes, piece: bytes, status: int | None) -> None:
    floods = Floods(beginning, piece)
    (outcome,) = send(floods)
    assert outcome.status in {status, None}
    assert outcome.seconds < 5
    assert floods.sent < MAX_SENT


def test_the_status_of_a_long_answer_counts() -> None:
    body = b"a" * 1_000_000
    (outcome,) = send(Floods(OK + b"Content-Length: 1000000\r\n\r\n" + body, b""))
    assert (outcome.status, outcome.is_delivered) == (200, True)


def test_the_bound_is_that_of_one_answer() -> None:
    """Not of all answers on one connection."""
    body = b"a" * (MAX_ANSWER_BYTES // 2)
    connections: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    outcomes = send(answer, times=5)
    assert [outcome.status for outcome in outcomes] == [200] * 5
    assert len(connections) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"answer-secret\r\n\r\n", "the answer is no HTTP"),
        (OK + b"answer-secret\r\n\r\n", "the answer is no HTTP"),
        (OK + b"x: answer-secret\r\n", "the connection ended without an answer"),
        (b"", "the connection ended without an answer"),
        (OK + b"Content-Length: 99\r\n\r\nanswer-secret", "the answer is not whole"),
        (CHUNKED + b"answer-secret\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 500 answer-secret\r\nContent-Length: 0\r\n\r\n", "the receiver answered 500"),
        (b"HTTP/1.1 100 answer-secret\r\n\r\n" * 9_000, "the answer is too long"),
    ],
)
def test_what_went_wrong_is_said_in_words_of_our_own(answer: bytes, said: str) -> None:
    """A receiver may be a service of the operator's network, which a caller should not be able to read."""
    (outcome,) = send(Floods(answer, b""))
    assert outcome.error == said
