"""The service, assembled so that it can be killed at any named point of its work.

Owns the points: before and after each SQL statement, each write and sync of a file, each delivery of answers and each
answer written to a socket. They are attached from outside, by SQLite's tracing, a VFS and subclasses, so that the
service has no code for them and does not get slower. Runs in processes that `prefork.py` forks.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import apsw

from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.http import server
from workflowsvc.http.connection import Connection
from workflowsvc.http.request import HttpRequest
from workflowsvc.service.action import Action
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings
from workflowsvc.store.sqlite.statements import SQL
from workflowsvc.store.sqlite.store import SqliteStore

NAMES = {text: name for name, text in SQL._asdict().items()}
ANY = "*"


class Order(NamedTuple):
    """What a process is to do. Points count from the first call of `action`, or from the start when it is `*`."""

    store: str
    action: str | None = None
    die_at: str | None = None  # "commit before #1"
    record_in: str | None = None  # file with a line for each point
    long_poll_seconds: float = 0.3


class Points:
    """Counts the points that the process passes; kills it at the one that was ordered, or records all."""

    def __init__(self, order: Order) -> None:
        self._action, self._die_at = order.action, order.die_at
        self._record = None if order.record_in is None else open(order.record_in, "ab", buffering=0)  # noqa: SIM115
        self._live = order.action == ANY
        self._passed: Counter[str] = Counter()

    def called(self, action: str) -> None:
        self._live = self._live or action == self._action

    def reach(self, name: str) -> None:
        """The work has come to this point."""
        if not self._live:
            return
        self._passed[name] += 1
        point = f"{name} #{self._passed[name]}"
        if self._record is not None:
            self._record.write(point.encode() + b"\n")
        if point == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, work: Callable[[], Any]) -> Any:
        self.reach(f"{name} before")
        result = work()
        self.reach(f"{name} after")
        return result


class PointedFile(apsw.VFSFile):
    """A file of the database whose writes, syncs and truncations are points."""

    def __init__(self, points: Points, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._points = points
        text = name if isinstance(name, str) else name.filename()
        self._is = "log" if text.endswith("-wal") else "journal" if text.endswith("-journal") else "file"

    def xWrite(self, data: bytes, offset: int) -> None:
        self._points.around(f"{self._is} write", lambda: super(PointedFile, self).xWrite(data, offset))

    def xSync(self, flags: int) -> None:
        self._points.around(f"{self._is} sync", lambda: super(PointedFile, self).xSync(flags))

    def xTruncate(self, size: int) -> None:
        self._points.around(f"{self._is} truncate", lambda: super(PointedFile, self).xTruncate(size))


class PointedFiles(apsw.VFS):
    """The file system, with points."""

    def __init__(self, points: Points) -> None:
        self._points = points
        super().__init__("pointed", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return PointedFile(self._points, name, flags)


class PointedStore(SqliteStore):
    """SQLite with a point around each statement. It checkpoints after each commit, so that checkpoints have points."""

    def __init__(self, path: str, points: Points) -> None:
        super().__init__(path)
        self._writer.wal_autocheckpoint(1)
        _watch(self._writer, points, "")
        assert self._idle is not None
        readers = [self._idle.get() for _ in range(self._idle.qsize())]
        for reader in readers:
            _watch(reader, points, "reading ")
            self._idle.put(reader)


def _watch(connection: apsw.Connection, points: Points, prefix: str) -> None:
    def traced(event: dict[str, Any]) -> None:
        name = NAMES.get(event["sql"], event["sql"])
        if len(name) < 40 and not event.get("trigger", False):
            when = "before" if event["code"] == apsw.SQLITE_TRACE_STMT else "after"
            points.reach(f"{prefix}{name} {when}")

    connection.trace_v2(apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE, traced, id=points)


class PointedApi(Api):
    """The call of an action makes the points live; handing over answers is a point."""

    def __init__(self, engine: Engine, points: Points) -> None:
        super().__init__(engine)
        self._points = points

    def begin(self, action: Action, *rest: Any) -> None:
        self._points.called(action.name)
        self._points.around("call", lambda: super(PointedApi, self).begin(action, *rest))

    def _deliver(self, answers: Any, times: Any) -> None:
        self._points.around("answers", lambda: super(PointedApi, self)._deliver(answers, times))


def serve(order: Order, announce: Callable[[int], None]) -> int:
    """Runs until it is stopped, or dies at the point in `order`; the exit status."""
    points = Points(order)

    class PointedConnection(Connection):
        def write_answer(self, request: HttpRequest, answer: bytes) -> None:
            points.around(
                "answer to the socket", lambda: super(PointedConnection, self).write_answer(request, answer)
            )

    server.Connection = PointedConnection  # type: ignore[misc]
    files = PointedFiles(points)
    settings = Settings(port=0, long_poll_seconds=order.long_poll_seconds, min_retention_seconds=0)
    store = PointedStore(order.store, points)
    try:
        engine = Engine(store, SystemClock(), settings, os.urandom)
        return server.run(
            PointedApi(engine, points),
            settings,
            SystemClock(),
            announce=lambda url: announce(int(url.rpartition(":")[2])),
        )
    finally:
        store.close()
        files.unregister()
