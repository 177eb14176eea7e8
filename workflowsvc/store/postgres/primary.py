"""Connections to the primary: the one server, of those that an address names, that takes writes and leads the others.

Owns how it is found among several hosts, and that an old primary is not taken for it. A promotion begins a new
timeline, so of two servers that take writes the one on the higher timeline counts, and none below the highest that was
seen. A host may answer nothing at all and keep its connections open; so all hosts are asked at once. It must not know
what is sent over a connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from workflowsvc.store.errors import PSYCOPG_IS_MISSING, StoreUnusable, Unavailable
from workflowsvc.store.postgres import server

try:
    import psycopg
    from psycopg import conninfo
except ImportError as error:
    raise StoreUnusable(PSYCOPG_IS_MISSING) from error

Row = tuple[Any, ...]  # what the server sends: the shape is known from the statement alone
Connection = psycopg.Connection[Row]
Given = dict[str, Any]

CONNECT_SECONDS = 5
# For the other hosts, once one has answered. With the silence after which they are asked it stays below 5 s.
OTHERS_SECONDS = 2.0
_TIME_OUTS = {
    # A standby takes no writes. When several hosts are given, the one that does is found by this.
    "target_session_attrs": "read-write",
    "connect_timeout": CONNECT_SECONDS,
    # A machine that is gone ends no connection.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_PER_HOST = ("host", "hostaddr", "port")


class Lineage:
    """The highest timeline that a node has seen. It only grows, so any thread may ask."""

    def __init__(self) -> None:
        self.newest = 0
        self._lock = threading.Lock()

    def see(self, timeline: int) -> None:
        with self._lock:
            self.newest = max(self.newest, timeline)


class Found(NamedTuple):
    """A connection, and what its server is."""

    connection: Connection
    server: server.Server


Prepare = Callable[[Connection, server.Server], None]
"""What is done with a connection before it is used. Part of the search, as a host may stop answering meanwhile."""


def connect(dsn: str, lineage: Lineage | None = None, prepare: Prepare | None = None) -> Found:
    """An ordinary connection, one statement per transaction. Raises Unavailable, also when only a server is found that
    was the primary before."""
    lineage = lineage or Lineage()
    try:
        hosts = hosts_of(dsn)
        if len(hosts) == 1:
            found = _opened(hosts[0], prepare)
        else:
            found = _best_of(_Race(hosts, prepare), lineage.newest, float(hosts[0]["connect_timeout"]))
    except psycopg.Error as error:
        raise Unavailable(one_line(error)) from error
    timeline = found.server.timeline
    if timeline and timeline < lineage.newest:
        name = _name_of(found.connection)
        found.connection.close()
        raise Unavailable(
            f"{name} is no longer the primary: it is on timeline {timeline}, and this node has used timeline "
            f"{lineage.newest}; restart the node if an older state was restored there on purpose"
        )
    lineage.see(timeline)
    return found


class Search:
    """For a server on a newer timeline among the other hosts, while the one of a connection does not answer."""

    def __init__(self, dsn: str, silent: Connection, lineage: Lineage) -> None:
        self._lineage = lineage
        here = silent.info.host, str(silent.info.port)
        try:
            hosts = hosts_of(dsn)
        except psycopg.Error:
            hosts = []
        self._race = _Race(
            [host for host in hosts if (_host_name(host), str(host.get("port", 5432))) != here], None
        )

    def look(self) -> None:
        """Lets the lineage know what has been found; waits for nothing."""
        found = self._race.take()
        for each in found:
            self._lineage.see(each.server.timeline)
        _close(found)

    @property
    def has_ended(self) -> bool:
        """All hosts have answered, or refused to."""
        return not self._race.awaited

    def end(self) -> None:
        self._race.end()


def hosts_of(dsn: str) -> list[Given]:
    """What to connect with, for each host of an address. Raises psycopg.Error."""
    given: Given = conninfo.conninfo_to_dict(dsn)
    for name, setting in _TIME_OUTS.items():
        given.setdefault(name, setting)
    lists = {name: str(given[name]).split(",") for name in _PER_HOST if given.get(name)}
    count = max((len(values) for name, values in lists.items() if name != "port"), default=1)
    if count == 1 or any(len(values) not in (1, count) for values in lists.values()):
        return [given]  # of a wrong address libpq says what is wrong
    if given["target_session_attrs"] not in ("read-write", "primary"):
        return [given]  # a standby will do, and libpq knows which one
    rest = {name: setting for name, setting in given.items() if name not in _PER_HOST}
    each = [{name: values[number % len(values)] for name, values in lists.items()} for number in range(count)]
    return [rest | {name: value for name, value in host.items() if value} for host in each]


def _opened(host: Given, prepare: Prepare | None) -> Found:
    connection = psycopg.connect(conninfo.make_conninfo("", **host), autocommit=True, client_encoding="utf8")
    try:
        found = Found(connection, server.ask(connection))
        if prepare is not None:
            prepare(*found)
        return found
    except BaseException:
        connection.close()
        raise


class _Race:
    """Asks all hosts at once, each in a thread of its own. Connections that come when it is over are closed."""

    def __init__(self, hosts: list[Given], prepare: Prepare | None) -> None:
        self.awaited = len(hosts)
        self.errors: list[Exception] = []
        self._arrived: SimpleQueue[Found | Exception] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_over = False
        for host in hosts:
            threading.Thread(target=self._run, args=(host, prepare), name="connect", daemon=True).start()

    def _run(self, host: Given, prepare: Prepare | None) -> None:
        try:
            result: Found | Exception = _opened(host, prepare)
        except Exception as error:
            result = error
        with self._lock:
            if not self._is_over:
                self._arrived.put(result)
            elif isinstance(result, Found):
                result.connection.close()

    def take(self, timeout: float = 0) -> list[Found]:
        """The connections that have been made; waits `timeout` seconds at most for the first answer."""
        found: list[Found] = []
        while self.awaited:
            try:
                result = self._arrived.get(timeout=timeout) if timeout else self._arrived.get_nowait()
            except Empty:
                break
            timeout = 0
            self.awaited -= 1
            if isinstance(result, Found):
                found.append(result)
            else:
                self.errors.append(result)
        return found

    def end(self) -> None:
        with self._lock:
            self._is_over = True
        _close(self.take())


def _best_of(race: _Race, at_least: int, patience: float) -> Found:
    """The first on such a timeline, or the one on the highest when the others have answered, or have had the time to.
    Raises the errors of all hosts in one."""
    found: list[Found] = []
    while race.awaited and not any(each.server.timeline >= at_least > 0 for each in found):
        awaited = race.awaited
        found += race.take(patience)
        if race.awaited == awaited:
            race.errors.append(psycopg.OperationalError(f"hosts that do not answer: {awaited}"))
            break
        patience = min(patience, OTHERS_SECONDS)
    race.end()
    if not found:
        raise _all_in_one(race.errors)
    best = max(found, key=lambda each: each.server.timeline)
    _close([each for each in found if each is not best])
    return best


def _close(found: list[Found]) -> None:
    for each in found:
        each.connection.close()


def _all_in_one(errors: list[Exception]) -> Exception:
    for error in errors:
        if not isinstance(error, psycopg.Error):
            return error
    return psycopg.OperationalError("; ".join(dict.fromkeys(map(one_line, errors))))


def _host_name(host: Given) -> str | None:
    return host.get("host") or host.get("hostaddr")


def _name_of(connection: Connection) -> str:
    pg = connection.pgconn
    return f"{pg.host.decode()}:{pg.port.decode()}"


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
