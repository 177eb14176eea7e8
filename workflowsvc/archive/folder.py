"""A folder that holds archived runs, one file each.

Owns durability: a file is complete and synced before it gets its name, and its folders are synced before `sync`
returns. What a crash has left half written is in a folder of its own, and is removed later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, NoReturn, cast

from workflowsvc.archive.place import Found, NoObject, PlaceFailed

INCOMING = ".incoming"
STALE_SECONDS = 86_400  # after which a file there belongs to a process that is gone


class Folder:
    """A `Place`."""

    workers = 4  # syncs of a disk overlap a little

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def describe(self) -> str:
        return str(self._root)

    def prepare(self, now: float) -> None:
        """Before the first object is put: the folder exists and takes files. `now`: seconds since the epoch."""
        try:
            if not self._root.is_dir():
                raise PlaceFailed(f"{self._root} is no folder")
            incoming = self._root / INCOMING
            incoming.mkdir(exist_ok=True)
            for entry in os.scandir(incoming):
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < now - STALE_SECONDS:
                    os.unlink(entry.path)
        except OSError as error:
            _fail(error, self._root)

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        path = self._path(name)
        try:
            incoming = self._root / INCOMING
            if not self._root.is_dir():
                raise PlaceFailed(f"{self._root} is no folder")  # not made: a disk may not be mounted
            incoming.mkdir(exist_ok=True)
            with NamedTemporaryFile(dir=incoming, suffix=".partial", delete=False) as file:
                try:
                    write(cast(BinaryIO, file))
                    file.flush()
                    os.fsync(file.fileno())
                    size = file.tell()
                    self._make_parents(path.parent)
                    os.replace(file.name, path)
                except BaseException:
                    with suppress(OSError):
                        os.unlink(file.name)
                    raise
        except OSError as error:
            _fail(error, path)
        return size

    def _path(self, name: str) -> Path:
        assert not any(part in ("", ".", "..") for part in name.split("/")), name
        return self._root / name

    def _make_parents(self, folder: Path) -> None:
        """Each new folder is in the one above it after a power cut, too."""
        missing: list[Path] = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            _sync(each.parent)

    def sync(self, names: list[str]) -> None:
        for folder in {self._path(name).parent for name in names}:
            try:
                _sync(folder)
            except OSError as error:
                _fail(error, folder)

    def open(self, name: str) -> BinaryIO:
        path = self._path(name)
        try:
            return path.open("rb")
        except FileNotFoundError:
            raise NoObject(f"there is no {path}") from None
        except OSError as error:
            _fail(error, path)

    def list(self, prefix: str) -> Iterator[Found]:
        above, _, beginning = prefix.rpartition("/")
        folder = self._path(above) if above else self._root
        try:
            if not self._root.is_dir():
                raise PlaceFailed(f"{self._root} is no folder")
            yield from self._below(folder, f"{above}/" if above else "", beginning)
        except OSError as error:
            _fail(error, folder)

    def folders(self, prefix: str) -> list[str]:
        folder = self._path(prefix.rstrip("/")) if prefix else self._root
        try:
            if not self._root.is_dir():
                raise PlaceFailed(f"{self._root} is no folder")
            return sorted(
                entry.name
                for entry in os.scandir(folder)
                if entry.is_dir(follow_symlinks=False) and entry.name != INCOMING
            )
        except FileNotFoundError:
            return []
        except OSError as error:
            _fail(error, folder)

    def _below(self, folder: Path, path: str, beginning: str = "") -> Iterator[Found]:
        """In the order of whole names: a folder stands where its slash does."""
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        named = [
            (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
            for entry in entries
            if entry.name.startswith(beginning) and entry.name != INCOMING
        ]
        for name, entry in sorted(named, key=lambda each: each[0]):
            if name.endswith("/"):
                yield from self._below(folder / entry.name, f"{path}{name}")
            elif entry.is_file(follow_symlinks=False):
                yield Found(f"{path}{name}", entry.stat().st_size)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fail(error: OSError, path: Path) -> NoReturn:
    raise PlaceFailed(f"{path}: {error.strerror or error}") from error
