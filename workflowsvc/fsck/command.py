"""`workflowsvc fsck`: audits a database, and with --repair rebuilds what its histories imply.

Owns the command's options and exit codes: 0 nothing is wrong (any more), 1 something is, 2 it could not be
examined. Which stores there are is the business of cli.py, which hands over how to open one.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager
from typing import Protocol

from workflowsvc.clock import SystemClock
from workflowsvc.fsck.audit import Counts, Options, Problem, audit
from workflowsvc.fsck.repair import repair
from workflowsvc.fsck.report import as_json, as_text
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.store.interface import AuditReader, RepairStore

DESCRIPTION = """\
Audit a database: replay every history and compare all that follows from it, judge every history by the rules of
Amazon SWF, and let the database examine its files. Without --repair nothing is written, and a server may be
running. With --repair, rows that follow from histories are rebuilt; what histories hold is never changed, and no
server may be running."""

SOUND, WRONG, NOT_EXAMINED = 0, 1, 2
TOLD_EVERY = 10_000  # runs


class Auditable(Protocol):
    """A store, or a store opened for reading only."""

    def reader(self) -> AbstractContextManager[AuditReader]: ...
    def describe(self) -> str: ...
    def close(self) -> None: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "Quotas that the service was given by environment variables must be given here too."
    parser.add_argument("--store", metavar="STORE", help="the database, as for serve [WORKFLOWSVC_STORE]")
    parser.add_argument("--repair", action="store_true", help="rebuild what follows from histories")
    parser.add_argument("--quick", action="store_true", help="do not judge the histories themselves")
    parser.add_argument("--json", action="store_true", help="print the problems as JSON")


def run(args: argparse.Namespace) -> int:
    """Audits what the arguments name, prints the report; the exit code."""
    try:
        settings = Settings.from_environment(os.environ, {"store": args.store})
        if settings.store == "memory":
            raise SettingsError("a database in memory is gone with its server; name another --store")
        options = Options(
            SystemClock().now_ms(), lint=not args.quick, quotas=settings.quotas, progress=_progress
        )
        if args.repair:
            where, problems, counts, repaired = _repair(args.open_store(settings.store), options)
        else:
            where, problems, counts = _audit(args.open_read_only(settings.store), options)
            repaired = None
    except (SettingsError, StoreUnusable, StoreError) as error:
        sys.stderr.write(f"workflowsvc fsck: {error}\n")
        return NOT_EXAMINED
    report = (as_json if args.json else as_text)(where, problems, counts, repaired=repaired)
    encoding = sys.stdout.encoding or "utf-8"  # a terminal that cannot show every letter hides no problem
    sys.stdout.write(report.encode(encoding, "replace").decode(encoding))
    return WRONG if problems else SOUND


def _audit(database: Auditable, options: Options) -> tuple[str, list[Problem], Counts]:
    counts = Counts()
    try:
        with database.reader() as reader:
            return database.describe(), list(audit(reader, options, counts)), counts
    finally:
        database.close()


def _repair(store: RepairStore, options: Options) -> tuple[str, list[Problem], Counts, int]:
    """What is still wrong afterwards, and how many problems there were more before."""
    try:
        with store.reader() as reader:
            before = list(audit(reader, options))
        if any(problem.repairable for problem in before):
            repair(store, before, options)
        counts = Counts()
        with store.reader() as reader:
            after = list(audit(reader, options, counts))
        return store.describe(), after, counts, max(len(before) - len(after), 0)
    finally:
        store.close()


def _progress(runs: int) -> None:
    """For whoever watches a large database; a pipe is spared."""
    if runs and runs % TOLD_EVERY == 0 and sys.stderr.isatty():
        sys.stderr.write(f"{runs} runs\n")
