"""The store's exam, the scenarios and the client suites on a database of yours: `make test-store DSN=postgresql://…`.

Owns the choice of the tests: those of what a store promises, left out what looks into PostgreSQL itself (its plans, its
faults, servers that are stopped). Everything happens in schemas of their own, which are dropped in the end.
"""

from __future__ import annotations

import os
import sys

import psycopg
import pytest

from workflowsvc.passwords import without_password

DSN, DISTRIBUTE = "WORKFLOWSVC_TEST_DSN", "WORKFLOWSVC_TEST_DISTRIBUTE"
CHOSEN = (
    "tests/store",  # the exam
    "tests/postgres/test_scenarios.py",  # in process
    "tests/cluster/test_scenarios.py",  # over HTTP on two nodes, each call to the other one
    "tests/postgres/test_nodes.py",
    "tests/cluster/test_nodes.py",
    "tests/copying/test_copy.py",
    "tests/cluster/test_moved.py",
    "tests/clients",  # boto3 and the AWS CLI
)
# Where a test runs on several stores, on this one alone.
ON_THIS_STORE = "postgres or cluster"
USAGE = "which database? make test-store DSN=postgresql://user@host/database; make help says more"


def main(words: list[str]) -> int:
    """`words` are given on to pytest."""
    dsn = os.environ.get(DSN, "")
    if not dsn.startswith(("postgresql://", "postgres://")):
        return _complain(USAGE)
    try:
        print(f"on {_examined(dsn)}", flush=True)
    except psycopg.Error as error:
        told = " ".join(str(error).split())
        return _complain(f"{without_password(dsn)} cannot be used for tests: {without_password(told)}")
    return pytest.main([*CHOSEN, "-k", ON_THIS_STORE, *words])


def _examined(dsn: str) -> str:
    """What it is, when it can be reached and schemas can be made in it."""
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


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
