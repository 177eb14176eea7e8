"""The numbered migrations of a database, forward only.

Owns their order, which of them a database of a given version still needs, and the row that records one. The store
applies them, in one transaction with the new version. It must not know any database.

A migration only adds what older releases can work with, or it comes in two releases: expand, then contract. The line
`-- :oldest N` names the oldest schema that a release must know to work with it; without that line it is the
migration's own.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import NamedTuple

from workflowsvc.store.errors import StoreUnusable

_OLDEST = re.compile(r"^-- :oldest (\d+)$", re.MULTILINE)


class Migration(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def oldest(self) -> int:
        """The oldest schema that a release must know to work with this one."""
        found = _OLDEST.search(self.sql)
        return int(found[1]) if found else self.number

    @property
    def record(self) -> str:
        """The statement that records it in `schema_versions`."""
        return (
            "insert into schema_versions (number, name, oldest)"
            f" values ({self.number}, '{self.name}', {self.oldest})"
        )


class Version(NamedTuple):
    """Of a database. `oldest`: the oldest schema that a release must know to work with it."""

    number: int  # 0: empty
    oldest: int


def migrations(dialect: str) -> list[Migration]:
    """All migrations of `<dialect>/sql/migrations/`, numbered 1, 2, 3, … without a gap."""
    found: list[Migration] = []
    for file in files(__package__).joinpath(dialect, "sql", "migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    found.sort()
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ImportError(f"{dialect}/sql/migrations: the numbers have a gap or a double")
    return found


def pending(all_migrations: list[Migration], version: Version, where: str) -> list[Migration]:
    """The migrations that a database of this version lacks. Raises StoreUnusable when a newer release has changed it
    in a way that this one does not understand; a schema that was only added to is accepted."""
    newest = all_migrations[-1].number
    if version.number <= newest:
        return all_migrations[version.number :]
    if version.oldest <= newest:
        return []
    raise StoreUnusable(
        f"{where} was written by a newer release of workflowsvc (schema {version.number}); "
        f"this one knows schemas up to {newest}. Upgrade workflowsvc, or give another store."
    )
