"""`make test-store`: what is no database is refused in words, and the tests chosen are those of the store at hand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.any_store import CHOSEN
from tests.postgres.places import admin, given_dsn, new_empty_place, new_spread_place, server


def run(dsn: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.any_store", *words],
        env={**os.environ, "WORKFLOWSVC_TEST_DSN": dsn, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("", "which database?"),
        ("sqlite:x.db", "which database?"),
        ("postgresql://x:geheim@127.0.0.1:1/x", "refused"),
        ("postgresql://?nonsense=1", "nonsense"),
    ],
)
def test_what_is_no_database_is_refused(dsn: str, told: str) -> None:
    done = run(dsn)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr
    assert done.stdout == ""


def test_a_database_that_cannot_be_distributed_is_told() -> None:
    done = run(given_dsn() or server().dsn(), WORKFLOWSVC_TEST_DISTRIBUTE="citrus")
    assert done.returncode == 2
    assert "it has no citrus" in done.stderr


def test_where_tables_are_distributed_empty_places_stay_empty_and_none_is_imitated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKFLOWSVC_TEST_DISTRIBUTE", "citus")
    with admin(new_empty_place().dsn) as connection:
        assert connection.execute("select to_regclass('executions')").fetchone() == (None,)
    with pytest.raises(pytest.skip.Exception, match="citus spreads the tables"):
        new_spread_place()


def test_the_tests_chosen_are_those_of_this_store_and_some_of_each_kind() -> None:
    done = run(given_dsn() or server().dsn(), "--collect-only", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("on PostgreSQL")
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert not [line for line in found if "[sqlite" in line]
    for place in CHOSEN:
        assert any(line.startswith(place) for line in found), place
