"""A process that commits on a recorded disk: every write, sync, truncation and deletion is written down.

Owns the VFS that records, and a disk that now and then fails to sync. `power.py` makes of the record what a
power cut might have left. The process may kill itself in the middle, and a new one go on with the same record.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec

from tests.crash.power_disk import Disk, Operation, read
from tests.crash.store_work import done, transact
from workflowsvc.store.errors import StoreUnusable, Unavailable
from workflowsvc.store.sqlite.store import SqliteStore


class Recording(NamedTuple):
    """Commit until there are `transactions` in all, or until `die_after` operations of the disk."""

    store: str
    record_in: str
    transactions: int
    seed: int
    die_after: int = 1 << 60
    failing_syncs: float = 0.0  # the share of syncs of the log that fail
    checkpoint_pages: int = 40  # often, so that power is cut in checkpoints too


class Record:
    """Where operations are written down, each before it is done."""

    def __init__(self, order: Recording) -> None:
        self._out = os.open(order.record_in, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._left = order.die_after
        self._encode = msgspec.msgpack.Encoder().encode

    def __call__(self, kind: str, file: str = "", number: int = 0, data: bytes = b"") -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        line = self._encode(Operation(kind, os.path.basename(file), number, data))
        os.write(self._out, len(line).to_bytes(4, "big") + line)


class RecordedFile(apsw.VFSFile):
    """A file whose every change is written down."""

    def __init__(self, disk: RecordedDisk, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._name = name if isinstance(name, str) else name.filename()

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.record("write", self._name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.record("truncate", self._name, size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        if self._disk.fails():
            self._disk.record("failed sync", self._name)
            if self._disk.fails_for_good():
                os.kill(os.getpid(), signal.SIGKILL)
            raise FailedSync("the disk has failed")
        self._disk.record("sync", self._name)


class FailedSync(apsw.IOError):
    """What fsync gives with EIO."""

    extendedresult = apsw.SQLITE_IOERR_FSYNC


class RecordedDisk(apsw.VFS):
    """The file system, but for syncs, which only the record knows: what it says is synced is safe."""

    def __init__(self, record: Record, chance: random.Random, failing_syncs: float) -> None:
        self.record = record
        self._chance, self._failing_syncs = chance, failing_syncs
        super().__init__("recorded", "unix", makedefault=True)

    def fails(self) -> bool:
        return self._failing_syncs > 0 and self._chance.random() < self._failing_syncs

    def fails_for_good(self) -> bool:
        """The process is killed before it can do anything about it: the worst moment to begin anew."""
        return self._chance.random() < 0.5

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return RecordedFile(self, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self.record("delete", name, int(sync_folder))
        super().xDelete(name, sync_folder)


def play_the_kernel(order: Recording, record: Record) -> None:
    """fsync and posix_fadvise as the disk would have them: a page that was lost and is no longer remembered is
    read as the disk has it.
    """

    def name_of(file: int) -> str:
        return os.readlink(f"/proc/self/fd/{file}")

    def sync(file: int) -> None:
        record("sync", name_of(file))

    def forget(file: int, offset: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        assert offset == 0
        path = Path(name_of(file))
        disk = Disk()
        for operation in read(Path(order.record_in)):
            disk.feed(operation)
        said = bytes(disk.read(path.name))
        path.write_bytes(said if length == 0 else said[:length] + path.read_bytes()[length:])

    os.fsync, os.posix_fadvise = sync, forget  # type: ignore[assignment]


def record(order: Recording, announce: Callable[[int], None]) -> int:
    """Commits. Ends early when the disk does not even let it open or close the store."""
    announce(1)
    chance = random.Random(order.seed)
    disk = RecordedDisk(Record(order), chance, order.failing_syncs)
    play_the_kernel(order, disk.record)
    number = 0
    with suppress(apsw.IOError, StoreUnusable):
        while number < order.transactions:
            store = SqliteStore(order.store)
            store._writer.wal_autocheckpoint(order.checkpoint_pages)
            number = done(store)
            until = min(order.transactions, number + chance.randrange(1, 60))
            while number < until:
                number = _transaction(store, number, disk.record)
            store.close()
    return 0


def _transaction(store: SqliteStore, number: int, record: Record) -> int:
    """The next one; how many there are then."""
    record("begun", number=number + 1)
    try:
        transact(store, number + 1)
    except Unavailable:
        # Not known: apsw also reports the failed sync of a checkpoint, behind a commit that is done.
        return done(store)
    record("acknowledged", number=number + 1)
    return number + 1
