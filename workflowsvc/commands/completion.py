"""`workflowsvc completion`: the script that completes commands and options in bash or zsh.

The script is made by shtab from the parsers themselves, so it knows every option, and runs no Python at a TAB.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

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
    context.write(shtab.complete(whole_parser(context), shell=arguments.shell) + "\n")
    return 0
