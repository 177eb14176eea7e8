"""Notices that a file, its log or its index was renamed, deleted or replaced while a server uses it.

Owns what is looked at and the words for the operator. What is written then goes to files that no later process will
find, so nothing may be acknowledged.
"""

from __future__ import annotations

import os

from workflowsvc.store.sqlite.file_lock import Identity, find_identity

PARTS = ("", "-wal", "-shm")


class FileWatch:
    """The three files of an open database, as they are when this is made."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._were: list[tuple[str, Identity | None]] = [
            (path + part, find_identity(path + part)) for part in PARTS
        ]

    def size(self) -> int:
        """The size of the file in bytes. FileNotInPlace when it, its log or its index is not in its place any more. It
        costs three calls of `stat`."""
        sizes: list[int] = []
        for name, was in self._were:
            try:
                found = os.stat(name)
            except OSError:
                raise FileNotInPlace(name) from None
            if (found.st_dev, found.st_ino) != was:
                raise FileNotInPlace(name)
            sizes.append(found.st_size)
        return sizes[0]

    def has_strangers(self) -> bool:
        """Whether other files stand where the file or its log were: SQLite would delete that log at its end."""
        return any(find_identity(name) not in (was, None) for name, was in self._were)


class FileNotInPlace(Exception):
    """The message is for the operator."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was renamed, deleted or replaced while the server uses it. Nothing is acknowledged from now on. "
            'Put it back, or read "A file that is moved under a server" in docs/reliability.md before the server stops'
        )
