"""Transactions that are functions of their number, so that a database tells exactly which of them it holds.

Owns transaction n: it begins the life of run n and leads some runs before it one stage further, to the purge.
Together the stages use every statement that changes anything. A store after n transactions has one possible
content; `Reference` knows it.
"""

from __future__ import annotations

import hashlib
import random
from contextlib import closing
from typing import NamedTuple

import apsw

from tests.store.rows import (
    DOMAIN,
    change_of,
    closing_of,
    domain_row,
    execution_row,
    run_of,
    task_row,
    type_row,
)
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import EventRow, HeartbeatRow, MessageRow, TaskKey
from workflowsvc.store.sqlite.store import SqliteStore

TABLES = (
    *("meta", "domains", "types", "executions", "execution_tags"),
    *("tasks", "heartbeats", "messages", "events"),
)
KEY = "transactions"
FOLLOWING_AFTER = 6  # transactions, until a closed run is purged
EVENTS_PURGED = 1_000


def transact(store: SqliteStore, n: int) -> None:
    """Transaction n, on a store that holds those before it."""
    with store.transaction() as tx:
        _begin(tx, n)
        for age, stage in ((1, _work), (2, _tell), (3, _hear), (4, _close), (4 + FOLLOWING_AFTER, _purge)):
            if n - age > 0:
                stage(tx, n - age)
        _name(tx, n)
        tx.put_meta(KEY, b"%d" % n)


def done(store: SqliteStore) -> int:
    """How many transactions the store holds."""
    with store.transaction() as tx:
        return int(tx.meta(KEY) or b"0")


def _events(n: int, first: int, last: int) -> list[EventRow]:
    """Of very different lengths, so that every way of keeping a row is used."""
    chance = random.Random(n * 1_000 + first)
    return [
        EventRow(run_of(n), event_id, chance.randbytes(chance.choice((20, 300, 300, 2_000, 9_000))))
        for event_id in range(first, last + 1)
    ]


def _begin(tx: Transaction, n: int) -> None:
    tx.insert_executions([execution_row(n, tags=b'["a","b"]', next_event_id=1)])
    tx.append_events(_events(n, 1, 3))
    tx.update_executions([change_of(execution_row(n), next_event_id=4, wake_at=n)])
    tx.put_tasks([task_row(n), task_row(n, scheduled_event_id=3, kind="activity", ready=False)])


def _work(tx: Transaction, n: int) -> None:
    tx.delete_tasks([TaskKey(run_of(n), 2)])
    tx.ready_tasks([TaskKey(run_of(n), 3)])
    tx.append_events(_events(n, 4, 6))
    tx.update_executions([change_of(execution_row(n), next_event_id=7, wake_at=None)])


def _tell(tx: Transaction, n: int) -> None:
    tx.put_heartbeats([HeartbeatRow(run_of(n), 3, n, "x" * (n % 500))])
    tx.put_messages([MessageRow(n, run_of(n), "Signal", DOMAIN, b"m" * (n % 900))])


def _hear(tx: Transaction, n: int) -> None:
    tx.take_tasks(DOMAIN, "activity", "main", 1)
    tx.delete_heartbeats([TaskKey(run_of(n), 3)])
    tx.delete_messages([n])


def _close(tx: Transaction, n: int) -> None:
    tx.append_events(_events(n, 7, 8))
    tx.update_executions([closing_of(execution_row(n), 2_000 + n, next_event_id=9)])


def _purge(tx: Transaction, n: int) -> None:
    if not tx.purge(run_of(n), EVENTS_PURGED):
        tx.purge(run_of(n), EVENTS_PURGED)


def _name(tx: Transaction, n: int) -> None:
    if n == 1:
        tx.put_domain(domain_row())
    tx.put_type(type_row(name=f"type {n % 5}", description="d" * (n % 300)))
    if n % 7 == 0:
        tx.delete_type(DOMAIN, "workflow", f"type {n % 5}", "1.0")
    if n % 11 == 0:
        tx.deprecate_types(DOMAIN, n)


def digest(connection: apsw.Connection) -> str:
    """Stands for all rows of all tables."""
    found = hashlib.sha256()
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"pragma table_info({table})") if row[1] != "place"]
        rows = connection.execute(f"select {', '.join(columns)} from {table}").fetchall()
        for text in sorted(repr(row) for row in rows):
            found.update(text.encode())
    return found.hexdigest()


class Reference:
    """What a store says after n transactions, found out in memory: asked for in order, or of all of them."""

    def __init__(self) -> None:
        self._store = SqliteStore(None)
        self._done = 0
        self._digests = {0: digest(self._store._writer)}

    def digest(self, n: int) -> str:
        while self._done < n:
            self._done += 1
            transact(self._store, self._done)
        if n not in self._digests:
            assert n == self._done, "it is too late to ask for this"
            self._digests[n] = digest(self._store._writer)
        return self._digests[n]

    def learn(self, most: int) -> None:
        """All of them up to this number, so that they may be asked for in any order."""
        for n in range(self._done + 1, most + 1):
            self.digest(n)


class Judgement(NamedTuple):
    """How many transactions a database holds, and what is wrong with it."""

    done: int
    wrong: list[str]


def judge(path: str, reference: Reference, least: int, most: int) -> Judgement:
    """Of a database in which `least` transactions were acknowledged and `most` begun."""
    try:
        with closing(SqliteStore(path)) as store:
            said = [row[0] for row in store._writer.execute("pragma integrity_check")]
            if said != ["ok"]:
                return Judgement(-1, said)
            n = done(store)
            if not least <= n <= most:
                return Judgement(n, [f"{n} are there; {least} were acknowledged, {most} begun"])
            if digest(store._writer) != reference.digest(n):
                return Judgement(n, [f"what is there is not what {n} transactions make"])
            return Judgement(n, [])
    except (apsw.Error, StoreError, StoreUnusable) as error:
        return Judgement(-1, [f"it cannot be used: {error!r}"])
