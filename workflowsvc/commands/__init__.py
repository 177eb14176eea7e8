"""The commands of the command line: one module each, and the list of them.

Owns the names and the one-line descriptions. A command's module has two functions, `add_arguments(parser, context)` and
`run(context, arguments)`, which returns the exit status; `context.py` is what they get from the process. A module is
imported only when its command is called, so that `--version` and small tools do not wait for the parts of the server.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

from workflowsvc import __version__
from workflowsvc.commands.context import CommandContext


class CommandModule(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser, context: CommandContext) -> None: ...
    def run(self, context: CommandContext, arguments: argparse.Namespace) -> int: ...


class Command(NamedTuple):
    """One command; its code is the module of the same name in this package, with `_` for `-`."""

    name: str
    help: str
    module: str = ""  # when it is not the command's name
    takes_program: bool = False
    """Behind `--` stands a program with its arguments, which the command runs: `arguments.program`."""

    def load(self) -> CommandModule:
        module = self.module or self.name.replace("-", "_")
        return cast("CommandModule", importlib.import_module(f"{__name__}.{module}"))


COMMANDS = (
    Command("serve", "run the service until SIGTERM or Ctrl-C"),
    Command(
        "replay", "play recorded histories to a decider, and compare what it decides", takes_program=True
    ),
    Command("lint", "check a workflow history against the rules of SWF"),
    Command("fsck", "audit a database, and rebuild derived rows from its histories"),
    Command("migrate", "bring the schema of a database up to date"),
    Command("copy", "copy a stopped installation to another store, and verify that the copy is complete"),
    Command("backup", "back up a SQLite store, while a server uses it too"),
    Command("restore", "make a store of a backup, or begin a new epoch of one that was restored otherwise"),
    Command("doctor", "find what slows or endangers a store"),
    Command("api-model", "give the AWS CLI and boto3 the model of the service's own API"),
    Command("list", "list the runs that meet conditions"),
    Command("count", "count the runs that meet conditions"),
    Command("show", "show a run, compactly or in full"),
    Command("follow", "print the events of a run as they happen"),
    Command("why", "say why a run does not go on, or how it ended"),
    Command("problems", "say what is wrong with the open runs of a domain"),
    Command("lists", "list task lists with their backlog and pollers"),
    Command("log-level", "say or change what a running server logs"),
    Command("start", "start a run"),
    Command("signal", "send a signal to a run"),
    Command("cancel", "request the cancellation of a run"),
    Command("terminate", "end a run at once"),
    Command("rerun", "start a new run as a closed one was started"),
    Command("batch", "do the same to all runs that meet conditions"),
    Command("delete", "delete a closed run, or a domain with everything in it"),
    Command("export", "write histories to files"),
    Command("trace", "turn histories into traces for Jaeger, Tempo and other viewers"),
    Command("import", "make read-only runs of exported histories", module="import_history"),
    Command("clock", "say what time it is in a domain, and turn its clock"),
    Command("archive", "list, show, verify and import the archived histories of deleted runs"),
    Command("retention", "say how long closed runs are kept, and make rules for that"),
    Command("feed", "read what happens to the runs of a domain, and switch its feed on"),
    Command("webhook", "push the feed of a domain to URLs, and see what becomes of it"),
    Command("domains", "list the domains of a server"),
    Command("types", "list the workflow and activity types of a domain"),
    Command("access", "say who may call the service, and what each may do"),
    Command("completion", "print the script that completes commands in bash or zsh"),
)


def add_commands(
    parser: argparse.ArgumentParser, context: CommandContext, chosen: Callable[[Command], bool]
) -> dict[str, tuple[CommandModule, argparse.ArgumentParser]]:
    """Gives the parser the chosen commands, or where none is chosen the names of all. Modules and options of the chosen
    ones are loaded; these, with their parsers."""
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    loaded: dict[str, tuple[CommandModule, argparse.ArgumentParser]] = {}
    # The parsers of all commands would take as long as an audit of a small file.
    for command in [command for command in COMMANDS if chosen(command)] or COMMANDS:
        description = command.help[0].upper() + command.help[1:] + "."
        subparser = subparsers.add_parser(
            command.name, help=command.help, description=description, allow_abbrev=False
        )
        if chosen(command):
            loaded[command.name] = (module := command.load()), subparser
            module.add_arguments(subparser, context)
            _shorten_usage(subparser)
    return loaded


def _shorten_usage(parser: argparse.ArgumentParser) -> None:
    """Leaves in the usage what must be given: it stands above every error, where a list of options hides the error."""
    actions = parser._actions  # pyright: ignore[reportPrivateUsage] - argparse has no public way to them
    for action in actions:
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            for below in cast("dict[str, argparse.ArgumentParser]", action.choices).values():
                _shorten_usage(below)
    if parser.usage is not None:
        return
    needed: list[str] = []
    for action in actions:
        name = str(action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper())
        if action.option_strings:
            needed += [f"{action.option_strings[-1]} {name}"] if action.required else []
        else:
            needed.append(
                f"[{name}]" if action.nargs == "?" else f"{name} …" if action.nargs in ("+", "A...") else name
            )
    parser.usage = " ".join([parser.prog, *needed, "[options]"])


def split_program(words: list[str]) -> tuple[list[str], list[str]]:
    """The words of the command line, and those of a program behind `--`, for the commands that take one."""
    takes = any(command.takes_program and words[:1] == [command.name] for command in COMMANDS)
    if not takes or "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def new_parser() -> argparse.ArgumentParser:
    """The parser of the command line, without its commands."""
    parser = argparse.ArgumentParser(
        prog="workflowsvc", description="Amazon Simple Workflow Service (SWF), self-hosted."
    )
    parser.add_argument("--version", action="version", version=f"workflowsvc {__version__}")
    return parser


def whole_parser(context: CommandContext) -> argparse.ArgumentParser:
    """The parser with the options of every command: what completion and the documents are made of."""
    parser = new_parser()
    add_commands(parser, context, lambda command: True)
    return parser
