"""`workflowsvc backup`: a consistent, audited copy of a SQLite store, made while a server uses the store.

Owns the command's options, the order of its steps and what is printed. A file bears the name of a backup only when it
is whole and on the disk, with its checksum beside it. Exit status 0: made and sound; 1: not made, or the audit found
problems, which the store has too; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec

from workflowsvc import __version__
from workflowsvc.backups import checksums, folder
from workflowsvc.backups.epochs import Backup, encode_backup, find_backup
from workflowsvc.backups.pace import MIB, Pace
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.progress import progress
from workflowsvc.fsck import Options, Problem, audit
from workflowsvc.fsck.audit import Counts
from workflowsvc.fsck.report import as_text
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.meta import BACKUP
from workflowsvc.stores import SQLITE, open_sqlite_read_only, put_meta, require_there, sqlite_path

DESCRIPTION = """\
Back up a SQLite store, while a server uses it or not. The backup is the store at one moment: all that was acknowledged
before the command began is in it. It is audited as by `workflowsvc fsck`, and its SHA-256 is written beside it.
To use a backup, restore it: `workflowsvc restore`. No server starts on the backup itself."""

SOUND, WRONG = 0, 1
LOWEST_PRIORITY = 19
MARGIN = 1.02  # of the store's size: it may grow until the copy begins


class Summary(msgspec.Struct, rename="camel", kw_only=True):
    """What --json prints."""

    path: str
    bytes: int
    sha256: str
    taken_at_ms: int
    seconds: float
    runs: int | None = None
    events: int | None = None
    problems: list[str] | None = None  # None: not audited
    removed: list[str]


class Place(NamedTuple):
    """Where a backup goes. `folder`: where backups are kept under names of their own; None for one file."""

    path: str
    folder: str | None

    @property
    def part(self) -> str:
        return f"{self.path}{folder.PART}"


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "Set the same WORKFLOWSVC_ variables for quotas as for the service."
    parser.add_argument("--store", metavar="STORE", help="the store, sqlite:FILE [WORKFLOWSVC_STORE]")
    parser.add_argument(
        "--to",
        metavar="PLACE",
        required=True,
        help="a folder, in which each backup has the moment in its name, or a file that does not exist",
    )
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="of a folder: keep the newest N backups, remove older ones after this one was found sound",
    )
    parser.add_argument(
        "--mib-per-second",
        type=float,
        default=50.0,
        metavar="MIB",
        help="how fast the store is copied, 0: as fast as the disk allows [50]",
    )
    parser.add_argument(
        "--audit",
        choices=("full", "quick", "none"),
        default="full",
        help="full: as workflowsvc fsck; quick: as fsck --quick; none: the backup is not read again but for its "
        "checksum [full]",
    )
    parser.add_argument(
        "--background", action="store_true", help="run with the lowest priority of this machine"
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment(context.environment, {"store": arguments.store})
    require_sqlite(settings.store)
    require_sensible(arguments)
    require_there(settings.store)
    if arguments.background:
        os.nice(LOWEST_PRIORITY)
    began = context.clock.now_ms()
    place = place_of(arguments.to, began)
    if arguments.keep is not None and place.folder is None:
        raise SettingsError("--keep is about a folder of backups: give one to --to")
    options = Options(began, lint=arguments.audit == "full", quotas=settings.quotas)
    with _sole_user(place):
        require_room(place, sqlite_path(settings.store))
        try:
            summary, counts, problems = _make(context, settings.store, place, arguments, options)
        except BaseException:
            for ending in ("", "-journal", "-wal", "-shm"):
                with suppress(OSError):
                    os.unlink(f"{place.part}{ending}")
            raise
        if arguments.keep is not None and place.folder is not None and not problems:
            summary.removed = folder.prune(place.folder, arguments.keep)
    summary.seconds = (context.clock.now_ms() - began) / 1000
    if arguments.json:
        context.write(msgspec.json.encode(summary).decode() + "\n")
    else:
        if problems:
            context.write(as_text(place.path, problems, counts, repaired=None))
        context.write(_text(summary))
    return WRONG if problems else SOUND


def require_sqlite(where: str) -> None:
    """SettingsError for a store that is not a file."""
    if where == "memory":
        raise SettingsError("a store in memory cannot be backed up: it is gone with its server")
    if not where.startswith(SQLITE):
        raise SettingsError(
            "this command backs up SQLite. For PostgreSQL, use its own tools, such as pg_dump or pgBackRest "
            "(docs/backup.md), and `workflowsvc restore --in-place` after a restore"
        )


def require_sensible(arguments: argparse.Namespace) -> None:
    """SettingsError for numbers that mean nothing."""
    if arguments.keep is not None and arguments.keep < 1:
        raise SettingsError("--keep: give 1 or more")
    if not 0 <= arguments.mib_per_second < 1_000_000:  # not a number is none of these
        raise SettingsError("--mib-per-second: give 0, for no bound, or more")


def place_of(to: str, at_ms: int) -> Place:
    """StoreUnusable when there is something already, or no folder to make it in."""
    if os.path.isdir(to) or to.endswith(os.sep):
        place = Place(os.path.join(to, folder.name_at(at_ms)), to)
    else:
        place = Place(to, None)
    if not os.path.isdir(os.path.dirname(place.path) or "."):
        raise StoreUnusable(f"{os.path.dirname(place.path)} is no folder.")
    if os.path.lexists(place.path):
        raise StoreUnusable(f"{place.path} is there already.")
    if place.folder is None and os.path.lexists(place.part):
        raise StoreUnusable(
            f"{place.part} is there: a backup is being made of it, or one was interrupted; then remove it."
        )
    return place


@contextmanager
def _sole_user(place: Place) -> Generator[None]:
    if place.folder is None:
        yield
        return
    with folder.locked(place.folder):
        yield


def require_room(place: Place, store: str) -> None:
    """StoreUnusable when the disk has too little free."""
    needed = sum(os.path.getsize(path) for path in (store, f"{store}-wal") if os.path.exists(path))
    free = shutil.disk_usage(os.path.dirname(place.path) or ".").free
    if free < needed * MARGIN:
        raise StoreUnusable(
            f"{place.path} would need {needed / MIB:,.0f} MiB, and its disk has {free / MIB:,.0f} MiB free."
        )


def _make(
    context: CommandContext, where: str, place: Place, arguments: argparse.Namespace, options: Options
) -> tuple[Summary, Counts, list[Problem]]:
    pace = Pace(arguments.mib_per_second, context.clock.monotonic, context.clock.sleep)
    taken_at_ms = _copy(context, where, place.part, pace)
    put_meta(place.part, BACKUP, encode_backup(Backup(taken_at_ms, __version__)))
    counts = Counts()
    problems = [] if arguments.audit == "none" else _audit(context, place.part, options, counts)
    size = os.path.getsize(place.part)
    with progress(context, "MiB read again for the checksum", of=size // MIB) as report:
        read = 0

        def reread(part: int) -> None:
            nonlocal read
            pace.spend(part)
            read += part
            report(read // MIB)

        checksum = checksums.checksum_of(place.part, reread)
    checksums.write(place.path, checksum)
    os.rename(place.part, place.path)
    folder.sync(os.path.dirname(place.path))
    summary = Summary(
        path=place.path,
        bytes=size,
        sha256=checksum,
        taken_at_ms=taken_at_ms,
        seconds=0.0,
        removed=[],
    )
    if arguments.audit != "none":
        summary.runs, summary.events = counts.runs, counts.events
        summary.problems = [str(problem) for problem in problems]
    return summary, counts, problems


def _copy(context: CommandContext, where: str, part: str, pace: Pace) -> int:
    """Makes the file; the moment before its snapshot, in milliseconds since the epoch. Begins again when a server has
    begun to write to a store that was read without it."""
    while True:
        source = open_sqlite_read_only(where)
        try:
            with source.reader() as reader:
                if find_backup(reader) is not None:
                    raise StoreUnusable(
                        f"{source.describe()} is a backup itself: copy the file and its checksum."
                    )
            taken_at_ms = context.clock.now_ms()
            with progress(context, "MiB copied", of=os.path.getsize(sqlite_path(where)) // MIB) as report:
                spent = 0

                def copied(done: int, whole: int) -> None:
                    nonlocal spent
                    pace.spend(done - spent)
                    spent = done
                    report(done // MIB)

                source.copy_to(part, copied)
            if not source.was_overtaken():
                return taken_at_ms
            os.unlink(part)
        finally:
            source.close()


def _audit(context: CommandContext, path: str, options: Options, counts: Counts) -> list[Problem]:
    backup = open_sqlite_read_only(f"{SQLITE}{path}")
    try:
        with progress(context, "runs audited") as report, backup.reader() as reader:
            options.progress = report
            return list(audit(reader, options, counts))
    finally:
        backup.close()


def _text(summary: Summary) -> str:
    lines = [f"{summary.path}: {summary.bytes / MIB:,.1f} MiB in {summary.seconds:.1f} s."]
    if summary.problems is None:
        lines.append("It was not audited.")
    else:
        found = "no problems" if not summary.problems else f"{len(summary.problems)} problems"
        lines.append(f"{summary.runs:,} runs with {summary.events:,} events audited: {found}.")
    lines.append(f"SHA-256 {summary.sha256}")
    lines += [f"removed {path}" for path in summary.removed]
    return "\n".join(lines) + "\n"
