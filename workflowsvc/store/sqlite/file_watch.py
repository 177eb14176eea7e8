"""Notices that a file, its log or its index was renamed, deleted or replaced while a server uses it.

Owns what is looked at and the words for the operator. What is written then goes to files that no later process will
find, so nothing may be acknowledged.

A look at the log after each commit would be dear: since Linux 6.13, a file whose times were asked for gets new ones at
the next write, which the file system must record. The folder tells as well: its time of change is that of the last name
that was added, removed or changed in it, or of its own. So the three files are looked at when the folder has changed,
and now and then.
"""

from __future__ import annotations

import os

from workflowsvc.store.sqlite.file_lock import Identity, find_identity

PARTS = ("", "-wal", "-shm")
# The times of a folder may be asked for without the right to list it.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC

# The times of a folder are those of a clock with steps of up to 10 ms, so a change may hide behind an earlier one. This
# many commits, each with a sync of the disk, take longer. It is also after how many the files are looked at anyway.
COMMITS_PER_LOOK = 256


class FileWatch:
    """The three files of an open database, as they are when this is made."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._folder = os.open(os.path.dirname(path) or ".", _FOLDER_FLAGS)
        self._were: list[tuple[str, Identity | None]] = [
            (path + part, find_identity(path + part)) for part in PARTS
        ]
        self._folder_was: tuple[int, int] | None = None
        self._closely = COMMITS_PER_LOOK  # commits with a look, whatever the folder says
        self._unlooked = 0

    def require_in_place(self) -> None:
        """FileNotInPlace when the file, its log or its index is not in its place any more."""
        found = os.fstat(self._folder)
        folder = (found.st_mtime_ns, found.st_ctime_ns)
        self._unlooked += 1
        if folder != self._folder_was:
            self._folder_was = folder
            self._closely = COMMITS_PER_LOOK
        elif self._closely:
            self._closely -= 1
        elif self._unlooked < COMMITS_PER_LOOK:
            return
        try:
            self._look()
        except FileNotInPlace:
            self._folder_was = None  # until they are back
            raise

    def _look(self) -> None:
        self._unlooked = 0
        for name, was in self._were:
            if find_identity(name) != was:
                raise FileNotInPlace(name)

    def close(self) -> None:
        """It is not used any more."""
        os.close(self._folder)

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
