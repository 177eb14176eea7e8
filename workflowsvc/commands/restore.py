"""`workflowsvc restore`: makes a store of a backup, and begins a new epoch in it.

Owns the command's options, the order of its steps and what is printed. The store appears under its name when it is
audited, in its new epoch, and on the disk. Exit status 0: done; 1: not done, and no store was made; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime

from workflowsvc.backups import checksums, folder
from workflowsvc.backups.epochs import Epoch, begin_epoch, find_backup
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.progress import progress
from workflowsvc.fsck import Options, audit
from workflowsvc.fsck.audit import Counts
from workflowsvc.fsck.report import as_text
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import RepairStore
from workflowsvc.stores import SQLITE, require_complete, require_there, sqlite_path

DESCRIPTION = """\
Make a SQLite store of a backup. Its checksum is compared, the store is audited, and a new epoch begins: task tokens
and page tokens that clients got before are refused, so that nothing they saw after the backup can be confused with
what comes. With --in-place, the same for a store that was restored by other means: with pg_restore, by point-in-time
recovery, or from a snapshot of the disk."""

RESTORING = ".restoring"
BESIDE = ("-wal", "-shm", "-journal")
AFTERWARDS = """\
What was acknowledged after the backup is lost: runs that were started, signals, results. Deciders and workers that
hold a task get "Invalid token"; tasks that were under way end by their time-outs. Access keys and policies are those of
the backup: a key that was disabled or deleted since is valid again."""


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "Set the same WORKFLOWSVC_ variables for quotas as for the service."
    parser.add_argument(
        "backup", nargs="?", metavar="BACKUP", help="the file, or a folder of which the newest is taken"
    )
    parser.add_argument(
        "--store", metavar="STORE", help="the store, sqlite:FILE, which must not exist [WORKFLOWSVC_STORE]"
    )
    parser.add_argument("--in-place", action="store_true", help="begin a new epoch in a store that is there")
    parser.add_argument(
        "--no-checksum", action="store_true", help="restore although no checksum is beside the backup"
    )
    parser.add_argument(
        "--with-problems", action="store_true", help="restore although the audit finds problems"
    )
    parser.add_argument(
        "--stopped",
        action="store_true",
        help="with --in-place: do not look for running servers: those connected to the database use another schema",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment(context.environment, {"store": arguments.store})
    options = Options(context.clock.now_ms(), quotas=settings.quotas)
    if settings.store == "memory":
        raise SettingsError("nothing can be restored into memory; name another --store")
    if arguments.in_place:
        if arguments.backup is not None:
            raise SettingsError("--in-place is about a store that is there: give no backup")
        _in_place(context, settings.store, options, arguments)
        return 0
    if arguments.backup is None:
        raise SettingsError("give a backup, or --in-place")
    if not settings.store.startswith(SQLITE):
        raise SettingsError(
            "a backup becomes a SQLite store: give --store sqlite:FILE; `workflowsvc copy` moves that to PostgreSQL"
        )
    _restore(context, arguments.backup, sqlite_path(settings.store), options, arguments)
    return 0


def _in_place(context: CommandContext, where: str, options: Options, arguments: argparse.Namespace) -> None:
    require_there(where)
    if not where.startswith(SQLITE):
        context.open_read_only(where, exclusive=not arguments.stopped).close()
    require_complete(where)
    with closing(context.open_store(where)) as store:
        _require_sound(context, store, options, anyway=arguments.with_problems)
        epoch = begin_epoch(store, context.clock.now_ms(), context.random_bytes)
        context.write(_text(epoch, store.describe()))


def _restore(
    context: CommandContext, backup: str, path: str, options: Options, arguments: argparse.Namespace
) -> None:
    backup = _chosen(backup)
    _require_free(path)
    checksum = checksums.find(backup)
    if checksum is None and not arguments.no_checksum:
        raise StoreUnusable(
            f"{backup}{checksums.ENDING} is not there. To restore without knowing that the backup is unchanged: "
            "--no-checksum."
        )
    with _temporary(path) as made:
        found = _copy(context, backup, made)
        if checksum is not None and found != checksum:
            raise StoreUnusable(
                f"{backup} is damaged: its SHA-256 is {found}, and {checksum} is written beside it."
            )
        with closing(context.open_read_only(f"{SQLITE}{made}")) as opened, opened.reader() as reader:
            if find_backup(reader) is None:
                raise StoreUnusable(
                    f"{backup} was not made by `workflowsvc backup`. A copy that was made otherwise is put in its "
                    "place and then needs `workflowsvc restore --in-place`."
                )
        with closing(context.open_store(f"{SQLITE}{made}")) as store:
            _require_sound(context, store, options, anyway=arguments.with_problems)
            epoch = begin_epoch(store, context.clock.now_ms(), context.random_bytes)
        _require_free(path)
        os.link(made, path)  # fails where something is by now; a rename would replace it
        folder.sync(os.path.dirname(path))
    context.write(_text(epoch, path))


def _chosen(backup: str) -> str:
    """The file itself, or the newest in a folder."""
    if not os.path.isdir(backup):
        return backup
    found = folder.backups_in(backup)
    if not found:
        raise StoreUnusable(f"{backup} holds no backup.")
    return found[-1]


def _require_free(path: str) -> None:
    """StoreUnusable when something is there. A log of another file would be taken for that of the store."""
    for ending in ("", *BESIDE):
        if os.path.lexists(f"{path}{ending}"):
            raise StoreUnusable(
                f"{path}{ending} is there. Stop the server and move {path} away, with {path}-wal if there is one; "
                "keep them until you no longer need what they hold."
            )
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise StoreUnusable(f"{os.path.dirname(path)} is no folder.")


@contextmanager
def _temporary(path: str) -> Generator[str]:
    """The name of a file beside `path`, which is removed at the end with all that was made beside it."""
    made = f"{path}{RESTORING}"
    try:
        _remove(made)
        yield made
    finally:
        _remove(made)


def _remove(made: str) -> None:
    for ending in ("", "-lock", *BESIDE):
        with suppress(FileNotFoundError):
            os.unlink(f"{made}{ending}")


def _copy(context: CommandContext, backup: str, made: str) -> str:
    """Copies the bytes; their SHA-256."""
    digest = hashlib.sha256()
    try:
        with open(backup, "rb") as source, open(made, "xb") as target:
            size = os.fstat(source.fileno()).st_size
            with progress(context, "bytes copied", of=size) as report:
                done = 0
                while part := source.read(1 << 20):
                    digest.update(part)
                    target.write(part)
                    done += len(part)
                    report(done)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        raise StoreUnusable(f"{backup} cannot be copied to {made}: {error.strerror}.") from error
    return digest.hexdigest()


def _require_sound(context: CommandContext, store: RepairStore, options: Options, *, anyway: bool) -> None:
    counts = Counts()
    with progress(context, "runs audited") as report, store.reader() as reader:
        options.progress = report
        problems = list(audit(reader, options, counts))
    if problems:
        context.write(as_text(store.describe(), problems, counts, repaired=None))
        if not anyway:
            raise StoreUnusable(
                "something is wrong, and nothing was restored. --with-problems restores all the same; "
                "`workflowsvc fsck --repair` then mends what can be mended."
            )
    context.write(
        f"{counts.runs:,} runs with {counts.events:,} events audited: {len(problems) or 'no'} problems.\n"
    )


def _text(epoch: Epoch, where: str) -> str:
    if epoch.backup is None:
        return f"Epoch {epoch.number} begins in {where}.\n{AFTERWARDS}\n"
    taken = datetime.fromtimestamp(epoch.backup.taken_at_ms / 1000, UTC)
    return f"Epoch {epoch.number} begins in {where}, with the backup of {taken:%Y-%m-%d %H:%M:%S} UTC.\n{AFTERWARDS}\n"
