"""Questions of audits and copies, which read whole tables. It must not know what is concluded from the answers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from workflowsvc.store.errors import Damaged
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
from workflowsvc.store.sqlite import expected_schema
from workflowsvc.store.sqlite.columns import domain_row, task_row, text, type_row
from workflowsvc.store.sqlite.queries import Queries
from workflowsvc.store.sqlite.reads import SqliteReader
from workflowsvc.store.sqlite.statements import SQL


class SqliteAuditReader(SqliteReader):
    """A reader that also answers audits and copies. `missing_log`: what is wrong with a file whose log is not there."""

    def __init__(self, queries: Queries, missing_log: str | None = None) -> None:
        super().__init__(queries)
        self._missing_log = missing_log

    def every_meta(self) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in self._queries.rows(SQL.every_meta)]

    def every_domain(self, after: int, limit: int) -> list[DomainRow]:
        rows = self._queries.rows(SQL.every_domain, (after, limit))
        require_behind(after, [row[0] for row in rows])
        return [domain_row(row) for row in rows]

    def every_type(self, after: tuple[int, str, str, str] | None, limit: int) -> list[TypeRow]:
        after = after or BEFORE_ALL_TYPES
        rows = self._queries.rows(SQL.every_type, (*after, limit))
        require_behind(after, [row[:4] for row in rows])
        return [type_row(row) for row in rows]

    def numbered_events(self, run: int, after: int, limit: int) -> list[EventRow]:
        rows = [EventRow._make(row) for row in self._queries.rows(SQL.numbered_events, (run, after, limit))]
        require_behind(after, [row.event_id for row in rows])
        return rows

    def runs(self, after: int, limit: int) -> list[int]:
        runs = [run for (run,) in self._queries.rows(SQL.runs, (after, limit))]
        require_behind(after, runs)
        return runs

    def tasks_of(self, runs: list[int]) -> list[TaskRow]:
        return [task_row(row) for row in self._queries.rows_of(SQL.tasks_of, runs)]

    def tags_of(self, runs: list[int]) -> list[TagRow]:
        return [
            TagRow(run, domain, cast("str", text(tag)), name, at)
            for run, domain, tag, name, at in self._queries.rows_of(SQL.tags_of, runs)
        ]

    def heartbeats_of(self, runs: list[int]) -> list[HeartbeatRow]:
        return [
            HeartbeatRow(run, scheduled_event_id, at, text(details))
            for run, scheduled_event_id, at, details in self._queries.rows_of(SQL.heartbeats_of, runs)
        ]

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        return waiting_messages(self._queries, after, limit)

    def every_feed(self, after: tuple[int, FeedPlace], limit: int) -> list[FeedRow]:
        domain, position = after
        found = self._queries.rows(SQL.every_feed, (domain, *position, limit))
        rows = [FeedRow._make(row) for row in found]
        require_behind(after, [(row.domain, row.position) for row in rows])
        return rows

    def orphans(self, limit: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for sql in (SQL.orphan_events, SQL.orphan_tasks, SQL.orphan_heartbeats, SQL.orphan_tags):
            with suppress(Damaged):  # reported as an error of the schema or the files
                found += [(table, run) for table, run in self._queries.rows(sql, (limit,))]
        return found[:limit]

    def integrity_errors(self, limit: int) -> list[str]:
        found = [] if self._missing_log is None else [f"it {self._missing_log}"]
        try:
            found += [error for (error,) in self._queries.rows(SQL.integrity_errors, (limit,))]
        except Damaged as error:
            found.append(f"the database's own check ended with {error}")
        return found[:limit]

    def schema_errors(self) -> SchemaErrors:
        return expected_schema.compare(self._queries)


def waiting_messages(queries: Queries, after: int, limit: int) -> list[MessageRow]:
    """Messages by id, beginning behind `after`."""
    rows = [MessageRow(*row) for row in queries.rows(SQL.waiting_messages, (after, limit))]
    require_behind(after, [row.id for row in rows])
    return rows


def require_behind(after: object, keys: list[Any]) -> None:
    """Damaged when the last row of a page is not behind the row that the page begins behind. In a damaged table the
    same rows would come again and again. Keys of other types than they must have are for others to report."""
    try:
        is_behind = not keys or keys[-1] > after
    except TypeError:
        return
    if not is_behind:
        raise Damaged(f"the row {keys[-1]} is stored behind {after}, out of its order")
