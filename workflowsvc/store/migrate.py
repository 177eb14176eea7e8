"""The numbered migrations of a database, forward only.

Owns their order, the decision which of them a database of a given version still needs, and the row that tells what was
done. Applying one is the business of the store, which does it in one transaction together with writing the new version
down. It must not know any database.

Migrations only ever add what older releases can live with, or come in two releases: expand, then contract. Each says
with `-- :oldest N` which schema a release must know at least to work with it; without that line only its own does.
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
        """The schema that a release must know at least to work with this one."""
        found = _OLDEST.search(self.sql)
        return int(found[1]) if found else self.number

    @property
    def record(self) -> str:
        """The row of `schema_versions` that tells of it."""
        return (
            "insert into schema_versions (number, name, oldest)"
            f" values ({self.number}, '{self.name}', {self.oldest})"
        )


class Version(NamedTuple):
    """Of a database. `oldest`: the schema that a release must know at least to work with it."""

    number: int  # 0: empty
    oldest: int


def migrations(dialect: str) -> list[Migration]:
    """All migrations of `sql/<dialect>/migrations/`, numbered 1, 2, 3, … without a gap."""
    found: list[Migration] = []
    for file in files(__package__).joinpath(dialect, "sql", "migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    found.sort()
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ImportError(f"sql/{dialect}/migrations: the numbers have a gap or a double")
    return found


def pending(all_migrations: list[Migration], version: Version, where: str) -> list[Migration]:
    """Those that a database of this version lacks. Refuses one that a newer release has changed in a way that this one
    does not understand; what it has only added to will do."""
    newest = all_migrations[-1].number
    if version.number <= newest:
        return all_migrations[version.number :]
    if version.oldest <= newest:
        return []
    raise StoreUnusable(
        f"{where} was written by a newer release of workflowsvc (schema {version.number}); "
        f"this one knows schemas up to {newest}. Upgrade workflowsvc, or give another store."
    )
