"""The files of the project, as git knows them, or as they lie there where git does not know them.

Owns what counts as a file of the project: in a clone the committed files, in an unpacked source distribution all files
but hidden folders and what tools write. Used by the tests of the house rules and by `tools.citations`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

# Written by tools, not by people; .gitignore names them for git.
_GENERATED = {"__pycache__", "build", "dist", "htmlcov", "node_modules", "target"}
_HIDDEN = {".ci", ".gitignore"}  # the hidden names that belong to the project


def project_files(root: Path, *patterns: str, untracked: bool = False) -> list[Path]:
    """Files below `root` that match one of the patterns, all without patterns; `untracked` adds those that are new in
    a clone. A pattern is a folder, a path, or a name with * in any folder, as `git ls-files` takes it."""
    more = ["--cached", "--others", "--exclude-standard"] if untracked else []
    asked = subprocess.run(
        ["git", "ls-files", "-z", *more, "--", *patterns],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode == 0 and (root / ".git").exists():
        names = [name for name in asked.stdout.split("\0") if name]
        return [root / name for name in names if (root / name).is_file()]
    return sorted(root / name for name in _walk(root) if not patterns or _matches(name, patterns))


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _GENERATED and _belongs(name)]
        for name in files:
            if _belongs(name) and name != "PKG-INFO" and not fnmatch(name, "*.py[cod]"):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _belongs(name: str) -> bool:
    return not name.startswith(".") or name in _HIDDEN


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) or name.startswith(f"{pattern}/") for pattern in patterns)
