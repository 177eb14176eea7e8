"""The commands of the command line: one module each, and the list of them.

Owns the names and the one-line descriptions. A command's module has two functions, `add_arguments(parser, context)` and
`run(context, arguments)`, which returns the exit status; `context.py` is what they get from the process. A module is
imported only when its command is called, so that `--version` and small tools do not wait for the parts of the server.
"""

from __future__ import annotations

import argparse
import importlib
from typing import NamedTuple, Protocol, cast

from workflowsvc.commands.context import CommandContext


class CommandModule(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser, context: CommandContext) -> None: ...
    def run(self, context: CommandContext, arguments: argparse.Namespace) -> int: ...


class Command(NamedTuple):
    """One command; its code is the module of the same name in this package, with `_` for `-`."""

    name: str
    help: str

    def load(self) -> CommandModule:
        return cast("CommandModule", importlib.import_module(f"{__name__}.{self.name.replace('-', '_')}"))


COMMANDS = (
    Command("serve", "run the service until SIGTERM or Ctrl-C"),
    Command("lint", "check a workflow history against the rules of SWF"),
    Command("fsck", "audit a database, and rebuild derived rows from its histories"),
    Command("migrate", "bring the schema of a database up to date"),
    Command("copy", "copy a stopped installation to another store, and verify that the copy is complete"),
    Command("doctor", "find what slows or endangers a PostgreSQL database"),
    Command("api-model", "give the AWS CLI and boto3 the model of the service's own API"),
)
