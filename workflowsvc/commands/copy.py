"""`workflowsvc copy`: copies a stopped installation to another store, and verifies that the copy is complete.

Owns the command's options, the order of its steps and what is printed. Exit status 0: done and verified; 1: not done,
and the target must not be served; 2: wrong arguments. How rows are moved and compared is in the package `copying`.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack

import msgspec

from workflowsvc.commands.context import CommandContext, ReadOnlyStore
from workflowsvc.commands.progress import progress
from workflowsvc.copying.compare import Different, Same, compare
from workflowsvc.copying.transfer import (
    BEFORE_ALL,
    Checkpoint,
    ReadableStore,
    Transfer,
    checkpoint_in,
    fingerprint_of,
    finish,
)
from workflowsvc.fsck import Options, Problem, audit
from workflowsvc.fsck.audit import Counts
from workflowsvc.fsck.report import as_text
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.store.errors import Damaged, StoreUnusable
from workflowsvc.store.interface import RepairStore
from workflowsvc.stores import require_complete

DESCRIPTION = """\
Copy a stopped installation to another store: all domains, types, executions and histories, tasks, heartbeats,
messages and keys, exactly as they are. Both sides are audited (workflowsvc fsck) and compared row by row. Task
tokens that were given out before stay valid. The source is not changed.

To continue an interrupted copy, run the same command again. No server starts on a copy that is not finished."""


class CopyFailed(StoreUnusable):
    """The copy is not complete, or is not proved to be."""


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "Set the same WORKFLOWSVC_ variables for quotas as for the service."
    parser.add_argument(
        "--from",
        dest="source",
        metavar="STORE",
        required=True,
        help="the store to copy, as for serve --store",
    )
    parser.add_argument(
        "--to",
        dest="target",
        metavar="STORE",
        required=True,
        help="the new store; must be empty or not exist",
    )
    parser.add_argument("--with-problems", action="store_true", help="copy although the audit finds problems")
    parser.add_argument(
        "--source-is-stopped",
        action="store_true",
        help="do not look for running servers: those connected to the source's database use another schema",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    settings = _checked(context, arguments.source, arguments.target)
    began = context.clock.now_ms()
    options = Options(began, quotas=settings.quotas)
    with ExitStack() as afterwards:
        source = context.open_read_only(arguments.source, exclusive=not arguments.source_is_stopped)
        afterwards.callback(source.close)
        require_complete(arguments.source)
        of = fingerprint_of(source)
        target = context.open_store(arguments.target)
        afterwards.callback(target.close)
        checkpoint = checkpoint_in(target, of)
        same = _copy(context, source, target, checkpoint, options, anyway=arguments.with_problems)
        source.require_alone()
        finish(target)
        _say(context, _summary(source, target, same, seconds=(context.clock.now_ms() - began) / 1000))
    return 0


def _checked(context: CommandContext, source: str, target: str) -> Settings:
    """The settings of the source. SettingsError for names that the service would refuse, and for one store twice."""
    settings = Settings.from_environment(context.environment, {"store": source})
    Settings.from_environment(context.environment, {"store": target})
    if "memory" in (source, target):
        raise SettingsError("what is in memory cannot be copied: it is gone with its server")
    if _place_of(source) == _place_of(target):
        raise SettingsError(f"--from and --to are the same store, {source}")
    return settings


def _place_of(store: str) -> str:
    """What two names of one store have in common: of a file its real path. A PostgreSQL database under two names is
    refused later, because as a target it is not empty."""
    return os.path.realpath(store.removeprefix("sqlite:")) if store.startswith("sqlite:") else store


def _copy(
    context: CommandContext,
    source: ReadOnlyStore,
    target: RepairStore,
    checkpoint: Checkpoint,
    options: Options,
    *,
    anyway: bool,
) -> Same:
    """Audits, transfers, compares and audits again; counts of what is the same on both sides. Raises CopyFailed."""
    problems, counts = _audit(context, "the source", source, options)
    if problems and not anyway:
        _say(context, as_text(source.describe(), problems, counts, repaired=None).rstrip())
        raise CopyFailed(
            f"something is wrong in {source.describe()}: mend it with `workflowsvc fsck --repair`. What stays wrong "
            "after that is copied as it is --with-problems."
        )
    if checkpoint.run > BEFORE_ALL or checkpoint.message > BEFORE_ALL:
        _say(context, "Going on with a copy that was begun before.")
    transferred = _transfer(context, source, target, checkpoint, of=counts.runs)
    _say(context, f"{transferred:,} runs copied.")
    try:
        with progress(context, "runs compared", of=counts.runs) as report:
            same = compare(source, target, report)
    except Different as difference:
        raise CopyFailed(
            f"the copy is not finished: {difference}. Was the source served since the copy was begun? "
            f"Empty {target.describe()} and copy anew."
        ) from difference
    _say(context, f"{same.runs:,} runs compared, row by row: the same on both sides.")
    copied, copied_counts = _audit(context, "the copy", target, options)
    if set(copied) != set(problems) or copied_counts != counts:
        _say(context, as_text(target.describe(), copied, copied_counts, repaired=None).rstrip())
        raise CopyFailed(
            "the copy is not finished: the audit of the copy says something else than that of the source."
        )
    return same


def _transfer(
    context: CommandContext, source: ReadableStore, target: RepairStore, checkpoint: Checkpoint, *, of: int
) -> int:
    """Moves all rows; how many runs there were. CopyFailed when the source has something that cannot be moved."""
    try:
        with progress(context, "runs copied", of=of) as report:
            transfer = Transfer(source, target, checkpoint, report)
            transfer.transfer()
            return transfer.runs
    except UnicodeError as error:
        raise CopyFailed(
            f"the copy is not finished: {source.describe()} holds a text that is not UTF-8, which cannot be copied. "
            "`workflowsvc fsck` says where."
        ) from error
    except (Damaged, msgspec.MsgspecError, OverflowError) as error:
        raise CopyFailed(f"the copy is not finished: {source.describe()} cannot be read: {error}.") from error
    except KeyboardInterrupt:
        _note(context, "stopped; run the same command again to go on")
        raise


def _audit(
    context: CommandContext, what: str, store: ReadableStore, options: Options
) -> tuple[list[Problem], Counts]:
    counts = Counts()
    with progress(context, f"runs of {what} audited") as report, store.reader() as reader:
        options.progress = report
        problems = list(audit(reader, options, counts))
    _say(context, f"{counts.runs:,} runs of {what} audited: {len(problems) or 'no'} problems.")
    return problems, counts


def _summary(source: ReadableStore, target: RepairStore, same: Same, seconds: float) -> str:
    found = [
        f"{same.domains:,} domains",
        f"{same.types:,} types",
        f"{same.runs:,} runs with {same.events:,} events",
        f"{same.tasks:,} waiting tasks",
        f"{same.heartbeats:,} heartbeats",
        f"{same.messages:,} messages",
        f"{same.entries:,} entries of feeds",
    ]
    return (
        f"Copied in {seconds:.1f} s, from {source.describe()} to {target.describe()}:\n  {', '.join(found)}.\n"
        "Both sides are audited and the same. Start servers on the copy from now on, and none on the source."
    )


def _say(context: CommandContext, line: str) -> None:
    context.write(f"{line}\n")
    context.stdout.flush()


def _note(context: CommandContext, line: str) -> None:
    context.stderr.write(f"workflowsvc copy: {line}\n")
