"""Reading named statements and the list of migrations: what is incomplete is refused, what is generated is fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflowsvc.store import migrate, sql
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.migrate import Migration, Version, pending
from workflowsvc.store.postgres import generate, statements

NAMES = ("open_run", "execution")
WHOLE = "".join(f"-- :name {name}\n-- an index\nselect 1\n\n" for name in NAMES)


def load() -> dict[str, str]:
    texts = sql.read("strange")
    sql.require_names("strange", texts, NAMES)
    return texts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dialect called `strange` in a folder of its own."""
    monkeypatch.setattr(sql, "files", lambda package: tmp_path)
    monkeypatch.setattr(migrate, "files", lambda package: tmp_path)
    folder = tmp_path / "strange" / "sql"
    (folder / "migrations").mkdir(parents=True)
    return folder


def test_a_statement_is_its_text_without_comments() -> None:
    one = "-- :name one\n-- its index\nselect 1\n  -- why\n  where 2\n"
    two = "-- :name two\nselect 2\n"
    assert sql.parse(f"-- about the file\n\n{one}\n{two}") == {
        "one": "select 1\n  where 2",
        "two": "select 2",
    }


def test_a_complete_dialect_is_loaded(folder: Path) -> None:
    (folder / "all.sql").write_text(WHOLE)
    assert load() == dict.fromkeys(NAMES, "select 1")


def test_a_missing_statement_fails_by_name(folder: Path) -> None:
    (folder / "all.sql").write_text(WHOLE.replace("-- :name open_run\n", "-- :name open_rum\n"))
    with pytest.raises(ImportError, match="no statement is named open_run"):
        load()


def test_a_statement_that_is_not_listed_fails_by_name(folder: Path) -> None:
    (folder / "all.sql").write_text(WHOLE)
    (folder / "more.sql").write_text("-- :name leftover\nselect 1\n")
    with pytest.raises(ImportError, match="does not list leftover"):
        load()


@pytest.mark.parametrize("files", [["more.sql"], ["all.sql"]])
def test_two_statements_with_one_name_fail(folder: Path, files: list[str]) -> None:
    (folder / "all.sql").write_text(WHOLE)
    for file in files:
        with (folder / file).open("a") as more:
            more.write("-- :name open_run\nselect 2\n")
    with pytest.raises(ImportError, match="two statements are named open_run"):
        load()


def test_an_empty_statement_fails(folder: Path) -> None:
    (folder / "all.sql").write_text(WHOLE + "-- :name hollow\n-- an index\n\n")
    with pytest.raises(ImportError, match="hollow is empty"):
        load()


def test_the_generated_statements_are_fresh() -> None:
    assert generate.main(["--check"]) == 0


def test_a_generated_statement_that_is_stale_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "of_many.sql").write_text("-- :name open_run\nselect 1\n")
    assert generate.main(["--check"]) == 1
    assert "of_many.sql is stale" in capsys.readouterr().err


def test_every_generated_statement_has_the_parameters_of_its_origin() -> None:
    for name, statement in {**statements.OF_MANY, **statements.OF_ONE_ROW}.items():
        origin = getattr(statements.SQL, name.decode())
        assert statement.parameters == origin.parameters
        assert statement.name != origin.name, "they are prepared on one connection"


def test_migrations_are_read_in_order(folder: Path) -> None:
    for number, name in ((2, "second"), (1, "first")):
        (folder / "migrations" / f"000{number}_{name}.sql").write_text(f"select {number}")
    (folder / "migrations" / "notes.txt").write_text("not a migration")
    assert migrate.migrations("strange") == [
        Migration(1, "first", "select 1"),
        Migration(2, "second", "select 2"),
    ]


def test_a_gap_between_migrations_fails(folder: Path) -> None:
    for number in (1, 3):
        (folder / "migrations" / f"000{number}_x.sql").write_text("select 1")
    with pytest.raises(ImportError, match="gap"):
        migrate.migrations("strange")


def test_a_database_gets_the_migrations_it_lacks_and_a_newer_one_is_refused() -> None:
    three = [Migration(number, "x", "") for number in (1, 2, 3)]
    assert pending(three, Version(0, 0), "x.db") == three
    assert pending(three, Version(2, 2), "x.db") == three[2:]
    assert pending(three, Version(3, 1), "x.db") == []
    assert pending(three, Version(5, 3), "x.db") == []  # added to, but good enough
    with pytest.raises(StoreUnusable, match=r"x\.db was written by a newer release"):
        pending(three, Version(5, 4), "x.db")


def test_a_migration_says_which_release_can_still_work_with_it() -> None:
    assert Migration(7, "x", "create table x (y int);").oldest == 7
    assert Migration(7, "x", "-- About x\n-- :oldest 5\ncreate table x (y int);").oldest == 5
