"""A client that cannot be built here is skipped with the reason; one of ours that does not compile has failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from interop.install import HERE, go_program, rust_program
from interop.outcome import Failed, Skipped

Build = Callable[[Path], Path]
BUILDS = [
    pytest.param(go_program, "go", ["go"], id="go"),
    pytest.param(rust_program, "rust", ["rustc", "cc", "cargo"], id="rust"),
]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for needed in ("sh", "touch"):
        (folder / needed).symlink_to(shutil.which(needed) or needed)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def sources(name: str, tmp_path: Path) -> Path:
    """A copy of the program, where nothing has been built yet."""
    return Path(shutil.copytree(HERE / name, tmp_path / name, ignore=shutil.ignore_patterns("target")))


def write_tools(folder: Path, names: list[str], script: str) -> None:
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize(("build", "name", "names"), BUILDS)
def test_without_its_tool_a_client_is_skipped(
    build: Build, name: str, names: list[str], tools: Path, tmp_path: Path
) -> None:
    with pytest.raises(Skipped, match=f"^{names[0]} is not on this machine$"):
        build(sources(name, tmp_path))


@pytest.mark.parametrize(("build", "name", "names"), BUILDS)
def test_with_a_tool_that_is_too_old_a_client_is_skipped(
    build: Build, name: str, names: list[str], tools: Path, tmp_path: Path
) -> None:
    write_tools(tools, names, "echo tool 1.19.8")
    with pytest.raises(Skipped, match=r"^(Go|Rust) 1\.19\.8 is on this machine; the SDK needs 1\.\d+"):
        build(sources(name, tmp_path))


@pytest.mark.parametrize(("build", "name", "names"), BUILDS)
def test_a_client_whose_packages_cannot_be_fetched_is_skipped(
    build: Build, name: str, names: list[str], tools: Path, tmp_path: Path
) -> None:
    lock = "echo 'source = \"its registry\"' >Cargo.lock"
    script = (
        f"case $1 in mod|fetch) echo error: no route; exit 1;; generate-lockfile) {lock};; esac; echo 9.0"
    )
    write_tools(tools, names, script)
    with pytest.raises(Skipped, match=r"could not install .*: error: no route"):
        build(sources(name, tmp_path))


@pytest.mark.parametrize(("build", "name", "names"), BUILDS)
def test_a_program_of_ours_that_does_not_compile_has_failed(
    build: Build, name: str, names: list[str], tools: Path, tmp_path: Path
) -> None:
    lock = "echo 'source = \"its registry\"' >Cargo.lock"
    script = (
        f"case $1 in build) echo error: no such type; exit 1;; generate-lockfile) {lock};; esac; echo 9.0"
    )
    write_tools(tools, names, script)
    with pytest.raises(Failed, match=r"could not build .*: error: no such type"):
        build(sources(name, tmp_path))
