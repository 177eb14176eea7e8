"""Hints between nodes: which task lists have got tasks.

Owns the thread and the connection over which they are sent and received. A hint is a NOTIFY outside any transaction
that changes something: inside one it would make all transactions commit one after the other (2,670 -> 153
transactions/s, measured before this code existed). While one is being sent, and for DEBOUNCE_MS after it, further
hints are collected, our own and those received. Any of them may be lost: every node polls the store as well. It must
not know what a hint is for.
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
from workflowsvc.store.postgres.primary import Connection, Lineage, connect
from workflowsvc.store.rows import ListKey

DEBOUNCE_MS = 10  # so a node sends 100 notifications a second at most, each about 0.2 ms of CPU
RETRY_MS = 1000  # pause after a lost connection
MAX_BYTES = 7500  # of a notification; PostgreSQL takes less than 8000
MAX_LISTS = 1000  # collected; further ones are dropped while nothing can be sent

Heard = Callable[[list[ListKey]], None]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ListKey]).decode


class Hints:
    """Starts with the first listener or hint; `close` ends the thread."""

    def __init__(self, dsn: str, lineage: Lineage) -> None:
        self._dsn = dsn
        self._lineage = lineage
        self._heard: Heard | None = None
        self._waiting: set[ListKey] = set()
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._closed = False

    def listen(self, heard: Heard) -> None:
        self._heard = heard
        self._wake()

    def hint(self, lists: list[ListKey]) -> None:
        with self._lock:
            was_waiting = bool(self._waiting)
            if len(self._waiting) < MAX_LISTS:
                self._waiting.update(lists)
        if not was_waiting:
            self._wake()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._thread is not None:
            self._wake()
            self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="hints", daemon=True)
                self._thread.start()
        with suppress(BlockingIOError):  # the thread is awake already
            os.write(self._wake_write, b"\0")

    # --- the thread ---

    def _work(self) -> None:
        while not self._closed:
            try:
                with suppress(Unavailable):
                    connection, server = connect(self._dsn, self._lineage)
                    with connection:
                        self._serve(connection, server.timeline)
            except (errors.FeatureNotSupported, errors.SyntaxError, errors.UndefinedFunction):
                return  # not PostgreSQL itself: nodes find tasks by polling the store
            except psycopg.Error:
                pass
            if not self._closed:
                self._wait([self._wake_read], RETRY_MS)

    def _serve(self, connection: Connection, timeline: int) -> None:
        """Sends and receives until the connection is lost, or its server is no longer the primary."""
        row = connection.execute("select 'workflowsvc_' || md5(current_schema())").fetchone()
        assert row is not None
        channel: str = row[0]
        own_pid = connection.info.backend_pid
        # Notifications that arrive while a statement is carried out.
        connection.add_notify_handler(lambda note: self._receive(note.pid == own_pid, note.payload.encode()))
        connection.execute("set synchronous_commit = off")  # a hint need not survive anything
        connection.execute(f"listen {channel}".encode())
        socket = connection.fileno()
        while not self._closed and timeline >= self._lineage.newest:
            if socket in self._wait([self._wake_read, socket], 0 if self._waiting else None):
                self._receive_all(connection)
            if self._waiting:
                self._send(connection, channel)
                self.rest()

    def rest(self) -> None:
        """The pause between two notifications."""
        self._wait([], DEBOUNCE_MS)

    def _wait(self, files: list[int], timeout_ms: int | None) -> set[int]:
        poll = select.poll()
        for file in files:
            poll.register(file, select.POLLIN)
        ready = {file for file, _ in poll.poll(timeout_ms)}
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        return ready

    def _receive_all(self, connection: Connection) -> None:
        connection.pgconn.consume_input()
        while (note := connection.pgconn.notifies()) is not None:
            self._receive(note.be_pid == connection.pgconn.backend_pid, note.extra)

    def _receive(self, own: bool, payload: bytes) -> None:
        if self._heard is not None and not own:
            with suppress(msgspec.MsgspecError):  # a newer release may send more
                self._heard(_decode(payload))

    def _send(self, connection: Connection, channel: str) -> None:
        with self._lock:
            lists, self._waiting = list(self._waiting), set()
        for payload in payloads(lists):
            connection.execute("select pg_notify(%s, %s)", (channel, payload))


def payloads(lists: list[ListKey]) -> list[str]:
    """As few notifications as can hold them all."""
    if not lists:
        return []
    encoded = _encode(lists)
    if len(encoded) <= MAX_BYTES or len(lists) == 1:
        return [encoded.decode()]
    half = len(lists) // 2
    return payloads(lists[:half]) + payloads(lists[half:])
