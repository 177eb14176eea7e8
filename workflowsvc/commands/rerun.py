"""`workflowsvc rerun`: starts a new run as a closed one was started, with anything changed."""

from __future__ import annotations

import argparse

from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled, type_of
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.follow import add_pace, follow, started_run
from workflowsvc.commands.starting import add_start, start_members

DESCRIPTION = (
    "Start a new run as a closed one was started: with its type, input and settings, unless others are given."
)
EXAMPLES = (
    "rerun order-17",
    "rerun order-17 --type order:1.1 --input @fixed.json --follow",
    "rerun order-17 --new-id order-17-again",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser, newest="the newest, which must be closed")
    parser.add_argument(
        "--new-id", metavar="W", type=filled, help="the workflowId of the new run [that of the closed one]"
    )
    parser.add_argument("--type", metavar="NAME:VERSION", type=filled, help="the type of the new run")
    parser.add_argument("--follow", action="store_true", help="go on as `workflowsvc follow` does")
    add_pace(parser)
    add_start(parser, default="what the closed run was started with holds")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    members = start_members(context, arguments)
    if arguments.type:
        members["workflowType"] = type_of("--type", arguments.type)
    if arguments.new_id:
        members["workflowId"] = arguments.new_id
    answer = at_work.own("RerunExecution", execution=at_work.reference(), **members)
    execution = started_run(at_work, answer)
    if at_work.json:
        at_work.print_json(execution)
    else:
        at_work.say(f"started {execution['workflowId']}, run {execution['runId']}")
    return follow(at_work, execution) if arguments.follow else 0
