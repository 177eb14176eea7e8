"""Questions of audits and copies, which read whole tables.

Owns how they are cut up, by page or by shard, so that no statement takes long. It must not know what is concluded from
the answers.
"""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from workflowsvc.core.key_layout import shard_of
from workflowsvc.store.errors import Damaged
from workflowsvc.store.postgres import expected_schema
from workflowsvc.store.postgres.columns import domain_row, heartbeat_row, text, type_row
from workflowsvc.store.postgres.reads import ALL_SHARDS, PostgresReader
from workflowsvc.store.postgres.statements import SQL, Statement
from workflowsvc.store.postgres.wire import Rows
from workflowsvc.store.rows import (
    BEFORE_ALL_TYPES,
    DomainRow,
    EventRow,
    FeedPlace,
    FeedRow,
    HeartbeatRow,
    MessageRow,
    SchemaErrors,
    TagRow,
    TaskRow,
    TypeRow,
)

SHARDS_BATCH_SIZE = 16  # of one round trip


class PostgresAuditReader(PostgresReader):
    """A reader that also answers audits and copies."""

    def every_meta(self) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in self._queries.rows(SQL.every_meta)]

    def every_domain(self, after: int, limit: int) -> list[DomainRow]:
        return [domain_row(row) for row in self._queries.rows(SQL.every_domain, after, limit)]

    def every_type(self, after: tuple[int, str, str, str] | None, limit: int) -> list[TypeRow]:
        return [
            type_row(row) for row in self._queries.rows(SQL.every_type, *(after or BEFORE_ALL_TYPES), limit)
        ]

    def numbered_events(self, run: int, after: int, limit: int) -> list[EventRow]:
        rows = self._queries.rows(SQL.numbered_events, shard_of(run), run, after, limit)
        return [EventRow._make(row) for row in rows]

    def runs(self, after: int, limit: int) -> list[int]:
        """A few of each shard; of these, the runs up to the last one of any shard that may have more."""
        most = 4 + 2 * limit // len(ALL_SHARDS)
        parts = list(self._queries.rows_each(SQL.runs, ((shard, after, most) for shard in ALL_SHARDS)))
        end = min((part[-1][0] for part in parts if len(part) == most), default=None)
        runs = sorted(run for part in parts for (run,) in part if end is None or run <= end)
        return runs[:limit]

    def tasks_of(self, runs: list[int]) -> list[TaskRow]:
        return [TaskRow._make(row) for row in self._queries.rows_of(SQL.tasks_of, runs)]

    def tags_of(self, runs: list[int]) -> list[TagRow]:
        return [
            TagRow(run, domain, cast("str", text(tag)), name, at)
            for run, domain, tag, name, at in self._queries.rows_of(SQL.tags_of, runs)
        ]

    def heartbeats_of(self, runs: list[int]) -> list[HeartbeatRow]:
        return [
            heartbeat_row(run, row)
            for run, rows in zip(
                sorted(runs), self._queries.rows_of_each(SQL.heartbeats, sorted(runs)), strict=True
            )
            for row in rows
        ]

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        return [MessageRow._make(row) for row in self._queries.rows(SQL.waiting_messages, after, limit)]

    def every_feed(self, after: tuple[int, FeedPlace], limit: int) -> list[FeedRow]:
        domain, position = after
        rows = self._queries.rows(SQL.every_feed, domain, *position, limit)
        return [FeedRow._make(row) for row in rows]

    def orphans(self, limit: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for statement in (SQL.orphan_events, SQL.orphan_tasks, SQL.orphan_heartbeats, SQL.orphan_tags):
            with suppress(Damaged):  # reported as an error of the schema, or with the runs
                found += [(table, run) for table, run in self._by_shard(limit, statement)]
        return found[:limit]

    def integrity_errors(self, limit: int) -> list[str]:
        """An audit asks this first."""
        self._queries.survive_errors()
        found = [error for (error,) in self._queries.rows(SQL.invalid_indexes)]
        try:
            found += [error for (error,) in self._by_shard(limit, SQL.damaged_progress)]
        except Damaged as error:
            found.append(f"what open runs have in progress cannot be read: {error}")
        return found[:limit]

    def schema_errors(self) -> SchemaErrors:
        self._queries.survive_errors()
        ask = self._queries.rows
        in_full = self._queries.knows_transaction_status or self._queries.is_distributed
        texts = [f"{what}: {_shown(cure)}" for what, cure in expected_schema.compare(ask, in_full=in_full)]
        which = expected_schema.unreadable_tables if in_full else expected_schema.missing_tables
        return SchemaErrors(texts, which(ask))

    def _by_shard(self, limit: int, statement: Statement) -> Rows:
        """Shard by shard, so that no statement takes long; many in each round trip."""
        found: Rows = []
        for first in ALL_SHARDS[::SHARDS_BATCH_SIZE]:
            for shard in ALL_SHARDS[first : first + SHARDS_BATCH_SIZE]:
                self._queries.queue(statement, (shard, limit), then=found.extend)
            self._queries.exchange()
            if len(found) >= limit:
                break
        return found[:limit]


def _shown(cure: str) -> str:
    return cure if cure == expected_schema.BACKUP else f"`{cure}`"
