"""Disks that a test can make slow, full or broken while a server uses them.

Owns three of them: a preloaded library between SQLite and the kernel (needs a C compiler), a small tmpfs that a
ballast file fills (needs the right to mount), and a limit on the size of files (needs no privilege).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import mmap
import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.server import Server

SOURCE = Path(__file__).with_name("faulty_disk.c")


@functools.cache
def compiler() -> str | None:
    """The C compiler of this machine."""
    return shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")


class FaultyDisk:
    """A library between a server and its disk; it and its control file are in `folder`."""

    def __init__(self, folder: Path) -> None:
        library, control = folder / "faulty_disk.so", folder / "faulty_disk"
        made_by = compiler()
        assert made_by is not None
        command = [made_by, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        control.write_bytes(bytes(16))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 16)
        self.environment = {"LD_PRELOAD": str(library), "FAULTY_DISK": str(control)}

    def _set(self, place: int, value: int) -> None:
        struct.pack_into("i", self._control, 4 * place, value)

    def fail_syncs(self, number: int = errno.EIO) -> None:
        self._set(0, number)

    def fail_writes(self, number: int = errno.EIO) -> None:
        self._set(1, number)

    def slow_down(self, milliseconds: int) -> None:
        self._set(2, milliseconds)

    def heal(self) -> None:
        for place in range(3):
            self._set(place, 0)

    @property
    def syncs(self) -> int:
        """The number of syncs so far: shows that the library is in use."""
        return struct.unpack_from("i", self._control, 12)[0]


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "6m") -> Iterator[Path]:
    """A file system of this size; PermissionError when this user may not mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        raise PermissionError("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Ballast:
    """A file that fills a disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def fill(self) -> None:
        """Writes until no space is left."""
        piece = bytes(65_536)
        with contextlib.suppress(OSError), self._path.open("wb", buffering=0) as file:
            while file.write(piece):
                pass

    def heal(self) -> None:
        self._path.unlink(missing_ok=True)


class NoLargerFiles:
    """No file of the server may grow beyond what the database has now."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def fill(self) -> None:
        log = self._server.file.with_name(self._server.file.name + "-wal")
        size = max(self._server.file.stat().st_size, log.stat().st_size if log.exists() else 0)
        self._limit(size)

    def heal(self) -> None:
        if self._server.is_running:
            _, hard = resource.prlimit(self._server.pid, resource.RLIMIT_FSIZE)
            self._limit(hard)

    def _limit(self, size: int) -> None:
        _, hard = resource.prlimit(self._server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._server.pid, resource.RLIMIT_FSIZE, (size, hard))
