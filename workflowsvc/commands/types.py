"""`workflowsvc types`: the workflow and activity types of a domain. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.display.text import moment

DESCRIPTION = "List the workflow and activity types of a domain. Works with every server of SWF."
EXAMPLES = ("types", "types --kind activity", "types order --deprecated --json")
OPERATIONS = {
    "workflow": ("ListWorkflowTypes", "workflowType"),
    "activity": ("ListActivityTypes", "activityType"),
}


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument("name", nargs="?", metavar="NAME", type=filled, help="only types of this name")
    parser.add_argument("--kind", choices=tuple(OPERATIONS), help="only types of this kind")
    parser.add_argument(
        "--deprecated", action="store_true", help="deprecated types in place of registered ones"
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    status = "DEPRECATED" if arguments.deprecated else "REGISTERED"
    found: list[tuple[str, Object, Object]] = []
    for kind in [arguments.kind] if arguments.kind else OPERATIONS:
        operation, member = OPERATIONS[kind]
        for page in at_work.swf_pages(operation, registrationStatus=status, name=arguments.name):
            found += [(kind, part(info, member), info) for info in rows(page, "typeInfos")]
    if at_work.json:
        for kind, _, info in found:
            at_work.print_json({"kind": kind, **info})
        return 0
    from workflowsvc.display.screen import Column, Toned

    if not found:
        at_work.screen.line(Toned("No such type.", "dim"))
        return 0
    at_work.screen.table(
        [
            Column("KIND"),
            Column("TYPE", wraps=True),
            Column("STATUS"),
            Column("CREATED"),
            Column("DESCRIPTION", wraps=True),
        ],
        [
            [
                kind,
                f"{text(named, 'name')}:{text(named, 'version')}",
                Toned(text(info, "status"), "good" if info.get("status") == "REGISTERED" else "neutral"),
                moment(info.get("creationDate")),
                text(info, "description"),
            ]
            for kind, named, info in found
        ],
    )
    return 0
