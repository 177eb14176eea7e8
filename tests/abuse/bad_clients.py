"""Many clients that dribble, stall and do not read, all at once, beside one that behaves.

Owns these clients. What a single one of them meets is in `tests/http`; here it is shown that very many are all
disconnected in time, that memory comes back, and that others are served meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from bench.swf import DOMAIN, Requests
from tests.abuse.clients import Probe, allow_open_files, call_all, connections, furnished, said
from tests.abuse.report import Report
from tests.support.server import HOST, Server
from tests.support.waiting import PATIENCE_SECONDS

DEADLINE_SECONDS = "2"
SETTINGS = {
    "header_deadline_seconds": DEADLINE_SECONDS,
    "body_deadline_seconds": DEADLINE_SECONDS,
    "answer_deadline_seconds": DEADLINE_SECONDS,
    "keep_alive_seconds": DEADLINE_SECONDS,
    "long_poll_seconds": "600",
    "max_pending_bytes": "67108864",
    "log_level": "warning",
}
PAUSE_SECONDS = 0.2  # between two bytes of a dribbler
GONE_SECONDS = PATIENCE_SECONDS  # time by which each must have been disconnected
EVENTS, EVENT_BYTES = 30, 30_000  # of the history whose answer is not read: 0.9 MB
# In the first waves malloc grows to its peak, on a busy machine not at once; the last one must not need more.
WAVES = 4
MEMORY_TOLERANCE = 0.10

Behaviour = Callable[[int], Awaitable[None]]


async def meet(server: Server, each: int) -> Report:
    """`each` clients of each kind."""
    report = Report()
    allow_open_files(6 * each)
    await server.start()
    requests = await furnished(server)
    big = await _big_history(server, requests)
    before = server.resident_bytes()
    kinds: dict[str, Behaviour] = {
        "says nothing": _silent,
        "dribbles its head": _slow_head,
        "dribbles its body": _slow_body,
        "takes no answer": lambda port: _deaf(port, big),
        "pipelines and takes no answer": lambda port: _deaf(port, big * 20),
        "smuggles": _smuggler,
    }
    left: Counter[str] = Counter()

    async def one(name: str, behave: Behaviour) -> None:
        try:
            async with asyncio.timeout(GONE_SECONDS):
                await behave(server.port)
        except TimeoutError:
            left[name] += 1

    memory = [before]
    async with Probe(server) as probe:
        began = time.monotonic()
        for _ in range(WAVES):
            await asyncio.gather(*(one(name, behave) for name, behave in kinds.items() for _ in range(each)))
            memory.append(server.resident_bytes())
        took = time.monotonic() - began
    growth = memory[-1] / max(memory[:-1]) - 1
    report.require(not left, f"still connected after {GONE_SECONDS:.0f} s: {dict(left)}")
    report.require(not probe.failures, f"others were answered {probe.failures[:5]}")
    report.require(growth <= MEMORY_TOLERANCE, f"memory grows with each wave: {memory}")
    report.say(
        f"{WAVES} waves of {each} each of {len(kinds)} kinds ({', '.join(kinds)}): all gone after {took:.1f} s; "
        f"memory {' -> '.join(f'{size >> 20}' for size in memory)} MiB"
    )
    report.say(f"others meanwhile: {probe}")
    return report


async def _big_history(server: Server, requests: Requests) -> bytes:
    """A request for an answer of many megabytes."""
    async with connections(server, 4) as lines:
        started = said(await lines[0].call(requests.start_workflow_execution("big")))
        signal = requests.of(
            "SignalWorkflowExecution",
            domain=DOMAIN,
            workflowId="big",
            signalName="s",
            input="x" * EVENT_BYTES,
        )
        await call_all(lines, (signal for _ in range(EVENTS)))
    named = {"workflowId": "big", "runId": started["runId"]}
    return requests.of("GetWorkflowExecutionHistory", domain=DOMAIN, execution=named)


async def _connect(port: int, receive_buffer: int | None = None) -> socket.socket:
    raw = socket.socket()
    raw.setblocking(False)
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await asyncio.get_running_loop().sock_connect(raw, (HOST, port))
    return raw


async def _until_closed(raw: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.closing(raw), contextlib.suppress(OSError):
        while await loop.sock_recv(raw, 65_536):
            pass


async def _silent(port: int) -> None:
    await _until_closed(await _connect(port))


async def _dribble(port: int, beginning: bytes) -> None:
    loop, raw = asyncio.get_running_loop(), await _connect(port)
    with contextlib.closing(raw), contextlib.suppress(OSError):
        await loop.sock_sendall(raw, beginning)
        while True:
            await loop.sock_sendall(raw, b"a")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    while await loop.sock_recv(raw, 65_536):
                        pass
                    return


async def _slow_head(port: int) -> None:
    await _dribble(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")


async def _slow_body(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SimpleWorkflowService.ListDomains\r\n"
    await _dribble(port, head + b"Content-Length: 100000\r\n\r\n")


async def _deaf(port: int, data: bytes) -> None:
    """Reads nothing until the server has given up on it, which shows as an end of what can be sent or read."""
    loop, raw = asyncio.get_running_loop(), await _connect(port, receive_buffer=4_096)
    with contextlib.closing(raw), contextlib.suppress(OSError):
        await loop.sock_sendall(raw, data)
        end = time.monotonic() + GONE_SECONDS
        while time.monotonic() < end:
            await asyncio.sleep(PAUSE_SECONDS)
            await loop.sock_sendall(raw, b"\r\n")  # an error when the connection has been reset


async def _smuggler(port: int) -> None:
    inner = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    request = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        % len(inner)
    )
    loop, raw = asyncio.get_running_loop(), await _connect(port)
    with contextlib.closing(raw), contextlib.suppress(OSError):
        await loop.sock_sendall(raw, request + inner)
        answers = b""
        while piece := await loop.sock_recv(raw, 65_536):
            answers += piece
        assert answers.count(b"HTTP/1.1 ") == 1, "the smuggled request was answered"
        assert answers.startswith(b"HTTP/1.1 400 "), answers[:100]
        assert json.loads(answers.rpartition(b"\r\n\r\n")[2])["__type"]
