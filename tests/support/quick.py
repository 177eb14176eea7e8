"""What `make test-quick` runs before each commit: what fails most often, in under a minute on two idle cores.

Owns the choice, by measured durations (`pytest --durations=0`). Left out are several processes and nodes, crashes,
PostgreSQL, real clients and long random searches; `make test` runs all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FOLDERS = {
    *("conformance", "core", "engine", "fsck", "histories", "http", "lambdas", "lint"),
    *("scenario", "service", "service_limits", "store", "tenants", "testing", "wire"),
}
# Files and tests in these folders that take 3 s or more, or start a server.
LEFT_OUT = {
    "conformance/test_never_500.py",
    "fsck/test_command.py",
    "histories/test_histories.py::test_it_happens_as_written_over_http_with_boto3",
    "histories/test_histories.py::test_it_happens_as_written_to_several_at_once",
    "histories/test_histories.py::test_it_happens_as_written_when_every_batch_is_undone_once",
    "http/test_serve.py",
    "http/test_stopping.py",
    "lambdas/test_serve.py",
    "lint/test_random.py",
    "service_limits/test_over_http.py",
    "store/test_round_trips.py",
    "store/test_sqlite_crash.py",
    "store/test_visibility.py::test_any_query_on_any_rows_gives_what_the_judge_gives",
    "tenants/test_scopes.py",
    "testing/test_page.py",
    "testing/test_plugin.py",
    "wire/test_events.py::test_an_event_comes_back_as_it_was_written",
    "wire/test_hostile.py::test_any_json_under_the_right_names_is_read_or_refused",
    "wire/test_requests.py::test_fast_and_slow_agree_on_yes_and_no",
}


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="the tests of `make test-quick` alone")


def is_ignored(path: Path) -> bool:
    """Whether a quick run does not even read this file or folder."""
    if not path.is_relative_to(TESTS) or path == TESTS:
        return False
    name = path.relative_to(TESTS).as_posix()
    return name in LEFT_OUT or name.partition("/")[0] not in FOLDERS | {"conftest.py"}


def left_out(item: pytest.Item) -> bool:
    """Whether a quick run leaves out this test of a file that it reads: one of LEFT_OUT, or one on PostgreSQL."""
    name = f"{item.path.relative_to(TESTS).as_posix()}::{item.name.partition('[')[0]}"
    return name in LEFT_OUT or "postgres" in item.name


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes the tests that are left out from the list."""
    dropped = [item for item in items if left_out(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if not left_out(item)]
