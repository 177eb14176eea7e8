"""The lock that keeps a second server off a file, by whatever name it reaches that file.

Owns which locks are taken, and who is reported as their holder. It must not know what is in the file.

The lock is on the file itself, so that a hard link or a second mount of it does not get round it
(docs/decisions/0020-the-lock-is-on-the-file.md). A second one, on FILE-lock beside it, keeps the name: where the file
was moved away under a running server, no other server starts on a new file in its place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import sys
import threading
from contextlib import ExitStack, suppress

from workflowsvc.store.errors import StoreInUse, StoreUnusable

# Behind the 512 bytes from 1 GiB on that SQLite locks itself, so that the two never meet, whatever the file system.
LOCK_BYTE = 0x4000_0000 + 4096
SQLITE_SHARED = (
    0x4000_0000 + 2,
    510,
)  # what each connection of SQLite to a write-ahead log has locked: first, length
_FLOCK = "@hhqqi"  # struct flock of Linux: type, whence, start, length, pid
_HAS_OFD = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK")

_UNKNOWN = "another process of workflowsvc"

Identity = tuple[int, int]  # device and inode

_held: set[Identity] = set()
_guard = threading.Lock()
"""Files that this process has locked. Such a file must not be opened and closed again here: with the first close of any
descriptor of it, the locks of SQLite's connections in this process would be gone."""


class FileLock:
    """Held until `close`, or the end of the process, however that ends.

    A server's lock admits no other; a `shared` one, of a command that only reads, admits others that read. Only a
    server's makes the file if it is not there. StoreInUse when it cannot be had; StoreUnusable when the file cannot be
    opened.
    """

    def __init__(self, path: str, *, shared: bool = False) -> None:
        require_regular_file(path)
        self._identity: Identity | None = None
        self._beside: str | None = None  # FILE-lock, when this has made it
        with ExitStack() as undo, _guard:
            _require_not_held(path)
            is_new = not shared and not os.path.lexists(f"{path}-lock")
            beside = _lock_beside(path, shared=shared)
            if beside is not None:
                undo.callback(os.close, beside)
            if is_new:
                self._beside = f"{path}-lock"
                undo.push(self._remove_beside)
            self.file = _open(path, os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT)
            undo.callback(os.close, self.file)
            try:
                _lock_byte(self.file, fcntl.F_RDLCK if shared else fcntl.F_WRLCK)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise StoreUnusable(f"{path} cannot be locked: {error.strerror}.") from error
                raise StoreInUse(f"{path} is in use by {_holder(self.file)}.") from error
            identity = identity_of(self.file)
            if find_identity(path) != identity:
                raise StoreUnusable(f"{path} was moved or replaced while it was opened.")
            if not shared:
                self._identity = identity
                _held.add(identity)
            self._descriptors = undo.pop_all()

    def _remove_beside(self, kind: type[BaseException] | None, *_: object) -> None:
        """While it is still locked, so that it is not one that another process has made."""
        if kind is not None and self._beside is not None:
            with suppress(OSError):
                os.unlink(self._beside)

    def discard(self) -> None:
        """`close`, for a file that was found unfit: what was made beside it is removed."""
        self._remove_beside(Exception)
        self.close()

    def close(self) -> None:
        """After the last connection of SQLite to the file is closed."""
        with _guard:
            if self._identity is not None:
                _held.discard(self._identity)
                self._identity = None
            self._descriptors.close()


def is_locked(path: str) -> bool:
    """Whether a server has the file, this process included. False when the file cannot be opened."""
    with _guard:
        if find_identity(path) in _held:
            return True
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            _lock_byte(file, fcntl.F_RDLCK)
        except OSError:
            return True
        finally:
            os.close(file)
        return False


def is_served_by_this_name(path: str) -> bool:
    """Of a file that a server has: whether the server has it by this name. Its log is beside that name alone."""
    try:
        held = os.open(f"{path}-lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(held)
    return False


def holder_of(path: str) -> str:
    """Who has the file, for people; it must not be one that this process has locked."""
    with _guard:
        if find_identity(path) in _held:
            return f"process {os.getpid()}"
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return _UNKNOWN
        try:
            return _holder(file)
        finally:
            os.close(file)


def require_regular_file(path: str) -> None:
    """StoreUnusable for what is there and no file: a folder, a device; a pipe would be waited for without end."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise StoreUnusable(f"{path} cannot be used: it is {what}.")


def identity_of(file: int) -> Identity:
    """What makes this open file the same as another one."""
    found = os.fstat(file)
    return found.st_dev, found.st_ino


def find_identity(path: str) -> Identity | None:
    """The same of a path; None when nothing can be found there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _require_not_held(path: str) -> None:
    if find_identity(path) in _held:
        raise StoreInUse(f"{path} is in use by process {os.getpid()}.")


def _lock_beside(path: str, *, shared: bool) -> int | None:
    """The lock by name. A command that only reads respects it, but does not make its file."""
    while True:
        held = _lock_name(path, shared=shared)
        if held is None or shared or find_identity(f"{path}-lock") == identity_of(held):
            return held
        os.close(held)  # another process, for which the file was unfit, has removed it meanwhile


def _lock_name(path: str, *, shared: bool) -> int | None:
    try:
        if shared:
            held = os.open(f"{path}-lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        else:
            held = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if shared:
            return None
        raise StoreUnusable(f"{path} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(held, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(held, 32).decode("ascii", "replace").strip()
        os.close(held)
        raise StoreInUse(f"{path} is in use by process {holder or '(unknown)'}.") from error
    if not shared:
        with suppress(OSError):  # a full disk: the number is only for people
            os.ftruncate(held, 0)
            os.write(held, f"{os.getpid()}\n".encode())
    return held


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be used: {error.strerror}.") from error


def _lock_byte(file: int, kind: int) -> None:
    """OSError with EAGAIN or EACCES when another process holds it."""
    if _HAS_OFD:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, LOCK_BYTE, 1, 0))
    else:
        how = fcntl.LOCK_SH if kind == fcntl.F_RDLCK else fcntl.LOCK_EX
        fcntl.lockf(file, how | fcntl.LOCK_NB, 1, LOCK_BYTE)


def _holder(file: int) -> str:
    """The process whose SQLite has the file open: the kernel does not tell who has the lock itself."""
    if _HAS_OFD:
        with suppress(OSError):
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *SQLITE_SHARED, 0)
            answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
            if answer[0] != fcntl.F_UNLCK and answer[4] > 0:
                return f"process {answer[4]}"
    return _UNKNOWN
