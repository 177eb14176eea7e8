"""Hints between nodes: which task lists have got tasks.

Owns the thread and the connection over which they are sent and heard. A hint is a NOTIFY outside any transaction that
changes something: inside one it would let all of them commit one after the other (2,670 -> 153 transactions/s, measured
before this code existed). While one is on its way, and for DEBOUNCE_MS after, further hints gather, our own and those
of others. Any of them may be lost: every node looks again by itself. It must not know what a hint is good for.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress

import msgspec
import psycopg
from psycopg import errors

from workflowsvc.store.errors import Unavailable
from workflowsvc.store.postgres.wire import Row, connect
from workflowsvc.store.rows import ListKey

DEBOUNCE_MS = 10  # at most a hundred notifications a second from each node, each about 0.2 ms of CPU
RETRY_MS = 1000  # after the connection was lost
MOST_BYTES = 7500  # PostgreSQL takes notifications of less than 8000
MOST_LISTS = 1000  # gathered; when nothing can be sent, what is more is forgotten

Heard = Callable[[list[ListKey]], None]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ListKey]).decode


class Hints:
    """Starts with the first listener or hint; `close` ends the thread."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._heard: Heard | None = None
        self._waiting: set[ListKey] = set()
        self._lock = threading.Lock()
        self._bell, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._closed = False

    def listen(self, heard: Heard) -> None:
        self._heard = heard
        self._wake()

    def hint(self, lists: list[ListKey]) -> None:
        with self._lock:
            was_told = bool(self._waiting)
            if len(self._waiting) < MOST_LISTS:
                self._waiting.update(lists)
        if not was_told:
            self._wake()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._thread is not None:
            self._wake()
            self._thread.join()
        os.close(self._bell)
        os.close(self._ring)

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="hints", daemon=True)
                self._thread.start()
        with suppress(BlockingIOError):  # it is awake already
            os.write(self._ring, b"\0")

    # --- the thread ---

    def _work(self) -> None:
        while not self._closed:
            try:
                with suppress(Unavailable), connect(self._dsn) as connection:
                    self._serve(connection)
            except (errors.FeatureNotSupported, errors.SyntaxError, errors.UndefinedFunction):
                return  # a server that only speaks like PostgreSQL: polls look again by themselves
            except psycopg.Error:
                pass
            if not self._closed:
                self._wait([self._bell], RETRY_MS)

    def _serve(self, connection: psycopg.Connection[Row]) -> None:
        """Until the connection is lost."""
        row = connection.execute("select 'workflowsvc_' || md5(current_schema())").fetchone()
        assert row is not None
        channel: str = row[0]
        own_pid = connection.info.backend_pid
        # Those that come while a statement is carried out.
        connection.add_notify_handler(lambda told: self._tell(told.pid == own_pid, told.payload.encode()))
        connection.execute("set synchronous_commit = off")  # a hint need not survive anything
        connection.execute(f"listen {channel}".encode())
        socket = connection.fileno()
        while not self._closed:
            if socket in self._wait([self._bell, socket], 0 if self._waiting else None):
                self._take_in(connection)
            if self._waiting:
                self._send(connection, channel)
                self.rest()

    def rest(self) -> None:
        """Between two notifications."""
        self._wait([], DEBOUNCE_MS)

    def _wait(self, files: list[int], most_ms: int | None) -> set[int]:
        poll = select.poll()
        for file in files:
            poll.register(file, select.POLLIN)
        ready = {file for file, _ in poll.poll(most_ms)}
        if self._bell in ready:
            os.read(self._bell, 4096)
        return ready

    def _take_in(self, connection: psycopg.Connection[Row]) -> None:
        connection.pgconn.consume_input()
        while (told := connection.pgconn.notifies()) is not None:
            self._tell(told.be_pid == connection.pgconn.backend_pid, told.extra)

    def _tell(self, own: bool, payload: bytes) -> None:
        if self._heard is not None and not own:
            with suppress(msgspec.MsgspecError):  # a newer release may say more
                self._heard(_decode(payload))

    def _send(self, connection: psycopg.Connection[Row], channel: str) -> None:
        with self._lock:
            lists, self._waiting = list(self._waiting), set()
        for payload in payloads(lists):
            connection.execute("select pg_notify(%s, %s)", (channel, payload))


def payloads(lists: list[ListKey]) -> list[str]:
    """As few notifications as hold them all."""
    if not lists:
        return []
    encoded = _encode(lists)
    if len(encoded) <= MOST_BYTES or len(lists) == 1:
        return [encoded.decode()]
    half = len(lists) // 2
    return payloads(lists[:half]) + payloads(lists[half:])
