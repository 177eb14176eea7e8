"""How one transaction gets due executions and messages to itself, when other nodes want them as well.

Owns the walk along these queues: a window of candidates is read without locks, then each is claimed by a statement of
its own that names its shard and passes over what another node holds. Where all shards are on one server, one
statement does both: it passes over by itself what is held, and locks until there are enough. Tasks are claimed in
task_claims.py. It must not know what is done with what was claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from workflowsvc.core.key_layout import shard_of
from workflowsvc.store.postgres.locks import Locks
from workflowsvc.store.postgres.low_watermarks import LowWatermark, LowWatermarks
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.statements import SQL, Statement
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.rows import MessageRow

BEFORE_ALL = -1
SPARE = 2  # candidates beyond those wanted, because other nodes may hold the first ones

Candidate = TypeVar("Candidate", bound=tuple[Any, ...])

_RunAt = tuple[int, int]


class Claimed(NamedTuple, Generic[Candidate]):
    got: list[Candidate]
    # Candidates before the last one got, or before the end, that were not got.
    missed: list[Candidate]
    exhausted: bool  # there are no others


def claim_first(
    limit: int,
    find: Callable[[Candidate | None, int], list[Candidate]],
    claim: Callable[[list[Candidate]], list[bool]],
) -> Claimed[Candidate]:
    """Up to `limit` candidates, in their order. `find(last, count)` gives up to `count` of them behind `last`; `claim`
    tries all that it is given, and says of each whether it was got.
    """
    got: list[Candidate] = []
    missed: list[Candidate] = []
    last: Candidate | None = None
    while True:
        count = limit - len(got) + SPARE
        window = find(last, count)
        tried = 0
        while tried < len(window) and len(got) < limit:
            several = window[tried : tried + limit - len(got)]
            for candidate, is_ours in zip(several, claim(several), strict=True):
                (got if is_ours else missed).append(candidate)
            tried += len(several)
        if len(got) >= limit or len(window) < count:
            return Claimed(got, missed, len(got) < limit)
        last = window[-1]


class RunClaims:
    """Executions with something due."""

    def __init__(
        self, queries: Queries, info: TransactionInfo, locks: Locks, low_watermarks: LowWatermarks
    ) -> None:
        self._queries = queries
        self._info = info
        self._locks = locks
        self._wakes = low_watermarks.wakes
        self._purges = low_watermarks.purges

    def due_runs(self, now: int, limit: int) -> list[int]:
        return self._claim(SQL.due_runs, SQL.lock_due_runs, self._wakes, now, limit)

    def expired_runs(self, now: int, limit: int) -> list[int]:
        return self._claim(SQL.expired_runs, SQL.lock_expired_runs, self._purges, now, limit)

    def due_between(self, first: int, last: int, limit: int) -> list[int]:
        return self._claim_between(SQL.due_runs, SQL.lock_due_runs, first, last, limit)

    def expired_between(self, first: int, last: int, limit: int) -> list[int]:
        return self._claim_between(SQL.expired_runs, SQL.lock_expired_runs, first, last, limit)

    def next_wake_at(self) -> int | None:
        return self._queries.rows(SQL.next_wake_at, self._wakes.first(self._info.began_at()))[0][0]

    def next_purge_at(self) -> int | None:
        return self._queries.rows(SQL.next_purge_at, self._purges.first(self._info.began_at()))[0][0]

    def _claim(
        self, statement: Statement, on_one_server: Statement, watermark: LowWatermark, now: int, limit: int
    ) -> list[int]:
        first = watermark.first(self._info.began_at())
        claimed = self._claim_first(statement, on_one_server, first, now, limit)
        beyond = now + 1 if claimed.exhausted else claimed.got[-1][1]
        watermark.found([*claimed.got, *claimed.missed], beyond)
        return [run for run, _ in claimed.got]

    def _claim_between(
        self, statement: Statement, on_one_server: Statement, first: int, last: int, limit: int
    ) -> list[int]:
        """Without a low watermark: few rows are due by the clock of a domain."""
        self._info.began_at()
        return [run for run, _ in self._claim_first(statement, on_one_server, first, last, limit).got]

    def _claim_first(
        self, statement: Statement, on_one_server: Statement, first: int, now: int, limit: int
    ) -> Claimed[_RunAt]:

        def find(last: _RunAt | None, count: int) -> list[_RunAt]:
            after_run, after_at = (BEFORE_ALL, BEFORE_ALL) if last is None else last
            return [
                (run, at) for run, at in self._queries.rows(statement, first, now, after_at, after_run, count)
            ]

        def claim(several: list[_RunAt]) -> list[bool]:
            self._locks.try_lock([run for run, _ in several if run not in self._locks])
            return [run in self._locks for run, _ in several]

        if self._queries.is_distributed:
            return claim_first(limit, find, claim)
        rows: list[_RunAt] = [(run, at) for run, at in self._queries.rows(on_one_server, first, now, limit)]
        self._locks.read([run for run, _ in rows])
        return Claimed(rows, [], len(rows) < limit)


class MessageClaims:
    """Messages in order of their ids, and which of them this transaction holds."""

    def __init__(self, queries: Queries, info: TransactionInfo, watermark: LowWatermark) -> None:
        self._queries = queries
        self._info = info
        self._watermark = watermark
        self._shards: dict[int, int] = {}  # by id, of those that are held, so certain to be there

    def messages(self, limit: int) -> list[MessageRow]:
        first = self._watermark.first(self._info.began_at())

        def find(last: MessageRow | None, count: int) -> list[MessageRow]:
            rows = self._queries.rows(SQL.messages, first if last is None else last.id + 1, count)
            return [MessageRow._make(row) for row in rows]

        if self._queries.is_distributed:
            claimed = claim_first(limit, find, self._claim)
        else:
            locked = self._queries.rows(SQL.lock_messages, first, limit)
            claimed = Claimed([MessageRow._make(row) for row in locked], [], len(locked) < limit)
        rows = claimed.got
        found = ((row.id, row.id) for row in (*rows, *claimed.missed))
        self._watermark.found(found, rows[-1].id + 1 if rows else None)
        self._shards.update((row.id, shard_of(row.run)) for row in rows)
        return rows

    def release(self, id: int) -> int | None:
        """The shard of a message that this transaction holds and now deletes; None for any other."""
        return self._shards.pop(id, None)

    def _claim(self, several: list[MessageRow]) -> list[bool]:
        unknown = [row for row in several if row.id not in self._shards]
        keys = ((shard_of(row.run), row.id) for row in unknown)
        answers = self._queries.rows_each(SQL.claim_message, keys)
        ours = {row.id for row, rows in zip(unknown, answers, strict=True) if rows}
        return [row.id in ours or row.id in self._shards for row in several]
