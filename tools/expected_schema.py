"""Writes the description of the schema that this release makes on PostgreSQL, with which audits compare databases.

`python -m tools.expected_schema` starts a server of its own, carries out the migrations and asks the catalogs; run it
after adding a migration. Owns the command alone; what is described is in workflowsvc/store/postgres/expected_schema.py.
"""

from __future__ import annotations

import sys

from tools import postgres
from workflowsvc.store.postgres import expected_schema, schema
from workflowsvc.store.postgres.statements import Statement
from workflowsvc.store.postgres.wire import Rows


def content(connection: schema.Connection) -> str:
    """The file, from a schema that the migrations have just made."""

    def ask(statement: Statement) -> Rows:
        return connection.execute(statement.text).fetchall()

    return expected_schema.as_json(expected_schema.described(ask))


def main() -> int:
    try:
        postgres.find_programs()
    except postgres.NoPostgres as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    with postgres.running() as server, schema.opened(server.dsn(), "a new server") as connection:
        schema.upgrade(connection, "a new server")
        expected_schema.FILE.write_text(content(connection), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
