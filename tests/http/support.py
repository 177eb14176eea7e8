"""A server in a thread, and clients that are nothing but sockets: they send what no library would."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from tests.http.certificates import Files
from tests.http.fake_service import FakeService
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.clock import SystemClock
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.settings import Settings


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The fault, as SDKs read it (SWF §1.4.8)."""
        return self.json["__type"].rpartition("#")[2]


class Running:
    """A server in a thread of its own, with a service behind it: the stand-in, most often."""

    def __init__(self, settings: Settings, service: Any) -> None:
        self.settings = settings
        self.service = service
        self.app = HttpApp(service, settings, SystemClock())
        self.server = HttpServer(self.app, settings, SystemClock())
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.do(self.server.start())

    def stop(self) -> None:
        self.do(self.server.drain(self.service.drain))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs in the server's loop, waits for the result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_SECONDS)

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    @property
    def files(self) -> Files | None:
        """The certificate, with HTTPS."""
        settings = self.settings
        if not settings.tls_certificate:
            return None
        return Files(Path(settings.tls_certificate), Path(settings.tls_key))

    @property
    def open_connections(self) -> int:
        return len(self.server.connections.open)

    def connection_tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks that connections run: none, since each of them would cost every idle poll."""
        return [
            task
            for task in asyncio.all_tasks(self.loop)
            if getattr(task.get_coro(), "__qualname__", "").startswith("Connection.")
        ]

    def client(self, address: str | None = None) -> Raw:
        """A client, that connects from this address of the loopback network if one is given."""
        return Raw(self.port, address=address, files=self.files)

    def ask(self, data: bytes) -> Answer:
        """One request on a connection of its own."""
        with self.client() as client:
            client.send(data)
            return client.answer()


over_tls: list[Files] = []
"""The certificate of every server that `running` starts, and of every client; `test_over_tls.py` has one."""


@contextlib.contextmanager
def running(service: FakeService | None = None, **settings: Any) -> Iterator[Running]:
    """A server with these settings for a block."""
    tls = over_tls[0].settings() if over_tls else {}
    server = Running(Settings(**{"port": 0, "drain_seconds": 5.0} | tls | settings), service or FakeService())
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Raw:
    """A client that sends bytes and reads answers."""

    def __init__(
        self,
        port: int,
        receive_buffer: int | None = None,
        address: str | None = None,
        files: Files | None = None,
    ) -> None:
        """With `files`, by HTTPS: the server must have this certificate."""
        self.socket = socket.socket()
        if address is not None:
            self.socket.bind((address, 0))
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        if files is None and over_tls:
            files = over_tls[0]
        if files is not None:
            self.socket = files.client_context().wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, method: str = "POST") -> Answer:
        """The next answer; ConnectionError when there is none."""
        response = http.client.HTTPResponse(_Borrowed(self._file), method=method)  # type: ignore[arg-type]
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def line(self) -> bytes:
        return self._file.readline()

    def is_closed(self) -> bool:
        """Waits for the server to close; False when it sends something instead."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def dribble(self, data: bytes, then: bytes) -> bool:
        """Sends byte for byte, then `then` for ever, until the server closes. False when it never does."""
        end = time.monotonic() + PATIENCE_SECONDS
        position = 0
        while time.monotonic() < end:
            byte = data[position : position + 1] or then
            position += 1
            try:
                self.socket.send(byte)
            except (BrokenPipeError, ConnectionResetError):
                return True
            # The pause between two bytes, shorter when the server has something to say.
            if select.select([self.socket], [], [], 0.01)[0]:
                # A ticket of TLS is nothing that was said.
                with contextlib.suppress(ssl.SSLWantReadError):
                    return self._is_closed_now()
        return False

    def _is_closed_now(self) -> bool:
        patience = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(patience)


class _Borrowed:
    """A file that a response may close without closing the connection."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def makefile(self, *_: object, **__: object) -> _Borrowed:
        return self

    def close(self) -> None: ...
    def flush(self) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def post(
    action: str,
    body: bytes | dict[str, Any],
    *headers: str,
    target: str = "SimpleWorkflowService.",
    version: str = "1.1",
) -> bytes:
    """The bytes of a request as SDKs send it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"POST / HTTP/{version}",
        "Host: localhost",
        "Content-Type: application/x-amz-json-1.0",
        f"X-Amz-Target: {target}{action}",
        f"Content-Length: {len(data)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + data


LIST_DOMAINS = post("ListDomains", {"registrationStatus": "REGISTERED"})
SLOW = post("DescribeDomain", {"name": "slow"})
POLL = post("PollForDecisionTask", {"domain": "d", "taskList": {"name": "l"}})
