"""`workflowsvc completion`: the script that completes commands and options in bash or zsh.

The script is made by shtab from the parsers themselves, so it knows every option, and runs no Python at a TAB.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import Any, cast

from workflowsvc.commands import whole_parser
from workflowsvc.commands.context import CommandContext

DESCRIPTION = """\
Print the script that completes commands and options of workflowsvc.

  bash: eval "$(workflowsvc completion bash)", in ~/.bashrc
  zsh:  workflowsvc completion zsh > "${fpath[1]}/_workflowsvc", once"""


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "example:\n  workflowsvc completion bash > /etc/bash_completion.d/workflowsvc"
    parser.add_argument("shell", choices=("bash", "zsh"), help="for which shell")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    shtab: Any = importlib.import_module("shtab")
    parser = whole_parser(context)
    for action in _actions(parser):
        if action.metavar in ("FILE", "HISTORY"):
            action.complete = shtab.FILE
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY
    context.write(shtab.complete(parser, shell=arguments.shell) + "\n")
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """Every argument of a parser and of those below it. argparse has no public way to them; shtab reads them so too."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        yield action
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            for below in cast("dict[str, argparse.ArgumentParser]", action.choices).values():
                yield from _actions(below)
