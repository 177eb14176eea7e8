"""Compares the schema of a file with the one that this release makes.

Owns what counts as a difference. It must not know what is in the tables.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import apsw

from workflowsvc.store.migrate import Migration
from workflowsvc.store.rows import SchemaErrors
from workflowsvc.store.sqlite import database_file as schema
from workflowsvc.store.sqlite.queries import Queries

_OBJECTS = "select type, name, sql from sqlite_schema where name not like 'sqlite\\_%' escape '\\'"
_OF_REPLICATION = {("table", "_litestream_seq"), ("table", "_litestream_lock")}
"""What Litestream keeps in a file that it replicates, and in what it restores."""
_NUMBERS = "select number, name, oldest from schema_versions order by number"


class _Schema(NamedTuple):
    objects: dict[tuple[str, str], str]  # by type and name: the SQL that makes it, in one line
    numbers: list[tuple[int, str, int]]  # what schema_versions records


def compare(queries: Queries) -> SchemaErrors:
    """What is missing, made otherwise, or not of workflowsvc. A newer release may have added to its schema: then only
    what is missing is an error."""
    newest = schema.MIGRATIONS[-1].number
    wanted = _made_by(schema.MIGRATIONS)
    found = {(kind, name): _in_one_line(sql) for kind, name, sql in queries.rows(_OBJECTS)}
    is_newer = queries.value("pragma user_version") > newest
    texts: list[str] = []
    for (kind, name), sql in wanted.objects.items():
        if (kind, name) not in found:
            texts.append(f"the {kind} {name} is missing")
        elif found[kind, name] != sql and not is_newer:
            texts.append(f"the {kind} {name} is not as this release makes it")
    if not is_newer:
        texts += [
            f"the {kind} {name} is not of workflowsvc"
            for kind, name in sorted(found.keys() - wanted.objects.keys() - _OF_REPLICATION)
        ]
    missing = frozenset(name for kind, name in wanted.objects.keys() - found.keys() if kind == "table")
    if "schema_versions" not in missing:
        numbers = [row for row in queries.rows(_NUMBERS) if row[0] <= newest]
        if numbers != wanted.numbers:
            texts.append("schema_versions does not name the migrations that have made this schema")
    return SchemaErrors(texts, missing)


def _made_by(migrations: list[Migration]) -> _Schema:
    connection = apsw.Connection(":memory:")
    try:
        for statement in schema.script(migrations):
            connection.execute(statement)
        objects = {(kind, name): _in_one_line(sql) for kind, name, sql in connection.execute(_OBJECTS)}
        numbers = cast("list[tuple[int, str, int]]", connection.execute(_NUMBERS).fetchall())
        return _Schema(objects, numbers)
    finally:
        connection.close()


def _in_one_line(sql: object) -> str:
    """Without the differences in white space and upper case that programs make when they write it."""
    return " ".join(str(sql).split()).lower().removesuffix(";")
