"""The end of a file that is incomplete without its log: some bytes behind its last page.

Owns these bytes. SQLite reads and copies pages only, and a checkpoint of the whole log cuts the file behind its last
page: so the trailer is in a plain copy of a file whose log holds more, and neither in a file into which any program has
taken the whole log, nor in the copies that SQLite makes (docs/decisions/0021-a-file-says-that-its-log-is-needed.md).
"""

from __future__ import annotations

import os

TRAILER = b"\nworkflowsvc: incomplete without its log, the file of this name with -wal behind it\n"
WHAT_TO_DO = (
    "Put the log beside it, or take a complete copy. To go on without what is missing: "
    "workflowsvc fsck --repair --accept-missing-log."
)
SMALLEST_PAGE = 512  # bytes: a file of whole pages has a multiple of them, and with a trailer it has not


def is_whole_pages(size: int) -> bool:
    """Whether a file of this size, in bytes, has no trailer."""
    return size % SMALLEST_PAGE == 0


def has_trailer(file: int) -> bool:
    """Of an open file. OSError when it cannot be read."""
    size = os.fstat(file).st_size
    return size > len(TRAILER) and os.pread(file, len(TRAILER), size - len(TRAILER)) == TRAILER


def append(file: int, size: int) -> None:
    """OSError when the disk is full."""
    os.pwrite(file, TRAILER, size)


def remove(file: int) -> None:
    """Nothing happens when there is none."""
    if has_trailer(file):
        os.ftruncate(file, os.fstat(file).st_size - len(TRAILER))


def has_log(path: str) -> bool:
    """The log of a file with a trailer is never empty."""
    try:
        return os.path.getsize(f"{path}-wal") > 0
    except OSError:
        return False


def missing_log(path: str) -> str:
    """What is wrong with a file that has a trailer and no log."""
    return (
        f"is incomplete: its log {os.path.basename(path)}-wal is not beside it, or empty. The file was copied or moved "
        "without its log, or the log was deleted, after a server was killed or while one ran. What was acknowledged "
        "last is missing"
    )
