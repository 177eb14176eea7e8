"""The command line: `workflowsvc <command>`.

Owns how failures are printed: in one line, never with a traceback. The commands, their list and the exit statuses are
in `commands/`; what they get from the process is the `CommandContext` that is made here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workflowsvc.client.problems import CallFailed
from workflowsvc.clock import SystemClock
from workflowsvc.commands import COMMANDS, add_commands, new_parser, split_program
from workflowsvc.commands.context import CommandContext, CommandFailed, ReadOnlyStore
from workflowsvc.commands.statuses import DONE, FAILED, INTERRUPTED, WRONG_ARGUMENTS, of_call
from workflowsvc.display.text import printable
from workflowsvc.options import SettingsError
from workflowsvc.passwords import without_password
from workflowsvc.store.errors import StoreError, StoreUnusable

if TYPE_CHECKING:
    from workflowsvc.store.interface import RepairStore

__all__ = ["COMMANDS", "main"]

MIN_OPEN_FILES = 64  # a server has 26 open before a client connects, a copy between two files as many


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    context = context_of_process()
    try:
        parser = new_parser()
        loaded = add_commands(parser, context, lambda command: words[:1] == [command.name])
        module, asked = loaded.get(words[0] if words else "", (None, parser))
        own, program = split_program(words)
        parsed, unknown = parser.parse_known_args(own)
        if unknown:
            asked.error(f"unrecognized arguments: {' '.join(unknown)}")
        if module is None:
            parser.print_help()
            return DONE
        require_open_files()
        parsed.program = program
        status = module.run(context, parsed)
        sys.stdout.flush()
        return status
    except SettingsError as error:
        return fail(words, error, WRONG_ARGUMENTS)
    except (CommandFailed, StoreUnusable, StoreError) as error:
        return fail(words, error, FAILED)
    except CallFailed as error:
        return fail(words, printable(str(error)), of_call(error))  # a server may word it as it likes
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it. Without this, Python would report the same when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return fail(words, error, FAILED)  # of the file that the output is written to


def require_open_files() -> None:
    """CommandFailed when this process may have too few files open. The limit is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= MIN_OPEN_FILES:
        return
    if hard != resource.RLIM_INFINITY and hard < MIN_OPEN_FILES:
        raise CommandFailed(
            f"this process may have {hard} files open, and {MIN_OPEN_FILES} are needed, for a server one more for each "
            "connection. Raise the limit (ulimit -n, or LimitNOFILE= of systemd)."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (MIN_OPEN_FILES, hard))


def context_of_process() -> CommandContext:
    """This process: its clock, environment and streams, and the stores that can be reached from it."""
    return CommandContext(
        clock=SystemClock(),
        random_bytes=os.urandom,  # noqa: TID251 - the source of a server; tests give a seeded one
        environment=os.environ,
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        open_store=open_store,
        open_read_only=open_read_only,
    )


def open_store(where: str) -> RepairStore:
    """The store itself. What it needs is imported with the first one: most commands open none."""
    from workflowsvc.stores import open_store

    return open_store(where)


def open_read_only(where: str, *, exclusive: bool = False) -> ReadOnlyStore:
    """The store for reading, imported likewise."""
    from workflowsvc.stores import open_read_only

    return open_read_only(where, exclusive=exclusive)


def fail(words: Sequence[str], error: Exception | str, status: int) -> int:
    """Says why in one line; the status is the same where standard error takes no more."""
    with contextlib.suppress(OSError):
        print(f"workflowsvc {words[0]}: {without_password(str(error))}", file=sys.stderr)
    return status
