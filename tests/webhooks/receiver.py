"""A receiver of webhooks on 127.0.0.1 that answers as a test says, and keeps what it was sent."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.support.server_thread import served


class Received(NamedTuple):
    """One request. `headers` by their names in lower case."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def told(self) -> str:
        """The workflowId, the event id and the type, in short."""
        detail = self.event["detail"]
        execution = detail["workflowExecutionDetail"]["executionInfo"]["execution"]
        return f"{execution['workflowId']} {detail['eventId']} {detail['eventType']}"

    def is_signed_with(self, secret: str) -> bool:
        """By the conventions of Standard Webhooks, written from their text."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


Answer = Callable[[Received], tuple[int, dict[str, str]] | None]
"""The status and header fields; None: no answer, the connection ends."""


def ok(_: Received) -> tuple[int, dict[str, str]]:
    return 204, {}


class Receiver:
    """`answer` may be changed at any time."""

    def __init__(self, port: int = 0) -> None:
        self.answer: Answer = ok
        self.received: list[Received] = []
        self.connections = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received({name.lower(): value for name, value in self.headers.items()}, body)
                receiver.received.append(received)
                answered = receiver.answer(received)
                if answered is None:
                    self.close_connection = True
                    return
                status, fields = answered
                self.send_response(status)
                for name, value in (fields | {"Content-Length": "0"}).items():
                    self.send_header(name, value)
                self.end_headers()

            def do_GET(self) -> None:
                receiver.received.append(Received({}, b"GET"))
                self.send_error(404)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._running = contextlib.ExitStack()
        self._running.enter_context(served(self._server))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def told(self) -> list[str]:
        return [received.told for received in list(self.received)]

    def stop(self) -> None:
        self._running.close()


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
