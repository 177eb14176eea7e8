"""The named SQL statements of a database, read from `<dialect>/sql/*.sql`; loading fails when one is missing.

Owns the list of names that every dialect must give a statement for, and the little format of the files: a
line `-- :name open_run` begins a statement, the comment lines below it say which index it relies on, the rest
is SQL. It must not know what any statement means, nor any database.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import NamedTuple


class Statements(NamedTuple):
    """One text per name. The twins of PostgreSQL have the same names."""

    # catalog.sql
    domain: str
    domains_by_id: str
    domains_ascending: str
    domains_descending: str
    count_domains: str
    put_domain: str
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
    due_runs: str
    expired_runs: str
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
    put_task: str
    ready_task: str
    next_tasks: str
    delete_task: str
    delete_tasks_of: str
    put_message: str
    messages: str
    delete_message: str
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
    # visibility.sql
    list_columns: str
    count_column: str
    open_by_start: str
    closed_by_start: str
    closed_by_close: str
    open_of_workflow: str
    closed_of_workflow_by_start: str
    closed_of_workflow_by_close: str
    tagged: str
    oldest_start_first: str
    newest_start_first: str
    oldest_close_first: str
    newest_close_first: str
    oldest_tagged_first: str
    newest_tagged_first: str


def load(dialect: str) -> Statements:
    """The statements of `<dialect>/sql/*.sql`."""
    texts: dict[str, str] = {}
    folder = files(__package__).joinpath(dialect, "sql")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for name, text in parse(file.read_text("utf-8")).items():
                if name in texts:
                    raise ImportError(f"{dialect}/sql: two statements are named {name}")
                texts[name] = text
    wanted = set(Statements._fields)
    if missing := sorted(wanted - texts.keys()):
        raise ImportError(f"{dialect}/sql: no statement is named {', '.join(missing)}")
    if unknown := sorted(texts.keys() - wanted):
        raise ImportError(f"{dialect}/sql: nobody uses {', '.join(unknown)}")
    return Statements(**texts)


def parse(file: str) -> dict[str, str]:
    """Name and text of every statement in a file, comments left out."""
    _, *pieces = re.split(r"^-- :name (\w+)\n", file, flags=re.MULTILINE)
    statements: dict[str, str] = {}
    for name, piece in zip(pieces[::2], pieces[1::2], strict=True):
        text = re.sub(r"^\s*--.*\n?", "", piece, flags=re.MULTILINE).strip()
        if name in statements:
            raise ImportError(f"two statements are named {name}")
        if not text:
            raise ImportError(f"the statement {name} is empty")
        statements[name] = text
    return statements
