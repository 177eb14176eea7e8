"""A folder of backups: their names, which is the newest, and which are removed.

Owns the files in it whose names it makes; all others are left alone. A lock keeps two backups from being made in one
folder at once, so that a file that is half written can be told from one that is being written.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from workflowsvc.backups.checksums import ENDING
from workflowsvc.store.errors import StoreInUse, StoreUnusable

PART = ".part"
LOCK = ".workflowsvc-backup.lock"
_FORM = "workflowsvc-%Y%m%dT%H%M%SZ.db"
_NAME = re.compile(r"workflowsvc-[0-9]{8}T[0-9]{6}Z\.db")


def name_at(at_ms: int) -> str:
    """The name of a backup taken at that moment: `workflowsvc-20261129T200000Z.db`."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime(_FORM)


def moment_of(path: str) -> int:
    """The moment in a name that `name_at` has made, in milliseconds since the epoch; its seconds are whole."""
    return round(datetime.strptime(os.path.basename(path), _FORM).replace(tzinfo=UTC).timestamp() * 1000)


def backups_in(folder: str) -> list[str]:
    """The paths of all whole backups, the oldest first. StoreUnusable when the folder cannot be read."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be read: {error.strerror}.") from error
    return [os.path.join(folder, name) for name in sorted(names) if _NAME.fullmatch(name)]


def newest_at(folder: str) -> int | None:
    """When the newest backup was taken, in milliseconds since the epoch."""
    found = backups_in(folder)
    return moment_of(found[-1]) if found else None


@contextmanager
def locked(folder: str) -> Generator[None]:
    """Nothing else makes a backup in this folder meanwhile: StoreInUse when something does. What an earlier one left
    half written is removed."""
    try:
        lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be written to: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreInUse(f"another backup is being written to {folder}.") from error
        _remove_parts(folder)
        yield
    finally:
        os.close(lock)


def _remove_parts(folder: str) -> None:
    whole = {*backups_in(folder)}
    for name in os.listdir(folder):
        is_part = _NAME.match(name) and PART in name
        is_lone_checksum = name.endswith(ENDING) and _NAME.fullmatch(name.removesuffix(ENDING))
        if is_part or (is_lone_checksum and os.path.join(folder, name.removesuffix(ENDING)) not in whole):
            with suppress(OSError):
                os.unlink(os.path.join(folder, name))


def prune(folder: str, keep: int) -> list[str]:
    """Removes all but the newest `keep` backups; the paths of those removed."""
    old = backups_in(folder)[:-keep]
    for path in old:
        os.unlink(path)
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{ENDING}")
    return old


def sync(folder: str) -> None:
    """The names in the folder are on the disk."""
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
