"""The statements of PostgreSQL, ready to be sent: parameters numbered, and how each is encoded.

Owns the little format of `sql/postgres/*.sql` that goes beyond store/sql.py: a parameter is `:name::type` where it
first stands, `:name` after that, and the type says how it is encoded. A statement that is missing, unknown or uses an
unknown type fails when this module is imported. It must not know what any statement means.
"""

from __future__ import annotations

import itertools
import re
from importlib.resources import files
from typing import NamedTuple, cast

from workflowsvc.store.postgres.values import ENCODERS, Encoder
from workflowsvc.store.sql import Statements, parse

_ARRAYS = re.compile(rb"select \*\s+from\s+unnest\(([^()]*)\)")
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)(?:::([a-z]+(?:\[\])?))?")


class Statement(NamedTuple):
    """`name` is what it is prepared as; `parameters` are in the order of their numbers."""

    name: bytes
    text: bytes
    parameters: tuple[str, ...]
    encoders: tuple[Encoder, ...]


class PostgresStatements(NamedTuple):
    """What the store sends. The texts of visibility.sql are pieces, joined by store/visibility.py."""

    # transactions.sql
    begin_writing: Statement
    begin_reading: Statement
    commit: Statement
    rollback: Statement
    moment: Statement
    transaction_id: Statement
    timeline: Statement
    transaction_status: Statement
    end_transaction: Statement
    # catalog.sql
    domain: Statement
    domains_by_id: Statement
    domains_ascending: Statement
    domains_descending: Statement
    count_domains: Statement
    put_domain: Statement
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
    put_meta: Statement
    delete_meta: Statement
    # executions.sql
    execution: Statement
    locked_execution: Statement
    lock_execution: Statement
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
    put_tasks: Statement
    ready_task: Statement
    delete_task: Statement
    delete_tasks_of: Statement
    put_messages: Statement
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


class ListingTexts(NamedTuple):
    """The pieces of visibility.sql, under the names that store/visibility.py joins."""

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


def compiled(name: str, text: str) -> Statement:
    """Parameters become numbers in the order in which they first stand."""
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


def _load() -> tuple[PostgresStatements, Statements]:
    texts: dict[str, str] = {}
    folder = files(__package__).joinpath("sql")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for name, text in parse(file.read_text("utf-8")).items():
                if name in texts:
                    raise ImportError(f"postgres/sql: two statements are named {name}")
                texts[name] = text
    wanted = {*PostgresStatements._fields, *ListingTexts._fields}
    if texts.keys() != wanted:
        raise ImportError(f"postgres/sql: missing or unknown statements {sorted(texts.keys() ^ wanted)}")
    whole = {name: compiled(name, texts[name]) for name in PostgresStatements._fields}
    pieces = {name: texts[name] for name in ListingTexts._fields}
    # visibility.py asks for names that both dialects have, and for nothing else of Statements.
    return PostgresStatements(**whole), cast("Statements", ListingTexts(**pieces))


SQL, LISTING = _load()


def for_one_row(statement: Statement) -> Statement:
    """The same insert with values in place of arrays, for a database that sends each row to its server."""
    text, count = _ARRAYS.subn(
        lambda match: f"values ({match[1].replace(b'[]', b'').decode()})".encode(), statement.text
    )
    assert count == 1, statement.name
    kinds = [kind.decode() for kind in re.findall(rb"\$\d+::(\w+)\[\]", statement.text)]
    encoders = tuple(ENCODERS[kind] for kind in kinds)
    return Statement(statement.name + b" of one row", text, statement.parameters, encoders)


OF_ONE_ROW = {statement.name: for_one_row(statement) for statement in SQL if _ARRAYS.search(statement.text)}


def for_many(statement: Statement) -> Statement:
    """The same question with arrays in place of values: rows of the first key, of the second, and so on, and before
    each its place, from 1 on. For one server that has all shards: a statement costs more than the rows that it finds.
    The plan goes from key to key; `lateral` and `offset 0` leave no other way.
    """
    one = statement.text.decode()
    kinds = dict(re.findall(r"\$(\d+)::(\w+)", one))  # by number, in their order
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in kinds.items())
    names = ", ".join(f"key_{number}" for number in kinds)
    question = re.sub(r"\$(\d+)::\w+", r"keys.key_\1", one)
    text = (
        f"select keys.place, found.* from unnest({arrays}) with ordinality as keys ({names}, place)"
        f" cross join lateral (select * from ({question}) as one offset 0) as found"
    )
    encoders = tuple(ENCODERS[f"{kind}[]"] for kind in kinds.values())
    return Statement(statement.name + b" of many", text.encode(), statement.parameters, encoders)


OF_MANY = {
    statement.name: for_many(statement)
    for statement in (
        SQL.try_lock_execution,
        SQL.locked_execution,
        SQL.open_run,
        SQL.numbered_events,
    )
}


_listings: dict[str, Statement] = {}
_numbers = itertools.count()  # two threads may meet a text at once: they give it two names


def listing(text: str) -> Statement:
    """A list or count that visibility.py has put together; there are a few dozen in all."""
    statement = _listings.get(text)
    if statement is None:
        statement = _listings[text] = compiled(f"listing {next(_numbers)}", text)
    return statement
