"""One connection to PostgreSQL, used in pipeline mode: what was queued is sent and answered in one round trip.

Owns sending, waiting, and what a lost connection looks like. It uses libpq through `psycopg.pq`, below psycopg's
cursors, because these cost five times as much (docs/decisions/0008-postgresql.md). It waits in `poll`, without Python's
lock, for PATIENCE_MS at most. It must not know what a statement means, nor when a transaction begins.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from workflowsvc.store.errors import Damaged, StatementRefused, StoreError, StoreUnusable

# This says what to do when psycopg is missing, so it comes before psycopg.
from workflowsvc.store.postgres.primary import Lineage, Row, Search, connect, one_line  # isort: split

import psycopg
from psycopg import conninfo, pq

from workflowsvc.store.postgres.errors import ConnectionLost, store_error
from workflowsvc.store.postgres.server import Server
from workflowsvc.store.postgres.statements import Statement
from workflowsvc.store.postgres.values import DECODERS

Rows = list[Row]

SILENCE_MS = 1_000  # after which the other hosts of the address are asked: one of them may be the primary now
SEARCH_MS = 2_000  # after which they are asked again, although one of them has not answered either
PATIENCE_MS = 20_000  # waiting for the next byte of an answer: longer than any time-out of the server

# Every statement is written for one index, and uses it whatever the statistics say (tests/postgres/test_plans.py).
PLANNER = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
# Citus has no generic plan for a statement that is not for one shard, and fails when one is forced.
SPREAD_PLANNER = {"plan_cache_mode": "auto"}
# A node that was stopped or cut off must not keep its locks, which other nodes would find locked for ever.
_TIME_OUTS = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "5s",
    "statement_timeout": "15s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "2s",
}
# The schema in the options of an address.
_SEARCH_PATH = re.compile(r"(?:-c\s*|--)search[_-]path=((?:\\.|[^\s\\])+)")
# Of a session; those that the server does not know are left out.
_SETTINGS = {"application_name": "workflowsvc", **PLANNER, **_TIME_OUTS}
_SETTLE = (
    "select set_config(wanted.name, wanted.setting, false) from unnest(%s::text[], %s::text[])"
    " as wanted (name, setting) where wanted.name in (select name from pg_settings)"
)


class _Entry(NamedTuple):
    """Something sent that has one result; `prepares` names the statement that it prepares."""

    then: Callable[[Rows], None] | None
    prepares: bytes | None = None


class Wire:
    """Not for two threads at once."""

    warnings: list[str]
    """Those of the last exchange. One that comes with a commit may say that not all was done that it stands for."""

    failed_with: str
    """The SQLSTATE of the error that the last exchange has raised; empty when it came from no statement."""

    def __init__(self, dsn: str, patience_ms: int | None = None, lineage: Lineage | None = None) -> None:
        """`patience_ms` in place of PATIENCE_MS. `lineage`: what is known of the primary before; it learns from this.
        Raises Unavailable when no connection can be made."""
        self._dsn = dsn
        self._lineage = lineage or Lineage()
        self._connection, self.server = connect(dsn, self._lineage, _settle)
        self._patience_ms = patience_ms
        self.warnings = _warnings_of(self._connection)
        self.failed_with = ""
        self._last_command: pq.abc.PGresult | None = None
        self._pg = self._connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._poll = select.poll()
        self._socket = self._pg.socket
        self._poll.register(self._socket, select.POLLIN)
        self._prepared: set[bytes] = set()
        self._round_trips = 0
        self._queue: list[tuple[Statement, Sequence[bytes | None], Callable[[Rows], None] | None] | None] = []

    @property
    def pid(self) -> int:
        """The process id of the session in the server."""
        return self._pg.backend_pid

    def queue(
        self, statement: Statement, values: Sequence[object] = (), then: Callable[[Rows], None] | None = None
    ) -> None:
        """Sent with the next exchange; `then` gets the rows. Raises ContainsNul when it can find nothing."""
        encoders = statement.encoders
        encoded = [
            None if value is None else encode(value) for encode, value in zip(encoders, values, strict=True)
        ]
        self._queue.append((statement, encoded, then))

    @property
    def has_queued(self) -> bool:
        """Something waits for the next exchange."""
        return bool(self._queue)

    @property
    def progress(self) -> tuple[int, int]:
        """Round trips made, and statements queued."""
        return self._round_trips, len(self._queue)

    def queue_boundary(self) -> None:
        """What is queued behind the boundary is carried out even if something before it fails."""
        self._queue.append(None)

    def drop_queue(self) -> None:
        self._queue.clear()

    def exchange(self) -> None:
        """Sends what is queued and waits for all answers; raises the first error, or ConnectionLost."""
        queue, self._queue = self._queue, []
        self.warnings.clear()
        self.failed_with = ""
        self._last_command = None
        self._round_trips += 1
        try:
            sent = self._send(queue)
            while self._pg.flush():
                self._wait(select.POLLIN | select.POLLOUT)
                self._pg.consume_input()
            self._receive(sent)
        except psycopg.Error as error:
            raise self._lost(one_line(error)) from error
        except (StoreError, StatementRefused):
            raise  # every answer was read, and one of them was this error
        except BaseException:
            # Answers may be left over, and the next exchange would take them for its own.
            self.close()
            raise

    @property
    def command_tag(self) -> str:
        """What the server says that it did with the last statement of the last exchange that returns no rows. A
        COMMIT may be answered ROLLBACK."""
        tag = None if self._last_command is None else self._last_command.command_status
        return "" if tag is None else tag.decode()

    def ask(self, statement: Statement, values: Sequence[object] = ()) -> Rows:
        """Queues one more statement and exchanges; its rows."""
        answer: list[Rows] = []
        self.queue(statement, values, answer.append)
        self.exchange()
        return answer[0]

    def _send(self, queue: list[Any]) -> list[_Entry | None]:
        sent: list[_Entry | None] = []
        for item in queue:
            if item is None:
                self._pg.pipeline_sync()
                sent.append(None)
                continue
            statement, values, then = item
            if statement.name not in self._prepared:
                self._pg.send_prepare(statement.name, statement.text)
                self._prepared.add(statement.name)
                sent.append(_Entry(None, prepares=statement.name))
            self._pg.send_query_prepared(statement.name, values, [1] * len(values), 1)
            sent.append(_Entry(then))
        self._pg.pipeline_sync()
        sent.append(None)
        return sent

    def _receive(self, sent: list[_Entry | None]) -> None:
        failure: Exception | None = None
        for entry in sent:
            result = self._next_result()
            status = result.status
            if entry is None:
                failure = failure or self._failure_before_sync(result)
            elif status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
                if status == pq.ExecStatus.COMMAND_OK:
                    self._last_command = result
                if entry.then is not None:
                    try:
                        rows = rows_of(result)
                    except Damaged as error:  # the answers behind this one are read first
                        failure = failure or error
                    else:
                        entry.then(rows)
            else:
                if entry.prepares is not None:
                    self._prepared.discard(entry.prepares)
                if failure is None and status == pq.ExecStatus.FATAL_ERROR:
                    failure = self._failure(result)
                    if isinstance(failure, ConnectionLost):
                        break  # no further results follow
        if failure is not None:
            raise failure

    def _failure_before_sync(self, result: pq.abc.PGresult) -> Exception | None:
        """An error of no statement: the server ends the session, as it stops, when all were answered."""
        failure: Exception | None = None
        while result.status == pq.ExecStatus.FATAL_ERROR:
            failure = self._failure(result)
            if isinstance(failure, ConnectionLost):
                raise failure
            result = self._next_result()
        assert result.status == pq.ExecStatus.PIPELINE_SYNC, result.status
        return failure

    def _next_result(self) -> pq.abc.PGresult:
        """Answers are parted by None."""
        pg = self._pg
        while True:
            while pg.is_busy():
                self._wait(select.POLLIN)
                pg.consume_input()
            result = pg.get_result()
            if result is not None:
                return result
            if pg.status != pq.ConnStatus.OK:
                raise self._lost(pg.get_error_message())

    def _failure(self, result: pq.abc.PGresult) -> Exception:
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        primary = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
        severity = result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED)
        self.failed_with = state
        message = primary.decode("utf-8", "replace") or result.get_error_message().strip()
        if not state or severity in (b"FATAL", b"PANIC"):
            return self._lost(f"{message} ({state})" if state else message)
        return store_error(state, message)

    def _wait(self, events: int) -> None:
        self._poll.modify(self._socket, events)
        patience_ms = PATIENCE_MS if self._patience_ms is None else self._patience_ms
        search: Search | None = None
        try:
            for waited_ms in range(0, patience_ms, SILENCE_MS):
                if self._poll.poll(min(SILENCE_MS, patience_ms - waited_ms)):
                    return
                if search is not None:
                    search.look()
                if self.server.timeline < self._lineage.newest:
                    raise self._lost("the server does not answer, and another one has become the primary")
                if search is None or search.has_ended or waited_ms % SEARCH_MS == 0:
                    if search is not None:
                        search.end()
                    search = Search(self._dsn, self._connection, self._lineage)
        finally:
            if search is not None:
                search.end()
        raise self._lost(f"the server has not answered for {patience_ms / 1000:g} seconds")

    def _lost(self, message: str) -> ConnectionLost:
        self.close()
        return ConnectionLost(" ".join(message.split()) or "the connection was lost")

    def is_alive(self) -> bool:
        """False when the server is known to have closed the connection, or not to be the primary any longer; looks
        without waiting."""
        if self._connection.closed:
            return False
        if self.server.timeline < self._lineage.newest:
            self.close()
            return False
        self._poll.modify(self._socket, select.POLLIN)
        try:
            # The server's last message, then the end of the stream, which is an error to read.
            while self._poll.poll(0):
                self._pg.consume_input()
                self._pg.is_busy()  # parses what was read
        except psycopg.Error:
            self.close()
        return not self._connection.closed

    def close(self) -> None:
        self._connection.close()


def _settle(connection: psycopg.Connection[Row], server: Server) -> None:
    """Gives the session its settings."""
    settings = {**_SETTINGS, **(SPREAD_PLANNER if server.is_distributed else {})}
    connection.execute(_SETTLE, [list(settings), list(settings.values())])


def _warnings_of(connection: psycopg.Connection[Row]) -> list[str]:
    """The list to which the warnings of this connection are added as they arrive."""
    warnings: list[str] = []

    def keep(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(" ".join(f"{notice.message_primary} {notice.message_detail or ''}".split()))

    connection.add_notice_handler(keep)
    return warnings


def rows_of(result: pq.abc.PGresult) -> Rows:
    """Raises Damaged when a column has a type that no migration has given it."""
    try:
        decoders = [DECODERS[result.ftype(column)] for column in range(result.nfields)]
    except KeyError:
        raise Damaged(_of_unknown_type(result)) from None
    value_at = result.get_value
    return [
        tuple(
            [
                None if (value := value_at(row, column)) is None else decode(value)
                for column, decode in enumerate(decoders)
            ]
        )
        for row in range(result.ntuples)
    ]


def _of_unknown_type(result: pq.abc.PGresult) -> str:
    names = [
        (result.fname(column) or b"?").decode()
        for column in range(result.nfields)
        if result.ftype(column) not in DECODERS
    ]
    return f"the type of {' and '.join(names)} is not one that this release reads: it was altered"


def shown_address(dsn: str) -> str:
    """The same address as it may be shown, in the form that `--store` takes: without passwords, with the schema."""
    try:
        given = conninfo.conninfo_to_dict(dsn)
    except psycopg.Error as error:
        raise StoreUnusable(
            f"this is not the address of a PostgreSQL database: {one_line(error)}."
        ) from error
    user = f"{given['user']}@" if "user" in given else ""
    host = str(given.get("host") or given.get("hostaddr") or "")
    port = str(given.get("port", ""))
    if not all(number.isdecimal() for number in port.split(",") if number):
        # It may be the end of a password that contains @, so it is not shown.
        raise StoreUnusable("this is not the address of a PostgreSQL database: its port is not a number.")
    database = given.get("dbname", "")
    # Two schemas of a database are two stores, so an address without it would be that of another one.
    path = "".join(_SEARCH_PATH.findall(str(given.get("options", "")))[-1:])
    schema = [f"options=-csearch_path%3D{quote(path, safe=',')}"] if path else []
    if host.startswith("/"):
        place = [f"host={host}"] + ([f"port={port}"] if port else [])
        return f"postgresql://{user}/{database}?{'&'.join(place + schema)}"
    hosts = [f"{name}:{number}" if number else name for name, number in _pairs(host, port)]
    return f"postgresql://{user}{','.join(hosts)}/{database}" + "".join(f"?{option}" for option in schema)


def _pairs(hosts: str, ports: str) -> list[tuple[str, str]]:
    """Several hosts may each have a port, or share one."""
    names, numbers = hosts.split(","), ports.split(",")
    return [(name, numbers[min(place, len(numbers) - 1)]) for place, name in enumerate(names)]
