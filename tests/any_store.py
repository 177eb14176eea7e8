"""The contract tests, scenarios and client suites on a given database: `make test-store DSN=postgresql://…`.

Owns the choice of the tests: all that a store promises, without those that look into PostgreSQL itself (plans, faults,
servers that are stopped). The tests use schemas of their own, which are dropped in the end.
"""

from __future__ import annotations

import os
import sys

import psycopg
import pytest

from workflowsvc.passwords import without_password

DSN, DISTRIBUTE = "WORKFLOWSVC_TEST_DSN", "WORKFLOWSVC_TEST_DISTRIBUTE"
CHOSEN = (
    "tests/store",  # the contract tests
    "tests/postgres/test_scenarios.py",  # in process
    "tests/cluster/test_scenarios.py",  # on two nodes, calls alternating
    "tests/postgres/test_nodes.py",
    "tests/cluster/test_nodes.py",
    "tests/copying/test_copy.py",
    "tests/cluster/test_moved.py",
    "tests/clients",  # boto3 and the AWS CLI
)
# Of a test that runs on several stores, the cases on this one.
ON_THIS_STORE = "postgres or cluster"
USAGE = "which database? make test-store DSN=postgresql://user@host/database; make help says more"


def main(words: list[str]) -> int:
    """Runs the tests; `words` are further arguments of pytest. The exit status, 2 when the database cannot be used."""
    dsn = os.environ.get(DSN, "")
    if not dsn.startswith(("postgresql://", "postgres://")):
        return _fail(USAGE)
    try:
        print(f"on {_describe(dsn)}", flush=True)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        return _fail(f"{without_password(dsn)} cannot be used for tests: {without_password(reason)}")
    os.environ["EVERY_SCENARIO"] = "1"
    return pytest.main([*CHOSEN, "-k", ON_THIS_STORE, *words])


def _describe(dsn: str) -> str:
    """The version of the database. psycopg.Error when it cannot be reached or schemas cannot be created in it."""
    schema = f"workflowsvc_test_{os.getpid()}_0"
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
        connection.execute(f'create schema "{schema}"'.encode())
        connection.execute(f'drop schema "{schema}"'.encode())
        extension = os.environ.get(DISTRIBUTE)
        if (
            extension
            and not connection.execute(
                "select 1 from pg_extension where extname = %s", [extension]
            ).fetchone()
        ):
            raise psycopg.OperationalError(f"it has no {extension}: create extension {extension} first")
        row = connection.execute("select version()").fetchone()
    assert row is not None
    return row[0]


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
