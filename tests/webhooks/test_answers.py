"""What a receiver may answer: it is read up to a bound, whatever it is, and never shown."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress

import pytest
from aiohttp import StreamReader

from workflowsvc.clock import SystemClock
from workflowsvc.outgoing.connections import MAX_INTERIM_ANSWERS
from workflowsvc.outgoing.targets import read_targets
from workflowsvc.service.webhook_sending import Message, Outcome
from workflowsvc.webhooks import sender as sending
from workflowsvc.webhooks.places import Places
from workflowsvc.webhooks.sender import MAX_ANSWER_BYTES, Sender

SECRET = "whsec_" + "A" * 43 + "="
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"
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


def send(handle: Handle, *, times: int = 1, scheme: str = "http") -> list[Outcome]:
    async def work() -> list[Outcome]:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await send_to(f"{scheme}://127.0.0.1:{port}/path-secret?query-secret", times)
        finally:
            server.close()

    return asyncio.run(work())


async def send_to(url: str, times: int = 1, targets: str = "any") -> list[Outcome]:
    sender = Sender(read_targets(targets, open_by_default=True), SystemClock(), Places().share(1))
    try:
        return [await sender.send(Message(url, SECRET, "id", b"{}")) for _ in range(times)]
    finally:
        await sender.close()


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
        (WHOLE, WHOLE * 4_000, 200),
        (WHOLE, b"\0" * 100_000, 200),
    ],
    ids=["continue", "hints", "blank", "head", "extension", "zeros", "trailer", "body", "answers", "behind"],
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


def test_answers_that_nothing_has_asked_for_are_not_kept() -> None:
    """Each would be garbage that only the collector frees, which stops the whole node for that time."""

    def kept() -> int:
        return sum(isinstance(found, StreamReader) for found in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = kept()
        outcomes = send(Floods(WHOLE, WHOLE * 4_000), times=20)
        assert [outcome.status for outcome in outcomes] == [200] * 20
        assert kept() - before < 20 * 50
    finally:
        gc.enable()


@pytest.mark.parametrize(("number", "status"), [(MAX_INTERIM_ANSWERS, 200), (MAX_INTERIM_ANSWERS + 1, None)])
def test_a_few_interim_answers_may_come_before_the_one_that_counts(number: int, status: int | None) -> None:
    (outcome,) = send(Floods(b"HTTP/1.1 103 Early Hints\r\n\r\n" * number + WHOLE, b""))
    assert outcome.status == status
    assert outcome.error == ("" if status else "the answer is too long")


class Trickles:
    """Answers with a beginning, and then a byte from time to time, for ever."""

    def __init__(self, beginning: bytes, piece: bytes, *, listens: bool = True) -> None:
        self._answer = beginning, piece
        self._listens = listens

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beginning, piece = self._answer
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self._listens:
                await reader.readuntil(b"\r\n\r\n")
            writer.write(beginning)
            while not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read(1_000)
        writer.close()


@pytest.mark.parametrize(
    ("trickles", "scheme", "said"),
    [
        (Trickles(OK + b"Content-Length: 100000\r\n\r\n", b"a"), "http", "no answer"),
        (Trickles(OK + b"x: ", b"a"), "http", "no answer"),
        (Trickles(b"HTTP/1.1 1", b"0"), "http", "no HTTP"),
        (Trickles(CHUNKED, b"1\r\na\r\n"), "http", "no answer"),
        (Trickles(b"", b""), "http", "no answer"),
        (Trickles(b"", b"", listens=False), "https", "no answer"),
        (Trickles(b"\x16\x03\x03\x3f\xff", b"\x02", listens=False), "https", "no answer"),
    ],
    ids=["body", "head", "status", "chunks", "silence", "handshake", "slow handshake"],
)
def test_what_trickles_or_hangs_ends_with_the_time(
    trickles: Trickles, scheme: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    (outcome,) = send(trickles, scheme=scheme)
    assert not outcome.is_delivered
    assert said in outcome.error


def test_a_connection_that_is_never_accepted_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    with socket.socket() as full, ExitStack() as opened:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # more than the queue of what may be accepted has places for
            filling = opened.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())
        (outcome,) = asyncio.run(send_to(f"http://127.0.0.1:{full.getsockname()[1]}/"))
    assert outcome.error == "there was no answer within 0 s"


def test_a_sender_reads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes 34 ms of the event loop, for each webhook at a start and for each test that a caller sends."""

    def refuse(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError("certificates are read")

    monkeypatch.setattr(ssl, "create_default_context", refuse)
    (outcome,) = send(Floods(WHOLE, b""))
    assert outcome.is_delivered


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
