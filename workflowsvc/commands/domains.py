"""`workflowsvc domains`: the domains of a server. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.client.client import SWF
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.display.clock import spoken_clock

DESCRIPTION = "List the domains of the server, or describe one. Works with every server of SWF."
EXAMPLES = ("domains", "domains orders", "domains --deprecated --json")


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES, domain=False)
    parser.add_argument(
        "name", nargs="?", metavar="NAME", type=filled, help="one domain, with its retention period"
    )
    parser.add_argument(
        "--deprecated", action="store_true", help="deprecated domains in place of registered ones"
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.name is not None:
        detail = at_work.client.swf("DescribeDomain", {"name": arguments.name})
        if at_work.json:
            at_work.print_json(detail)
        else:
            days = text(part(detail, "configuration"), "workflowExecutionRetentionPeriodInDays")
            kept = f"{days} {'day' if days == '1' else 'days'}" if days != "NONE" else "not limited"
            _print(at_work, [part(detail, "domainInfo")], retention=kept)
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
