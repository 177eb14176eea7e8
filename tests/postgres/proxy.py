"""A proxy between a store and its server that loses connections where a test wants it to.

Owns the sockets and the places where it cuts. It knows of PostgreSQL's protocol only how a prepared statement is named
when it is carried out.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Literal

Cut = Literal["before", "at", "after"]
"""Where a connection is lost. `before`: nothing of what is sent with the statement arrives; `at`: what stands before
it arrives and is answered; `after`: it arrives and is carried out, but its answer does not come back."""


class _Link:
    """What the two directions of one connection tell each other."""

    def __init__(self) -> None:
        self.silent = False
        self.answered = threading.Event()
        self.committed = threading.Event()


class Proxy:
    """Listens on a free port of 127.0.0.1 until it is closed."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cut: tuple[bytes, Cut] | None = None
        self._refuse_then = False
        self._sockets: set[socket.socket] = set()
        self.refusing = False
        self.frozen = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, statement: str, where: Cut, *, and_refuse: bool = False) -> None:
        """The next time that this statement is carried out."""
        self._refuse_then = and_refuse
        self._cut = (b"\0" + statement.encode() + b"\0", where)

    def close(self) -> None:
        self._listener.close()
        for each in list(self._sockets):
            _hang_up(each)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refusing:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._sockets |= {client, server}
                link = _Link()
                for direction in (self._up, self._down):
                    threading.Thread(target=direction, args=(client, server, link), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 20):
                if self._cut is not None and (place := data.find(self._cut[0])) >= 0:
                    where, self._cut = self._cut[1], None
                    self.refusing = self.refusing or self._refuse_then
                    link.answered.clear()
                    if where == "at":
                        server.sendall(
                            data[: place - 5]
                        )  # a letter and four bytes of length begin the message
                        link.answered.wait(10)
                    elif where == "after":
                        link.silent = True
                        server.sendall(data)
                        link.committed.wait(10)
                    break
                if not self.frozen.is_set():
                    server.sendall(data)
        _hang_up(server)
        _hang_up(client)

    def _down(self, client: socket.socket, server: socket.socket, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 20):
                if link.silent and (end := data.find(b"COMMIT\0")) >= 0:
                    client.sendall(data[: end - 5])
                    link.committed.set()
                    break
                client.sendall(data)
                link.answered.set()
        link.answered.set()
        link.committed.set()


def _hang_up(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
