"""One address for several nodes: `python -m tools.balancer URL URL …` or `with balancing(urls) as balancer:`.

A round-robin HTTP proxy: each call goes to the next node that can be reached. Used by `make cluster` and to try several
nodes by hand; in production use a load balancer that you know.

A node that dies during a call may have carried it out. Only the client can decide whether to repeat the call, so its
connection is closed, as it would be without the proxy. When a client disconnects, its call to the node is closed too:
otherwise a poll could be given a task that reaches no client.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECT_SECONDS = (
    1.0  # for a machine that does not answer; a dead process on a living machine refuses immediately
)
MAX_HEAD_BYTES = 64 * 1024
NO_NODE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\n"
    b"no node can be reached.\n"
)


class Disconnected(Exception):
    """The other end has closed its connection."""


class Message(NamedTuple):
    """A request or an answer."""

    head: bytes
    body: bytes

    def value(self, name: str) -> str:
        """The value of a header; empty when it is missing."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name:
                return value.strip()
        return ""

    @property
    def action(self) -> str:
        return self.value("x-amz-target").rpartition(".")[2]

    @property
    def is_last(self) -> bool:
        return self.value("connection").lower() == "close"


class Balancer:
    """Attributes: `answered_by`, for each action the node that answered it last; `passed_over`, failed attempts."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.nodes = list(nodes)
        self.url = ""
        self.answered_by: dict[str, str] = {}
        self.passed_over = 0
        self._turn = 0

    async def listen(self, port: int = 0) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=MAX_HEAD_BYTES)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client, call after call. It reads ahead during a call, which is how a disconnect is noticed."""
        following = asyncio.ensure_future(receive(reader))
        try:
            while True:
                request = await following
                following = asyncio.ensure_future(receive(reader))
                answer = await self._answer(request, following)
                writer.write(answer.head + answer.body)
                await writer.drain()
                if request.is_last or answer.is_last:
                    return
        except (Disconnected, OSError, asyncio.CancelledError):
            pass  # closing the connection is the answer
        finally:
            following.cancel()
            with contextlib.suppress(Disconnected, OSError, asyncio.CancelledError):
                await following
            writer.close()

    async def _answer(self, request: Message, following: asyncio.Future[Message]) -> Message:
        """The answer of the next node that can be reached. Disconnected when the node or the client closes the call."""
        found = await self._connect()
        if found is None:
            head, _, body = NO_NODE.partition(b"\r\n\r\n")
            return Message(head + b"\r\n\r\n", body)
        node, reader, writer = found
        try:
            writer.write(request.head + request.body)
            answering = asyncio.ensure_future(receive(reader))
            await asyncio.wait({answering, following}, return_when=asyncio.FIRST_COMPLETED)
            if following.done() and following.exception() is not None:
                answering.cancel()
                raise Disconnected
            answer = await answering
        finally:
            writer.close()
        self.answered_by[request.action] = node
        return answer

    async def _connect(self) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self.nodes:
            node = self.nodes[self._turn % len(self.nodes)]
            self._turn += 1
            address = urlsplit(node)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    reader, writer = await asyncio.open_connection(
                        address.hostname, address.port, limit=MAX_HEAD_BYTES
                    )
            except OSError:  # TimeoutError is one
                self.passed_over += 1
                continue
            return node, reader, writer
        return None


async def receive(reader: asyncio.StreamReader) -> Message:
    """The next message. All of SWF's have a content-length. Disconnected when there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = Message(head, b"").value("content-length")
        return Message(head, await reader.readexactly(int(length or 0)))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError) as error:
        raise Disconnected from error


@contextlib.contextmanager
def balancing(nodes: Sequence[str]) -> Iterator[Balancer]:
    """A balancer on a free port of this machine, in a thread of its own, during the block."""
    balancer = Balancer(nodes)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="balancer", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(balancer.listen(), loop).result()
    try:
        yield balancer
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    calls = asyncio.all_tasks() - {asyncio.current_task()}
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def _run(nodes: Sequence[str], port: int) -> None:
    balancer = Balancer(nodes)
    async with await balancer.listen(port) as server:
        print(f"export AWS_ENDPOINT_URL_SWF={balancer.url}", flush=True)  # noqa: T201
        await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.balancer", description=__doc__.splitlines()[0])
    parser.add_argument(
        "nodes", nargs="+", metavar="URL", help="address of a node, such as http://127.0.0.1:8888"
    )
    parser.add_argument("--port", type=int, default=0, help="port on this machine [a free one]")
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(args.nodes, args.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
