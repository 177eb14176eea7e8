"""What `make test-quick` names is there."""

from __future__ import annotations

from pathlib import Path

from tests.support.quick import FOLDERS, LEFT_OUT, TESTS, is_ignored


def test_every_folder_and_test_that_a_quick_run_names_exists() -> None:
    assert all((TESTS / folder).is_dir() for folder in FOLDERS)
    for name in LEFT_OUT:
        file, _, test = name.partition("::")
        assert name.partition("/")[0] in FOLDERS, name
        assert not test or f"def {test}(" in (TESTS / file).read_text(), name
        assert (TESTS / file).is_file(), name


def test_a_quick_run_reads_no_other_folder() -> None:
    assert not is_ignored(TESTS)
    assert not is_ignored(TESTS / "conftest.py")
    assert not is_ignored(TESTS / "core" / "test_causes.py")
    assert is_ignored(TESTS / "cluster")
    assert is_ignored(TESTS / "test_wheel.py")
    assert not is_ignored(Path("/elsewhere/test_it.py"))
