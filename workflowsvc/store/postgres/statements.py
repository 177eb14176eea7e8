"""The statements of PostgreSQL, ready to be sent: parameters numbered, and how each is encoded.

Owns the list of the names in `sql/*.sql`, and what the format of these files has beyond store/sql.py: a parameter is
`:name::type` where it first stands and `:name` after that, and the type says how it is encoded. The files in
`sql/generated/` hold other forms of some statements (generate.py). A statement that is missing, is not listed, or has a
parameter of an unknown type fails when this is imported. It must not know what any statement means.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from workflowsvc.store.postgres.values import ENCODERS, Encoder
from workflowsvc.store.sql import read, read_file, require_names
from workflowsvc.store.visibility import ListingPieces

_PARAMETER = re.compile(r"(?<!:):([a-z_]+)(?:::([a-z]+(?:\[\])?))?")


class Statement(NamedTuple):
    """`name` is what it is prepared as; `parameters` are in the order of their numbers."""

    name: bytes
    text: bytes
    parameters: tuple[str, ...]
    encoders: tuple[Encoder, ...]


class PostgresStatements(NamedTuple):
    """What the store sends; visibility.sql, which holds pieces of statements, is in LISTING."""

    # transactions.sql
    begin_writing: Statement
    begin_reading: Statement
    commit: Statement
    rollback: Statement
    savepoint: Statement
    rollback_to_savepoint: Statement
    moment: Statement
    moment_beside_peers: Statement
    exclusion_claim: Statement
    exclusion_begin: Statement
    transaction_id: Statement
    timeline: Statement
    transaction_status: Statement
    end_transaction: Statement
    waits_for_replication: Statement
    pause: Statement
    write_to_log: Statement
    # measurements.sql
    measurements: Statement
    # catalog.sql
    domain: Statement
    domains_by_id: Statement
    domains_ascending: Statement
    domains_descending: Statement
    count_domains: Statement
    clocked_domains: Statement
    share_domain: Statement
    lock_domain: Statement
    change_clock: Statement
    put_domain: Statement
    delete_domain: Statement
    type: Statement
    types_ascending: Statement
    types_descending: Statement
    types_named_ascending: Statement
    types_named_descending: Statement
    count_types: Statement
    put_type: Statement
    deprecate_types: Statement
    delete_type: Statement
    meta: Statement
    metas: Statement
    put_meta: Statement
    delete_meta: Statement
    # executions.sql
    execution: Statement
    locked_execution: Statement
    open_run: Statement
    count_open: Statement
    insert_executions: Statement
    put_progress: Statement
    delete_progress: Statement
    close_execution: Statement
    list_tags_by_close: Statement
    list_tags_as_closed: Statement
    put_execution_tags: Statement
    delete_tags_of: Statement
    replace_execution: Statement
    next_wake_at: Statement
    next_purge_at: Statement
    next_wake_from: Statement
    next_purge_from: Statement
    delete_execution: Statement
    # history.sql
    append_events: Statement
    events_ascending: Statement
    events_descending: Statement
    delete_newest_events: Statement
    has_events: Statement
    heartbeats: Statement
    put_heartbeats: Statement
    delete_heartbeat: Statement
    delete_heartbeats_of: Statement
    # tasks.sql
    count_tasks: Statement
    next_task_list: Statement
    backlog: Statement
    first_task_behind: Statement
    waiting_task: Statement
    tasks_ahead: Statement
    put_tasks: Statement
    ready_task: Statement
    delete_task: Statement
    delete_tasks_of: Statement
    put_messages: Statement
    has_messages: Statement
    delete_message: Statement
    delete_messages_by_id: Statement
    # claims.sql
    try_lock_execution: Statement
    candidate_tasks: Statement
    free_tasks: Statement
    delete_locked_task: Statement
    claim_task: Statement
    due_runs: Statement
    expired_runs: Statement
    messages: Statement
    claim_message: Statement
    lock_due_runs: Statement
    lock_expired_runs: Statement
    lock_messages: Statement
    moment_now: Statement
    # feed.sql
    put_feed: Statement
    put_copied_feed: Statement
    feed_behind: Statement
    feed_end: Statement
    feed_places: Statement
    oldest_of_feed: Statement
    delete_feed: Statement
    every_feed: Statement
    # audits.sql
    every_meta: Statement
    every_domain: Statement
    every_type: Statement
    numbered_events: Statement
    runs: Statement
    tasks_of: Statement
    tags_of: Statement
    waiting_messages: Statement
    orphan_events: Statement
    orphan_tasks: Statement
    orphan_heartbeats: Statement
    orphan_tags: Statement
    invalid_indexes: Statement
    damaged_progress: Statement
    # schema.sql
    schema_tables: Statement
    schema_columns: Statement
    schema_constraints: Statement
    schema_references: Statement
    schema_indexes: Statement
    schema_triggers: Statement
    schema_children: Statement
    schema_numbers: Statement


def compiled(name: str, text: str) -> Statement:
    """The statement ready to be sent: parameters are numbered in the order in which they first stand."""
    types: dict[str, str] = {}
    for parameter, kind in _PARAMETER.findall(text):
        if types.setdefault(parameter, kind) != kind and kind:
            raise ImportError(f"postgres/sql: {parameter} has two types in {name}")
    numbers = {parameter: number for number, parameter in enumerate(types, 1)}
    if untyped := [parameter for parameter, kind in types.items() if kind not in ENCODERS]:
        raise ImportError(f"postgres/sql: no type that can be encoded for {untyped} in {name}")

    def numbered(match: re.Match[str]) -> str:
        return f"${numbers[match[1]]}::{types[match[1]]}"

    return Statement(
        name.encode(),
        _PARAMETER.sub(numbered, text).encode(),
        tuple(types),
        tuple(ENCODERS[kind] for kind in types.values()),
    )


_texts = read("postgres")
require_names("postgres", _texts, (*PostgresStatements._fields, *ListingPieces._fields))

SQL = PostgresStatements(**{name: compiled(name, _texts[name]) for name in PostgresStatements._fields})
LISTING = ListingPieces(**{name: _texts[name] for name in ListingPieces._fields})


def _generated(file: str, form: str) -> dict[bytes, Statement]:
    texts = read_file("postgres", "generated", file)
    return {name.encode(): compiled(f"{name} {form}", text) for name, text in texts.items()}


OF_MANY = _generated("of_many.sql", "of many")
"""The form for many keys, by the name of the statement for one key."""
OF_ONE_ROW = _generated("of_one_row.sql", "of one row")
"""The form for one row, by the name of the statement for arrays of rows."""

_listings: dict[str, Statement] = {}
_numbers = itertools.count()  # two threads that compile one text at once give it two names


def listing(text: str) -> Statement:
    """A list or count that visibility.py has joined, compiled once; there are a few dozen in all."""
    statement = _listings.get(text)
    if statement is None:
        statement = _listings[text] = compiled(f"listing {next(_numbers)}", text)
    return statement
