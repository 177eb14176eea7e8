"""`workflowsvc clock`: what time it is in a domain, and turning its clock. The service's own API answers it."""

from __future__ import annotations

import argparse
import re
from typing import Any

from workflowsvc.client.answers import Object, text
from workflowsvc.client.problems import Refused
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled, moment_of, span_of
from workflowsvc.commands.context import CommandContext
from workflowsvc.display.clock import spoken_clock
from workflowsvc.display.text import read_span
from workflowsvc.options import SettingsError

DESCRIPTION = """\
Show or turn the clock of a domain, so that a test of months takes milliseconds. A domain lives in real time until its
clock is turned for the first time; from then on its timestamps, timers, time-outs and retention follow that clock,
which never runs backwards. No other domain notices."""
EXAMPLES = (
    "clock show tests-41",
    "clock advance tests-41 --by 30d",
    "clock advance tests-41 --to 2027-01-01T00:00:00Z",
    "clock freeze tests-41",
    "clock run tests-41",
    "clock skip tests-41 --at-most 365d",
)
_MUST_BE_MEANT = re.compile(r"lives in real time and has [0-9]+ open runs?")


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)

    def add(action: str, help: str, description: str, *, turns: bool = True) -> argparse.ArgumentParser:
        subparser = parsers.add_parser(action, allow_abbrev=False, help=help)
        examples = tuple(example for example in EXAMPLES if example.startswith(f"clock {action} "))
        asking.describe(subparser, description, examples)
        subparser.add_argument("domain", metavar="DOMAIN", type=filled, help="the domain")
        asking.add_server(subparser, domain=False)
        if turns:
            subparser.add_argument(
                "--yes",
                action="store_true",
                help="do not ask whether the open runs of a domain in real time are meant, too",
            )
        return subparser

    add(
        "show", "say what time it is", "Say what time it is in a domain, and how its clock goes.", turns=False
    )
    advance = add(
        "advance",
        "turn the clock forward",
        "Turn the clock forward. What becomes due on the way happens at its own moment; workers are not waited for, as "
        "they are with `clock skip --at-most`.",
    )
    how_far = advance.add_mutually_exclusive_group(required=True)
    how_far.add_argument("--by", metavar="SPAN", type=filled, help="by how much: 90, 90s, 15m, 2h, 30d")
    how_far.add_argument("--to", metavar="MOMENT", type=filled, help="to which moment: 2027-01-01T00:00:00Z")
    add("freeze", "stop the clock", "Stop the clock: nothing becomes due until it is turned or runs again.")
    add(
        "run",
        "let the clock run at real speed",
        "Let the clock run on at real speed from the moment that it shows; it skips no more.",
        turns=False,
    )
    skip = add(
        "skip",
        "let the clock jump while nothing is in flight",
        "Let the clock jump to the next moment at which a run is due, whenever no task and no message is in flight.",
    )
    skip.add_argument(
        "--at-most",
        metavar="SPAN",
        type=filled,
        help="how far it may jump in all [the server's --skip-at-most]",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    action = arguments.action
    if action == "show":
        found = at_work.own("DescribeClock")
    elif action == "run":
        found = at_work.own("RunClock")
    else:
        found = _turn(at_work, f"{action.capitalize()}Clock", _members(at_work, arguments))
    if at_work.json:
        at_work.print_json(found)
    else:
        at_work.say(f"{text(found, 'domain')}: {spoken_clock(found)}")
    return 0


def _members(at_work: Asking, arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.action == "advance" and arguments.by:
        return {"seconds": span_of("--by", arguments.by)}
    if arguments.action == "advance":
        if read_span(arguments.to) is not None:
            raise SettingsError(f"--to: {arguments.to!r} is a span of time, for which there is --by")
        return {"to": moment_of("--to", arguments.to, at_work.now)}
    if arguments.action == "skip" and arguments.at_most:
        return {"atMostSeconds": span_of("--at-most", arguments.at_most)}
    return {}


def _turn(at_work: Asking, operation: str, members: dict[str, Any]) -> Object:
    """Asks back when the domain has open runs that live in real time."""
    if at_work.arguments.yes:
        return at_work.own(operation, yes=True, **members)
    try:
        return at_work.own(operation, **members)
    except Refused as refusal:
        found = _MUST_BE_MEANT.search(refusal.message)
        if found is None:
            raise
        at_work.confirm(f"The domain {at_work.domain} {found[0]}. Turn its clock all the same?")
        return at_work.own(operation, yes=True, **members)
