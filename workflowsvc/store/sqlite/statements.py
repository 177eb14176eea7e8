"""The statements of SQLite, by name.

Owns the list of the names in `sql/*.sql`: a statement that is missing or is not listed fails when this is imported. It
must not know what any statement means.
"""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.store.sql import read, require_names
from workflowsvc.store.visibility import ListingPieces


class SqliteStatements(NamedTuple):
    """The text of each statement; visibility.sql, which holds pieces of statements, is in LISTING."""

    # catalog.sql
    domain: str
    domains_by_id: str
    domains_ascending: str
    domains_descending: str
    count_domains: str
    clocked_domains: str
    put_clock: str
    put_domain: str
    delete_domain: str
    type: str
    types_ascending: str
    types_descending: str
    types_named_ascending: str
    types_named_descending: str
    count_types: str
    put_type: str
    deprecate_types: str
    delete_type: str
    meta: str
    metas: str
    put_meta: str
    delete_meta: str
    # executions.sql
    executions: str
    open_run: str
    count_open: str
    insert_execution: str
    update_open_execution: str
    close_execution: str
    tagged_executions: str
    put_execution_tag: str
    delete_execution_tag: str
    next_wake_at: str
    next_purge_at: str
    next_wake_from: str
    next_purge_from: str
    expired_behind: str
    due_runs: str
    expired_runs: str
    due_between: str
    expired_between: str
    delete_execution: str
    # history.sql
    append_event: str
    events_ascending: str
    events_descending: str
    delete_newest_events: str
    has_events: str
    heartbeats: str
    put_heartbeat: str
    delete_heartbeat: str
    delete_heartbeats_of: str
    # tasks.sql
    count_tasks: str
    task_lists: str
    backlog: str
    first_task_behind: str
    tasks_ahead: str
    put_task: str
    ready_task: str
    next_tasks: str
    delete_task: str
    delete_tasks_of: str
    put_message: str
    messages: str
    has_messages: str
    delete_message: str
    # feed.sql
    put_feed: str
    feed_behind: str
    feed_end: str
    oldest_of_feed: str
    delete_feed: str
    every_feed: str
    # audit.sql
    every_meta: str
    every_domain: str
    every_type: str
    numbered_events: str
    runs: str
    tasks_of: str
    tags_of: str
    heartbeats_of: str
    waiting_messages: str
    orphan_events: str
    orphan_tasks: str
    orphan_heartbeats: str
    orphan_tags: str
    integrity_errors: str
    replace_execution: str
    delete_tags_of: str


_texts = read("sqlite")
require_names("sqlite", _texts, (*SqliteStatements._fields, *ListingPieces._fields))

SQL = SqliteStatements(**{name: _texts[name] for name in SqliteStatements._fields})
LISTING = ListingPieces(**{name: _texts[name] for name in ListingPieces._fields})
