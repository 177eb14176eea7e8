"""A model of a disk at a power cut, after any number of recorded operations.

Synced data is there. Of data written since, each sector of 512 bytes may be there or not, or hold garbage if it was
being written; a truncation may have happened or not; created and deleted names are certain once the folder was synced,
which SQLite does with the first sync of a new log or journal. A failed sync has lost the data that it should have
saved, although reads still show it while it is in the page cache.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

SECTOR = 512
MODES = ("nothing more", "all of it", "the first part", "any sectors", "any sectors, some garbage")


@dataclass
class DiskFile:
    """The synced bytes of a file, and the operations since."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)

    def sync(self) -> None:
        for operation in self.pending:
            apply(self.synced, operation)
        self.pending.clear()

    def after_power_cut(self, chance: random.Random) -> bytearray:
        data = bytearray(self.synced)
        mode = chance.choice(MODES)
        if mode == "all of it":
            kept = self.pending
        elif mode == "the first part":
            kept = self.pending[: chance.randrange(len(self.pending) + 1)]
        else:
            kept = [] if mode == "nothing more" else self.pending
        for operation in kept:
            if mode.startswith("any"):
                _apply_some(data, operation, chance, garbage=mode.endswith("garbage"))
            else:
                apply(data, operation)
        return data


def apply(data: bytearray, operation: Operation) -> None:
    if operation.kind == "truncate":
        del data[operation.number :]
    else:
        end = operation.number + len(operation.data)
        data.extend(bytes(max(0, end - len(data))))
        data[operation.number : end] = operation.data


def _apply_some(data: bytearray, operation: Operation, chance: random.Random, *, garbage: bool) -> None:
    if operation.kind == "truncate":
        if chance.random() < 0.5:
            apply(data, operation)
        return
    position, end = operation.number, operation.number + len(operation.data)
    while position < end:
        following = min(end, (position // SECTOR + 1) * SECTOR)
        piece = operation.data[position - operation.number : following - operation.number]
        dice = chance.random()
        if garbage and dice < 0.1:
            piece = chance.randbytes(len(piece))
        if dice < 0.5:
            apply(data, Operation("write", "", position, piece))
        position = following


class Disk:
    """All files after the operations that were fed to it; knows what a power cut may leave at any moment."""

    def __init__(self) -> None:
        self._named: dict[str, DiskFile] = {}  # folder as programs see it
        self._certain: dict[str, DiskFile] = {}  # folder as it was synced
        self.begun = self.acknowledged = 0

    def feed(self, operation: Operation) -> None:
        kind, name = operation.kind, operation.file
        if kind == "begun":
            self.begun = max(self.begun, operation.number)
        elif kind == "acknowledged":
            self.acknowledged = operation.number
        elif kind in ("write", "truncate"):
            self._named.setdefault(name, DiskFile()).pending.append(operation)
        elif kind == "failed sync":
            self._named.setdefault(name, DiskFile()).pending.clear()
        elif kind == "sync":
            file = self._named.setdefault(name, DiskFile())
            file.sync()
            if name.endswith(("-wal", "-journal")) and self._certain.get(name) is not file:
                self._certain = dict(self._named)
        elif kind == "delete":
            self._named.pop(name, None)
            if operation.number:
                self._certain = dict(self._named)

    def read(self, name: str) -> bytearray:
        """The content of a file when the page cache holds nothing of it."""
        file = self._named.get(name, DiskFile())
        data = bytearray(file.synced)
        for operation in file.pending:
            apply(data, operation)
        return data

    def after_power_cut(self, chance: random.Random) -> dict[str, bytearray]:
        names = chance.choice((self._certain, self._named))
        return {name: file.after_power_cut(chance) for name, file in names.items()}


class Operation(msgspec.Struct, array_like=True, omit_defaults=True):
    """write, sync, failed sync, truncate, delete, begun, acknowledged."""

    kind: str
    file: str = ""
    number: int = 0  # offset, size, 1 for a deletion that syncs the folder; or which transaction
    data: bytes = b""


def read(record: Path) -> Iterator[Operation]:
    decode = msgspec.msgpack.Decoder(Operation).decode
    data = memoryview(record.read_bytes())
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        yield decode(data[position + 4 : position + 4 + length])
        position += 4 + length
