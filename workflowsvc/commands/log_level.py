"""`workflowsvc log-level`: what each part of a running server logs, or another level for one of them."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import Object, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking
from workflowsvc.commands.context import CommandContext
from workflowsvc.log_parts import LEVELS, PARTS

DESCRIPTION = """\
Say from which severity on each part of a running server logs. With a PART and a LEVEL, change it until the server is
started again; `reset` as LEVEL takes the change back. Of several nodes, the one that answers is meant."""
EXAMPLES = ("log-level", "log-level calls debug", "log-level calls reset")
RESET = "reset"


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES, domain=False)
    parser.add_argument("part", nargs="?", metavar="PART", choices=[*PARTS], help=", ".join(PARTS))
    parser.add_argument(
        "level", nargs="?", metavar="LEVEL", choices=[*LEVELS, RESET], help=", ".join([*LEVELS, RESET])
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.level is None:
        answer = at_work.client.own("ListLogLevels", {})
    else:
        level = {} if arguments.level == RESET else {"level": arguments.level.upper()}
        answer = at_work.client.own("SetLogLevel", {"part": arguments.part.upper()} | level)
    found = [row for row in rows(answer, "levels") if arguments.part in (None, _part(row))]
    at_work.print_list(found, _print)
    return 0


def _part(row: Object) -> str:
    return text(row, "part").lower()


def _print(at_work: Asking, found: list[Object]) -> None:
    from workflowsvc.display.screen import Column, Toned

    columns = [Column("PART"), Column("LEVEL"), Column("WHAT IT LOGS", wraps=True)]
    at_work.screen.table(
        columns,
        [
            [
                _part(row),
                Toned(text(row, "level").lower(), "bold" if row.get("isOwn") else ""),
                PARTS.get(_part(row), ""),
            ]
            for row in found
        ],
    )
