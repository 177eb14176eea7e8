"""`workflowsvc copy`: moves a stopped installation to another store, and proves that all of it is there.

Owns the command's options, the order of its steps and what is printed. Status 0: done and proved; 1: not done, and the
target must not be served; 2: asked wrongly. How stores are opened is the business of cli.py.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from typing import Protocol

from workflowsvc.copying.compare import Different, Same, compare
from workflowsvc.copying.transfer import Checkpoint, ReadableStore, Transfer, checkpoint_in, finish
from workflowsvc.fsck import Options, Problem, audit
from workflowsvc.fsck.audit import Counts
from workflowsvc.fsck.report import as_text
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import RepairStore

DESCRIPTION = """\
Move a stopped installation to another store: all domains, types, executions and histories, tasks, heartbeats,
messages and keys, exactly as they are. Both sides are audited (workflowsvc fsck) and compared row by row.
Task tokens that were given out before are good afterwards. The source is not changed.

A copy that was interrupted goes on where it ended when the same command is run again. Until a copy is finished
no server starts on it."""
TOLD_EVERY = 1_000  # runs


class Source(ReadableStore, Protocol):
    """A store opened for reading only, while no server uses it."""

    def require_alone(self) -> None: ...
    def close(self) -> None: ...


class CopyFailed(StoreUnusable):
    """The copy is incomplete, or its completeness could not be proved."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "Quotas that the service was given by environment variables must be given here too."
    parser.add_argument(
        "--from", dest="source", metavar="STORE", required=True, help="what is copied, as for serve --store"
    )
    parser.add_argument(
        "--to", dest="target", metavar="STORE", required=True, help="where to; must be empty, or not there"
    )
    parser.add_argument(
        "--with-problems", action="store_true", help="copy although the audit finds something wrong"
    )
    parser.add_argument(
        "--source-is-stopped",
        action="store_true",
        help="do not look for servers: those connected to the source's database use another schema of it",
    )


def run(args: argparse.Namespace) -> int:
    """`args.now_ms`, `args.open_store` and `args.open_to_read` are given by the command line."""
    settings = _checked(args.source, args.target)
    began: int = args.now_ms()
    options = Options(began, quotas=settings.quotas)
    with ExitStack() as afterwards:
        source: Source = args.open_read_only(args.source, exclusive=not args.source_is_stopped)
        afterwards.callback(source.close)
        target: RepairStore = args.open_store(args.target)
        afterwards.callback(target.close)
        checkpoint = checkpoint_in(target, source)
        same = _copy(source, target, checkpoint, options, anyway=args.with_problems)
        source.require_alone()
        finish(target)
        _say(_summary(source, target, same, seconds=(args.now_ms() - began) / 1000))
    return 0


def _checked(source: str, target: str) -> Settings:
    """Settings that say what the service would say of each of them."""
    settings = Settings.from_environment(os.environ, {"store": source})
    Settings.from_environment(os.environ, {"store": target})
    if "memory" in (source, target):
        raise SettingsError("what is in memory cannot be copied: it is gone with its server")
    if _place_of(source) == _place_of(target):
        raise SettingsError(f"--from and --to are the same store, {source}")
    return settings


def _place_of(store: str) -> str:
    """A file by whatever name. Of a database what was said: two names for one are found out by its not being empty."""
    return os.path.realpath(store.removeprefix("sqlite:")) if store.startswith("sqlite:") else store


def _copy(
    source: Source, target: RepairStore, checkpoint: Checkpoint, options: Options, *, anyway: bool
) -> Same:
    """What is on both sides in the end. Raises CopyFailed."""
    problems, counts = _audit("the source", source, options)
    if problems and not anyway:
        _say(as_text(source.describe(), problems, counts, repaired=None).rstrip())
        raise CopyFailed(
            f"something is wrong in {source.describe()}: mend it with `workflowsvc fsck --repair`. What stays wrong "
            "after that is copied as it is --with-problems."
        )
    if checkpoint.run >= 0 or checkpoint.message >= 0:
        _say("Going on with a copy that was begun before.")
    transfer = Transfer(source, target, checkpoint, _Progress("carried", of=counts.runs))
    try:
        transfer.transfer()
    except KeyboardInterrupt:
        _complain("stopped; run the same command again to go on")
        raise
    _say(f"{transfer.runs:,} runs carried.")
    try:
        same = compare(source, target, _Progress("compared", of=counts.runs))
    except Different as difference:
        raise CopyFailed(
            f"the copy is not finished: {difference}. Was the source served since the copy was begun? "
            f"Empty {target.describe()} and copy anew."
        ) from difference
    _say(f"{same.runs:,} runs compared, row by row: the same on both sides.")
    copied, copied_counts = _audit("the copy", target, options)
    if set(copied) != set(problems) or copied_counts != counts:
        _say(as_text(target.describe(), copied, copied_counts, repaired=None).rstrip())
        raise CopyFailed(
            "the copy is not finished: the audit of the copy says something else than that of the source."
        )
    return same


def _audit(what: str, store: ReadableStore, options: Options) -> tuple[list[Problem], Counts]:
    counts = Counts()
    options.progress = _Progress(f"of {what} audited")
    with store.reader() as reader:
        problems = list(audit(reader, options, counts))
    _say(f"{counts.runs:,} runs of {what} audited: {len(problems) or 'no'} problems.")
    return problems, counts


def _summary(source: ReadableStore, target: RepairStore, same: Same, seconds: float) -> str:
    found = [
        f"{same.domains:,} domains",
        f"{same.types:,} types",
        f"{same.runs:,} runs with {same.events:,} events",
        f"{same.tasks:,} waiting tasks",
        f"{same.heartbeats:,} heartbeats",
        f"{same.messages:,} messages",
    ]
    return (
        f"Copied in {seconds:.1f} s, from {source.describe()} to {target.describe()}:\n  {', '.join(found)}.\n"
        "Both sides are audited and the same. Start servers on the copy from now on, and none on the source."
    )


class _Progress:
    """For whoever watches; a pipe is spared."""

    def __init__(self, what: str, of: int | None = None) -> None:
        self._what = what
        self._of = "" if of is None else f" of {of:,}"
        self._told = 0

    def __call__(self, runs: int) -> None:
        if runs - self._told >= TOLD_EVERY and sys.stderr.isatty():
            self._told = runs
            _complain(f"{runs:,}{self._of} runs {self._what}")


def _say(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{line}\n".encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"workflowsvc copy: {line}\n")
