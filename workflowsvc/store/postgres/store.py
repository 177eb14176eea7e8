"""The PostgreSQL store: one database, any number of nodes.

Owns who may use which connection when, where a transaction begins and ends, and that lost connections are opened anew.
What a transaction consists of is in transaction.py, how statements are sent in wire.py, which database may be used in
schema.py. It must not know SWF.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from workflowsvc.store.errors import Conflict, OutcomeUnknown, Unavailable
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.postgres.audit_reads import PostgresAuditReader
from workflowsvc.store.postgres.errors import ConnectionLost
from workflowsvc.store.postgres.hints import Hints
from workflowsvc.store.postgres.low_watermarks import LowWatermark, LowWatermarks, TaskLowWatermarks
from workflowsvc.store.postgres.outcome import Outcome, outcome, waits_for_replication
from workflowsvc.store.postgres.primary import Lineage
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.reader_pool import ReaderPool
from workflowsvc.store.postgres.reads import DomainNames
from workflowsvc.store.postgres.schema import check
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.transaction import PostgresRepairTransaction
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.postgres.wire import Wire, shown_address
from workflowsvc.store.rows import DiskSpace, ListKey, Measurement

MAX_READERS = 6  # one for each thread of a node that reads; each counts towards the server's max_connections


class PostgresStore:
    """One node's view of the database named by `dsn`, which other nodes write to as well."""

    def __init__(self, dsn: str) -> None:
        """Raises StoreUnusable with what to do about it."""
        self._dsn = dsn
        self._where = shown_address(dsn)
        check(dsn, self._where)
        self._names: DomainNames = {}
        self._low_watermarks = LowWatermarks(
            TaskLowWatermarks(), LowWatermark(), LowWatermark(), LowWatermark()
        )
        self._lineage = Lineage()
        self._hints = Hints(dsn, self._lineage)
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._closed = False
        self._writer: Wire | None = None
        self._timeline = ""
        self._undecided: tuple[str, str] | None = (
            None  # the last commit of unknown outcome: its id and timeline
        )
        self._readers = ReaderPool(dsn, MAX_READERS, self._lineage)

    # --- transactions ---

    @contextmanager
    def transaction(self) -> Generator[PostgresRepairTransaction]:
        with self._exclusive_section():
            wire = self._connected_writer()
            transaction = PostgresRepairTransaction(wire, self._names, self._low_watermarks)
            try:
                yield transaction
                self._commit(wire, transaction)
            except BaseException:
                self._low_watermarks.rolled_back()
                self._roll_back(wire)
                raise
            finally:
                transaction.end()
            self._low_watermarks.committed()

    def _connected_writer(self) -> Wire:
        if self._closed:
            raise Unavailable("the store is closed")
        if self._writer is None or not self._writer.is_alive():
            self._writer = None
            wire = Wire(self._dsn, lineage=self._lineage)
            if wire.server.knows_transaction_status:
                self._timeline = wire.ask(SQL.timeline)[0][0]
            self._writer = wire
        if self._undecided is not None:
            self._require_end_of(self._writer, *self._undecided)
            self._undecided = None
        return self._writer

    def _require_end_of(self, wire: Wire, transaction_id: str, timeline: str) -> None:
        """Raises Unavailable while that commit waits for replication. A further one would wait as well, and each of
        them would keep a session of the server."""
        if waits_for_replication(wire, transaction_id, timeline):
            raise Unavailable("an earlier commit of this node still waits for synchronous replication")

    def _commit(self, wire: Wire, transaction: PostgresRepairTransaction) -> None:
        """What is queued is sent together with the commit. The id of the transaction, if it was not asked for
        earlier, is answered before the commit is carried out, so that it is most likely known when the connection is
        lost then.
        """
        info = transaction.info
        if not info.wrote:
            self._end(wire, info)
            return
        if wire.server.knows_transaction_status and info.id is None:
            info.queue_id()
            wire.queue_boundary()
        wire.queue(SQL.commit)
        try:
            wire.exchange()
        except ConnectionLost as error:
            self._settle(info.id, error)
            return
        if wire.command_tag != "COMMIT":
            raise Conflict(f"the commit was answered with {wire.command_tag or 'nothing'}")
        if wire.warnings:  # the server may have given up waiting for a standby
            self._settle(info.id, Unavailable(" ".join(wire.warnings)))

    def _end(self, wire: Wire, info: TransactionInfo) -> None:
        """Ends a transaction that has written nothing."""
        if info.has_begun:
            wire.queue(SQL.rollback)
            wire.exchange()
        else:
            wire.drop_queue()

    def _settle(self, transaction_id: str | None, error: Unavailable) -> None:
        """Returns when the transaction was committed after all, as safely as any other."""
        found: Outcome = "unknown"
        if transaction_id is not None:
            found = outcome(self._dsn, transaction_id, self._timeline, self._lineage)
        if found == "aborted":
            raise error
        if found == "unknown":
            if transaction_id is not None:
                self._undecided = (transaction_id, self._timeline)
            raise OutcomeUnknown(f"it is not known whether it was committed: {error}") from error

    def _roll_back(self, wire: Wire) -> None:
        """Raises nothing: a connection on which this fails is not used again."""
        wire.drop_queue()
        try:
            wire.queue(SQL.rollback)
            wire.exchange()
        except Exception:
            wire.close()

    # --- readers ---

    @contextmanager
    def reader(self) -> Generator[AuditReader]:
        if self._closed:
            raise Unavailable("the store is closed")
        wire = self._readers.take()
        try:
            wire.queue(SQL.begin_reading)
            reader = PostgresAuditReader(Queries(wire), self._names)
            try:
                yield reader
            finally:
                reader.end()
        finally:
            self._roll_back(wire)  # a snapshot held open keeps dead rows from being removed
            self._readers.give_back(wire)

    # --- how it fares ---

    def measure(self) -> list[Measurement]:
        if self._closed:
            raise Unavailable("the store is closed")
        wire = self._readers.take()
        try:
            wire.queue(SQL.begin_reading)
            rows = wire.ask(SQL.measurements)
        finally:
            self._roll_back(wire)
            self._readers.give_back(wire)
        return [Measurement(name, value, label) for name, label, value in rows]

    def disk(self) -> DiskSpace | None:
        """None: the disk is the database server's."""
        return None

    # --- hints ---

    def hint(self, lists: list[ListKey]) -> None:
        self._hints.hint(lists)

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        self._hints.listen(heard)

    # --- all of it ---

    @contextmanager
    def _exclusive_section(self) -> Generator[None]:
        me = threading.get_ident()
        assert self._owner != me, "this thread is inside a transaction of this store already"
        with self._lock:
            self._owner = me
            try:
                yield
            finally:
                self._owner = None

    def describe(self) -> str:
        return self._where

    def close(self) -> None:
        """Waits for the running transaction and, a while, for readers."""
        with self._exclusive_section():
            if self._closed:
                return
            self._closed = True
            self._hints.close()
            if self._writer is not None:
                self._writer.close()
            self._readers.close()
