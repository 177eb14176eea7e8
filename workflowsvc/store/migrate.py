"""The numbered migrations of a database, forward only.

Owns their order and the decision which of them a database of a given version still needs. Applying one is the
business of the store, which does it in one transaction together with writing the new version down. It must
not know any database.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import NamedTuple

from workflowsvc.store.interface import StoreUnusable


class Migration(NamedTuple):
    number: int
    name: str
    sql: str


def migrations(dialect: str) -> list[Migration]:
    """All migrations of `sql/<dialect>/migrations/`, numbered 1, 2, 3, … without a gap."""
    found: list[Migration] = []
    for file in files(__package__).joinpath("sql", dialect, "migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    found.sort()
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ImportError(f"sql/{dialect}/migrations: the numbers have a gap or a double")
    return found


def pending(all_migrations: list[Migration], version: int, where: str) -> list[Migration]:
    """Those that a database of this version lacks; refuses one that a newer release has changed."""
    newest = all_migrations[-1].number
    if version > newest:
        raise StoreUnusable(
            f"{where} was written by a newer release of workflowsvc (schema {version}); "
            f"this one knows schemas up to {newest}. Upgrade workflowsvc, or give another store."
        )
    return all_migrations[version:]
