"""The SHA-256 of a backup, in a file beside it that `sha256sum --check` reads too."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

from workflowsvc.store.errors import StoreUnusable

ENDING = ".sha256"
CHUNK_BYTES = 256 << 10
_LINE = re.compile(rb"([0-9a-f]{64}) [ *](.+)\n?")


def checksum_of(path: str, progress: Callable[[int], None]) -> str:
    """Reads the whole file; `progress` gets the number of bytes of each part. The pages leave the machine's cache."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while part := file.read(CHUNK_BYTES):
            digest.update(part)
            progress(len(part))
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest()


def write(path: str, checksum: str) -> None:
    """The file beside `path`, on the disk when this returns."""
    with open(f"{path}{ENDING}", "wb") as file:
        file.write(f"{checksum}  {os.path.basename(path)}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def find(path: str) -> str | None:
    """What is written beside a backup; None when there is no such file. StoreUnusable when it cannot be read."""
    try:
        with open(f"{path}{ENDING}", "rb") as file:
            found = _LINE.fullmatch(file.read(8_192))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnusable(f"{path}{ENDING} cannot be read: {error.strerror}.") from error
    if found is None:
        raise StoreUnusable(f"{path}{ENDING} holds no checksum.")
    return found[1].decode("ascii")
