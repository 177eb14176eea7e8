"""A database as a crash has left it: sound for SQLite, and free of findings for `workflowsvc fsck`.

Looks at a copy, so that the file itself is first opened by the server that must cope with it.
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

import apsw

from workflowsvc import fsck
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.sqlite.store import SqliteStore

PARTS = ("", "-wal", "-journal")  # the -shm file is memory of processes that are gone


def copy(file: Path, folder: Path) -> Path:
    """The files of a database as they lie there, in a folder of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in PARTS:
        source = file.with_name(file.name + part)
        if source.exists():
            shutil.copy(source, folder / source.name)
    return folder / file.name


def of(file: Path, folder: Path, *, lint: bool = False) -> list[str]:
    """What is wrong with the file; with `lint`, also what its histories break."""
    copied = copy(file, folder)
    try:
        with closing(apsw.Connection(str(copied))) as connection:
            said = [row[0] for row in connection.execute("pragma integrity_check")]
        if said != ["ok"]:
            return [f"integrity_check: {sentence}" for sentence in said]
        with closing(SqliteStore(str(copied))) as store, store.reader() as reader:
            options = fsck.Options(now=time.time_ns() // 1_000_000, lint=lint)
            return [f"fsck: {problem}" for problem in fsck.audit(reader, options)]
    except (apsw.Error, StoreUnusable) as error:
        return [f"it cannot be read: {error!r}"]
    finally:
        shutil.rmtree(folder)
