"""Notices that a file, its log or its index was renamed, deleted or replaced while a server uses it.

Owns what is looked at and the words for the operator. What is written then goes to files that no later process will
find, so nothing may be acknowledged.
"""

from __future__ import annotations

from workflowsvc.store.sqlite.file_lock import Identity, find_identity

PARTS = ("", "-wal", "-shm")


class FileWatch:
    """The three files of an open database, as they are when this is made. It costs a `stat` for each to look again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._were: list[tuple[str, Identity | None]] = [
            (path + part, find_identity(path + part)) for part in PARTS
        ]

    def problem(self) -> str | None:
        """What has happened to the first file that is not in its place any more; None when all are."""
        for name, was in self._were:
            if find_identity(name) != was:
                return (
                    f"{name} was renamed, deleted or replaced while the server uses it. Nothing is acknowledged from "
                    'now on. Put it back in its place, or see "When a file is moved under a running server" in '
                    "docs/reliability.md before you stop the server"
                )
        return None

    def has_strangers(self) -> bool:
        """Whether other files stand where the file or its log were: SQLite would delete that log at its end."""
        return any(find_identity(name) not in (was, None) for name, was in self._were)
