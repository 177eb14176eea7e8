"""`workflowsvc fsck`: audits a database, and with --repair rebuilds the rows that follow from its histories.

Owns the command's options and exit statuses: 0 nothing is wrong (any more), 1 something is, 2 the database could not be
examined. The audit and the repair are those of the package `fsck`.
"""

from __future__ import annotations

import argparse

from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.progress import progress
from workflowsvc.fsck.audit import Counts, Options, audit
from workflowsvc.fsck.problem import Problem
from workflowsvc.fsck.repair import repair
from workflowsvc.fsck.report import as_json, as_text
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.store.interface import RepairStore
from workflowsvc.stores import accept_missing_log, require_there

DESCRIPTION = """\
Audit a database: replay every history and compare the result with the stored rows, check every history against the
rules of Amazon SWF, compare the schema with that of this release, and let the database check its files. Without
--repair nothing is written, and a server may be running. With --repair, rows that follow from histories are rebuilt;
histories are never changed, and no server may be running."""

SOUND, WRONG, NOT_EXAMINED = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "Set the same WORKFLOWSVC_ variables for quotas as for the service."
    parser.add_argument("--store", metavar="STORE", help="the database, as for serve [WORKFLOWSVC_STORE]")
    parser.add_argument("--repair", action="store_true", help="rebuild the rows that follow from histories")
    parser.add_argument(
        "--accept-missing-log",
        action="store_true",
        help="with --repair: take a SQLite file that was copied without its log as it is",
    )
    parser.add_argument(
        "--quick", action="store_true", help="do not check histories against the rules of SWF"
    )
    parser.add_argument("--json", action="store_true", help="print the problems as JSON")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    """Audits the database that the arguments name and prints the report; the exit status."""
    try:
        settings = Settings.from_environment(context.environment, {"store": arguments.store})
        if settings.store == "memory":
            raise SettingsError("a database in memory is gone with its server; name another --store")
        with progress(context, "runs audited") as report:
            options = Options(
                context.clock.now_ms(),
                lint=not arguments.quick,
                quotas=settings.quotas,
                progress=report,
            )
            if arguments.accept_missing_log and not arguments.repair:
                raise SettingsError("--accept-missing-log changes the database: give --repair too")
            if arguments.repair:
                require_there(settings.store)
                if arguments.accept_missing_log:
                    accept_missing_log(settings.store)
                where, problems, counts, repaired = _repair(context.open_store(settings.store), options)
            else:
                where, problems, counts = _audit(context, settings.store, options)
                repaired = None
    except (SettingsError, StoreUnusable, StoreError) as error:
        context.stderr.write(f"workflowsvc fsck: {error}\n")
        return NOT_EXAMINED
    report = (as_json if arguments.json else as_text)(where, problems, counts, repaired=repaired)
    context.write(report)
    return WRONG if problems else SOUND


def _audit(context: CommandContext, where: str, options: Options) -> tuple[str, list[Problem], Counts]:
    """Reads again what a server has changed by starting meanwhile: the second time there is a snapshot to read."""
    while True:
        database = context.open_read_only(where)
        try:
            counts = Counts()
            try:
                with database.reader() as reader:
                    problems = list(audit(reader, options, counts))
            except StoreError:
                if not database.was_overtaken():
                    raise
                continue
            if not database.was_overtaken():
                return database.describe(), problems, counts
        finally:
            database.close()


def _repair(store: RepairStore, options: Options) -> tuple[str, list[Problem], Counts, int]:
    """The problems that are left, and how many were repaired."""
    try:
        with store.reader() as reader:
            before = list(audit(reader, options))
        failed = repair(store, before, options) if any(problem.repairable for problem in before) else []
        counts = Counts()
        with store.reader() as reader:
            after = list(audit(reader, options, counts)) + failed
        return store.describe(), after, counts, max(len(before) - len(after), 0)
    finally:
        store.close()
