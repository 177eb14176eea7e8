"""The command line: `workflowsvc <command>`.

Owns the parser, how failures are printed, and exit statuses: 0 done, 1 failed, 2 wrong arguments. The commands and
their list are in `commands/`; what they get from the process is the `CommandContext` that is made here.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence

from workflowsvc import __version__
from workflowsvc.clock import SystemClock
from workflowsvc.commands import COMMANDS, CommandModule
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.options import SettingsError
from workflowsvc.passwords import without_password
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.stores import open_read_only, open_store

FAILED, WRONG_ARGUMENTS = 1, 2
MIN_OPEN_FILES = 64  # a server has 26 open before a client connects, a copy between two files as many
INTERRUPTED = 130  # 128 + SIGINT, the convention of shells


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    context = context_of_process()
    parser = argparse.ArgumentParser(
        prog="workflowsvc", description="Amazon Simple Workflow Service (SWF), self-hosted."
    )
    parser.add_argument("--version", action="version", version=f"workflowsvc {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    module: CommandModule | None = None
    asked = parser
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.help, description=sentence(command.help), allow_abbrev=False
        )
        if words and words[0] == command.name:
            module = command.load()
            module.add_arguments(subparser, context)
            asked = subparser
    parsed, unknown = parser.parse_known_args(words)
    if unknown:
        asked.error(f"unrecognized arguments: {' '.join(unknown)}")
    if module is None:
        parser.print_help()
        return 0
    try:
        require_open_files()
        status = module.run(context, parsed)
        sys.stdout.flush()
        return status
    except SettingsError as error:
        return fail(parsed.command, error, WRONG_ARGUMENTS)
    except (CommandFailed, StoreUnusable, StoreError) as error:
        return fail(parsed.command, error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it. Without this, Python would report the same when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


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


def fail(command: str, error: Exception, status: int) -> int:
    print(f"workflowsvc {command}: {without_password(str(error))}", file=sys.stderr)
    return status


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
