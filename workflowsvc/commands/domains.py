"""`workflowsvc domains`: the domains of a server. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.client.client import SWF
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.retention import print_retention
from workflowsvc.display.clock import spoken_clock
from workflowsvc.display.retention import kept

DESCRIPTION = "List the domains of the server, or describe one. Works with every server of SWF."
EXAMPLES = ("domains", "domains orders", "domains --deprecated --json")


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES, domain=False)
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        type=filled,
        help="one domain, with for how long its closed runs are kept, and whether its event feed is on",
    )
    parser.add_argument(
        "--deprecated", action="store_true", help="deprecated domains in place of registered ones"
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.name is not None:
        detail = at_work.client.swf("DescribeDomain", {"name": arguments.name})
        retention = at_work.known("DescribeRetention", arguments.name)
        feed = at_work.known("DescribeFeed", arguments.name)
        if at_work.json:
            further = {"retention": retention, "feed": feed}
            at_work.print_json({**detail, **{name: one for name, one in further.items() if one is not None}})
        else:
            days = text(part(detail, "configuration"), "workflowExecutionRetentionPeriodInDays")
            _print(at_work, [part(detail, "domainInfo")], retention=kept(days))
            if retention is not None and (retention.get("rules") or retention.get("isArchived")):
                at_work.screen.line()
                print_retention(at_work, retention)
            if feed is not None and feed.get("status") == "ON":
                at_work.say("Its event feed is on.")
            clock = at_work.clock(arguments.name)
            if clock is not None:
                at_work.say(f"Its time is not real: {spoken_clock(clock)}")
        return 0
    status = "DEPRECATED" if arguments.deprecated else "REGISTERED"
    pages = at_work.client.pages(SWF, "ListDomains", {"registrationStatus": status})
    found = [info for page in pages for info in rows(page, "domainInfos")]
    if at_work.json:
        for info in found:
            at_work.print_json(info)
    else:
        _print(at_work, found)
    return 0


def _print(at_work: Asking, found: list[Object], *, retention: str = "") -> None:
    from workflowsvc.display.screen import Column, Toned

    if not found:
        at_work.screen.line(Toned("There is no such domain.", "dim"))
        return
    columns = [Column("DOMAIN", wraps=True), Column("STATUS"), Column("DESCRIPTION", wraps=True)]
    table = [
        [
            text(info, "name"),
            Toned(text(info, "status"), "good" if info.get("status") == "REGISTERED" else "neutral"),
            text(info, "description"),
        ]
        for info in found
    ]
    if retention:
        columns.insert(2, Column("CLOSED RUNS ARE KEPT"))
        table[0].insert(2, retention)
    at_work.screen.table(columns, table)
