"""`workflowsvc feed`: the event feed of a domain, switched on and off, shown and read. Our own API answers it.

Owns the loop of a reader: where it goes on, and that it waits at the server and not here.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled, whole
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.follow import patiently
from workflowsvc.display.text import moment

DESCRIPTION = """\
Show, switch on or off, or read the event feed of a domain: what happens to its runs, in the order in which it was
committed, in the form of Amazon SWF's events for EventBridge. A feed is off until it is switched on."""
EXAMPLES = (
    "feed on orders",
    "feed on orders --event-type WorkflowExecutionFailed --event-type WorkflowExecutionTimedOut",
    "feed show orders",
    "feed read orders",
    "feed read orders --follow --from-now --json",
    "feed off orders",
)
WAIT_SECONDS = 50  # of one call, which the client ends after 65
PAUSE_SECONDS = 1  # between two attempts while the server is away
PAGE_SIZE = 500


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)

    def add(action: str, help: str, description: str) -> argparse.ArgumentParser:
        subparser = parsers.add_parser(action, allow_abbrev=False, help=help)
        _describe(subparser, action, description)
        return subparser

    add(
        "show",
        "say what the feed tells",
        "Say whether the feed is on, what it tells, and for how long it is kept.",
    )
    on = add(
        "on",
        "switch the feed on",
        "Write events to the feed from now on. Settings that are not given become those of a new feed.",
    )
    on.add_argument(
        "--event-type",
        metavar="TYPE",
        type=filled,
        action="append",
        help="write events of this type, and of others that are named so [those that Amazon SWF sends]",
    )
    on.add_argument("--keep-hours", metavar="N", type=filled, help="how long an entry is kept [168, a week]")
    add(
        "off",
        "switch the feed off",
        "Write no further events; what is there can be read until it is too old.",
    )
    _add_reading(
        add(
            "read",
            "print what the feed tells",
            "Print the events of the feed, the oldest first. With --json an object a line, with the event and the "
            "cursor behind it.",
        )
    )


def _add_reading(read: argparse.ArgumentParser) -> None:
    begin = read.add_mutually_exclusive_group()
    begin.add_argument("--from-now", action="store_true", help="begin with what is written from now on")
    begin.add_argument(
        "--cursor", metavar="C", type=filled, help="go on behind an entry that was read before"
    )
    read.add_argument(
        "--event-type",
        metavar="TYPE",
        type=filled,
        action="append",
        help="only events of this type, and of others that are named so",
    )
    read.add_argument("--follow", action="store_true", help="wait for further events; Ctrl-C ends it")


def _describe(parser: argparse.ArgumentParser, action: str, description: str) -> None:
    examples = tuple(example for example in EXAMPLES if example.startswith(f"feed {action} "))
    asking.describe(parser, description, examples)
    parser.add_argument("domain", metavar="DOMAIN", type=filled, help="the domain")
    asking.add_server(parser, domain=False)


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.action == "read":
        return _read(at_work)
    if arguments.action == "show":
        found = at_work.own("DescribeFeed")
    elif arguments.action == "on":
        hours = arguments.keep_hours
        found = at_work.own(
            "SetFeed",
            status="ON",
            eventTypes=arguments.event_type,
            retentionHours=None if hours is None else whole("--keep-hours", hours, minimum=1),
        )
    else:
        found = _switch_off(at_work)
    if at_work.json:
        at_work.print_json(found)
    else:
        _say(at_work, found)
    return 0


def _switch_off(at_work: Asking) -> Object:
    """The other settings stay as they are."""
    before = at_work.own("DescribeFeed")
    return at_work.own(
        "SetFeed",
        status="OFF",
        eventTypes=before.get("eventTypes"),
        retentionHours=before.get("retentionHours"),
    )


def _say(at_work: Asking, found: Object) -> None:
    status = "on" if found.get("status") == "ON" else "off"
    oldest = found.get("oldestEntryTimestamp")
    there = "it is empty" if oldest is None else f"its oldest entry is of {moment(oldest)}"
    at_work.say(
        f"{text(found, 'domain')}: the feed is {status}; "
        f"an entry is kept for {found.get('retentionHours')} hours; {there}"
    )
    for name in found.get("eventTypes") or ():
        at_work.say(f"  {name}")


def _read(at_work: Asking) -> int:
    arguments = at_work.arguments
    cursor: str | None = arguments.cursor
    begin = "LATEST" if arguments.from_now else "OLDEST"
    while True:
        given: dict[str, Any] = {"cursor": cursor} if cursor else {"begin": begin}
        given |= {"eventTypes": arguments.event_type, "maximumPageSize": PAGE_SIZE}
        given |= {"waitSeconds": WAIT_SECONDS} if arguments.follow else {}
        page = patiently(at_work, partial(at_work.own, "ReadFeed", **given), PAUSE_SECONDS)
        entries = rows(page, "entries")
        for entry in entries:
            _print(at_work, entry)
        at_work.context.stdout.flush()
        before, cursor = cursor, text(page, "cursor")
        if not arguments.follow and not entries and (before == cursor or begin == "LATEST"):
            at_work.say(f"To go on from here: --cursor {cursor}")
            return 0


def _print(at_work: Asking, entry: Object) -> None:
    event: Object = json.loads(text(entry, "event"))
    if at_work.json:
        at_work.print_json({"cursor": text(entry, "cursor"), "event": event})
        return
    detail = part(event, "detail")
    execution = part(part(part(detail, "workflowExecutionDetail"), "executionInfo"), "execution")
    at_work.say(
        f"{text(event, 'time')}  {text(execution, 'workflowId')}  {detail.get('eventId')} {text(detail, 'eventType')}"
    )
