"""`workflowsvc signal`: sends a signal to a run. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled, read_text
from workflowsvc.commands.context import CommandContext

DESCRIPTION = "Send a signal to an open run. Works with every server of SWF."
EXAMPLES = ("signal order-17 approved", 'signal order-17 approved --input \'{"by": "ann"}\'')


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser, newest="the open run")
    parser.add_argument("signal", metavar="SIGNAL", type=filled, help="its name")
    parser.add_argument("--input", metavar="TEXT", help="its input; @FILE reads a file, - standard input")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    at_work.swf(
        "SignalWorkflowExecution",
        **at_work.reference(),
        signalName=arguments.signal,
        input=read_text(context, arguments.input),
    )
    if at_work.json:
        at_work.print_json({"execution": at_work.reference(), "signalName": arguments.signal})
    at_work.say(f"signaled {arguments.workflow_id}: {arguments.signal}")
    return 0
