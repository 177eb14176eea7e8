"""Compiled templates that are kept: read again by the next process, and never out of date."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2
import pytest

from workflowsvc.console.compiled_templates import CompiledTemplates


@pytest.fixture(autouse=True)
def _compiles_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def drawn(folder: Path, options: str = "") -> str:
    """The template, as a process draws it that has just begun."""
    kept = CompiledTemplates(options)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), bytecode_cache=kept)
    return environment.get_template("page.html").render(name="order")


def kept_file(folder: Path) -> Path:
    (found,) = (folder / "__pycache__").iterdir()
    return found


def test_a_template_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_text("the {{ name }}")
    assert drawn(tmp_path) == "the order"
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert drawn(tmp_path) == "the order"


def test_a_changed_template_is_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("the {{ name }}")
    drawn(tmp_path)
    (tmp_path / "page.html").write_text("an {{ name }}")
    assert drawn(tmp_path) == "an order"


def test_other_options_compile_again(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("the {{ name }}")
    drawn(tmp_path)
    before = kept_file(tmp_path).read_bytes()
    drawn(tmp_path, "others")
    assert kept_file(tmp_path).read_bytes() != before


@pytest.mark.parametrize("left", [0, 10, 40])
def test_a_file_that_was_cut_off_is_written_again(tmp_path: Path, left: int) -> None:
    (tmp_path / "page.html").write_text("the {{ name }}")
    drawn(tmp_path)
    whole = kept_file(tmp_path).read_bytes()
    kept_file(tmp_path).write_bytes(whole[:left])
    assert drawn(tmp_path) == "the order"
    assert kept_file(tmp_path).read_bytes() == whole


def test_where_nothing_can_be_written_pages_are_drawn_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("the {{ name }}")
    (tmp_path / "__pycache__").write_text("a file in the place of the folder")
    assert drawn(tmp_path) == "the order"


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "page.html").write_text("the {{ name }}")
    assert drawn(tmp_path) == "the order"
    assert not (tmp_path / "__pycache__").exists()
