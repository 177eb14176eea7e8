"""Examines a SQLite file and its disk: what endangers it or makes it slow, and what to do about it.

Owns the list of examinations; `workflowsvc doctor` prints what they find. It reads, and changes nothing, and a
server may run meanwhile. Whether the data is sound is the question of `workflowsvc fsck`.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.examination import Finding
from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore, require_complete

MIB = 1 << 20
FEW_FREE_SHARE = 0.05  # of the disk; the file system itself becomes slow there, too
FEW_FREE_BYTES = 512 * MIB
LARGE_LOG_BYTES = 256 * MIB  # a log is cut back to 64 MiB when it has been taken in
HUGE_LOG_BYTES = 2 << 30
MANY_UNUSED_SHARE, MANY_UNUSED_BYTES = 0.5, 256 * MIB

# Locks or syncs of these are not what SQLite needs: two servers could write at once, or a commit be lost.
_REMOTE = {
    "nfs",
    "nfs3",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ncpfs",
    "fuse.sshfs",
    "fuse.s3fs",
    "virtiofs",
}
_IN_MEMORY = {"tmpfs", "ramfs"}


class Mount(NamedTuple):
    """The file system that a path is on, as Linux names it."""

    kind: str
    options: frozenset[str]


def examine(path: str, mounts: str | None) -> list[Finding]:
    """Everything, in the order of the list below. `mounts`: the text of /proc/self/mountinfo, None where there is
    none."""
    findings = list(_file(path))
    if findings[0].level == "bad":
        return findings
    real_path = os.path.realpath(path)
    for look in (_disk, _log, _unused, _rights):
        findings += look(real_path)
    return [*findings, *_file_system(real_path, mounts)]


def _file(path: str) -> Iterator[Finding]:
    try:
        require_complete(path)
        with closing(SqliteReadOnlyStore(path)) as store:
            yield Finding("ok", f"schema {store.schema_number}")
    except StoreUnusable as error:
        yield Finding(
            "bad",
            str(error),
            "name the complete file of a store; `workflowsvc migrate` upgrades an older one",
        )


def _disk(path: str) -> Iterator[Finding]:
    usage = shutil.disk_usage(os.path.dirname(path))
    free = f"{usage.free / MIB:,.0f} MiB of {usage.total / MIB:,.0f} MiB are free on its disk"
    if usage.free < max(FEW_FREE_SHARE * usage.total, 0) or usage.free < FEW_FREE_BYTES:
        yield Finding("bad", free, "make room: on a full disk all calls that write are answered 503")
    elif usage.free < os.path.getsize(path):
        yield Finding("note", free, "keep backups on another disk: there is no room here for one")
    else:
        yield Finding("ok", free)


def _log(path: str) -> Iterator[Finding]:
    try:
        size = os.path.getsize(f"{path}-wal")
    except OSError:
        size = 0
    what = f"the log has {size / MIB:,.1f} MiB"
    if size < LARGE_LOG_BYTES:
        yield Finding("ok", what)
        return
    yield Finding(
        "bad" if size >= HUGE_LOG_BYTES else "note",
        what,
        "something reads an old state of the file, and the log grows until it ends: a backup, an audit, a shell of "
        "sqlite3; `fuser` or `lsof` names the process",
    )


def _unused(path: str) -> Iterator[Finding]:
    with closing(SqliteReadOnlyStore(path)) as store:
        unused = store.unused_bytes()
    size = os.path.getsize(path)
    if unused > MANY_UNUSED_BYTES and unused > MANY_UNUSED_SHARE * size:
        yield Finding(
            "note",
            f"{unused / MIB:,.0f} MiB of {size / MIB:,.0f} MiB of the file are unused",
            "they are used again before the file grows; to give them back, `workflowsvc copy` it to a new file",
        )
    else:
        yield Finding("ok", f"{unused / MIB:,.1f} MiB of {size / MIB:,.1f} MiB of the file are unused")


def _rights(path: str) -> Iterator[Finding]:
    def others(name: str, right: int) -> bool:
        return bool(os.stat(name).st_mode & right)

    if others(path, stat.S_IROTH) and others(os.path.dirname(path), stat.S_IXOTH):
        yield Finding(
            "note",
            "every user of this machine may read the file",
            f"it holds all inputs and results, and the key of all tokens: chmod o-rwx {os.path.dirname(path)}",
        )
    else:
        yield Finding("ok", "other users of this machine cannot read the file")


def _file_system(path: str, mounts: str | None) -> Iterator[Finding]:
    mount = None if mounts is None else find_mount(path, mounts)
    if mount is None:
        yield Finding("note", "the file system is not known", "check that it is a disk of this machine")
    elif mount.kind in _REMOTE:
        yield Finding(
            "bad",
            f"the file is on {mount.kind}, a file system of the network",
            "its locks and syncs cannot be relied on: put the file on a disk of this machine, or use PostgreSQL",
        )
    elif mount.kind in _IN_MEMORY:
        yield Finding(
            "bad", f"the file is on {mount.kind}, in memory", "put it on a disk: a power cut loses all of it"
        )
    elif "nobarrier" in mount.options or "barrier=0" in mount.options:
        yield Finding(
            "bad",
            f"{mount.kind} is mounted without barriers",
            "mount it with barriers: a power cut can lose commits",
        )
    elif mount.kind == "overlay":
        yield Finding(
            "bad",
            "the file is in the layer of a container",
            "put it on a volume: it is gone with the container",
        )
    else:
        yield Finding("ok", f"it is on {mount.kind}")


def find_mount(path: str, mounts: str) -> Mount | None:
    """The mount that a real path is on, of the lines of mountinfo; the last of those that cover each other."""
    found: tuple[int, Mount] | None = None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields, more = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(more) < 3:
            continue
        place = fields[4].encode().decode("unicode_escape")  # a blank is \\040
        covers = place == "/" or path == place or path.startswith(f"{place}/")
        if covers and (found is None or len(place) >= found[0]):
            options = frozenset(f"{fields[5]},{more[2]}".split(","))
            found = len(place), Mount(more[0], options)
    return None if found is None else found[1]
