"""A little server of Lambda functions that does what a test says, byte by byte if need be.

Owns sockets and threads of its own on 127.0.0.1; what it was asked is in `requests`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

MAX_BYTES = 1 << 20


class Request(NamedTuple):
    """One HTTP request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


Behave = Callable[[Request, socket.socket], None]


def answer(body: bytes = b"null", *, status: str = "200 OK", **headers: str) -> Behave:
    """Header names are written with underscores."""
    fields = {"Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return send(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)


def send(data: bytes) -> Behave:
    """These bytes and the end of the connection."""

    def behave(_: Request, sock: socket.socket) -> None:
        sock.sendall(data)

    return behave


def forever(first: bytes, then: bytes, pause_seconds: float = 0) -> Behave:
    """Sends until the other side has had enough."""

    def behave(_: Request, sock: socket.socket) -> None:
        pause = threading.Event()
        sock.sendall(first)
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(then)
                pause.wait(pause_seconds)

    return behave


class FunctionServer:
    """Answers every request as `behave` says."""

    def __init__(self, behave: Behave, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.requests: list[Request] = []
        self.arrived = threading.Semaphore(0)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            stack.enter_context(contextlib.closing(sock))
            request = _read(sock)
            self.requests.append(request)
            self.arrived.release()
            self.behave(request, sock)


def _read(sock: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    while len(body) < int(headers.get("content-length", "0")):
        body += _some(sock)
    return Request(line, headers, body)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(MAX_BYTES)
    if not data:
        raise OSError("the client left")
    return data


@contextlib.contextmanager
def serving(behave: Behave, tls: ssl.SSLContext | None = None) -> Iterator[FunctionServer]:
    server = FunctionServer(behave, tls)
    try:
        yield server
    finally:
        server.stop()
