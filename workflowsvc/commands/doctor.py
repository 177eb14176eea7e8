"""`workflowsvc doctor`: what endangers a PostgreSQL store or makes it slow, and what to do about it.

Owns the command's options and what is printed; the examinations are in `store/postgres/doctor.py`. It reads, and
changes nothing. Whether the data is sound is the question of `workflowsvc fsck`. Exit status 0: nothing bad;
1: something is.
"""

from __future__ import annotations

import argparse

from workflowsvc.commands.context import CommandContext
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.stores import POSTGRESQL


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.add_argument(
        "--store",
        default=context.environment.get("WORKFLOWSVC_STORE"),
        required="WORKFLOWSVC_STORE" not in context.environment,
        metavar="WHERE",
        help="postgresql://…, as for serve [WORKFLOWSVC_STORE]",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if not arguments.store.startswith(POSTGRESQL):
        raise StoreUnusable(
            f"{arguments.store} needs no doctor: it examines PostgreSQL. "
            "To check the data, run `workflowsvc fsck`."
        )
    from workflowsvc.store.postgres import doctor, schema
    from workflowsvc.store.postgres.wire import shown_address

    where = shown_address(arguments.store)
    with schema.opened(arguments.store, where) as connection, schema.failing_for(where):
        findings = doctor.examine(connection, where, context.clock.now_ms)
        findings += doctor.examine_workers(connection, arguments.store)
    for level, what, advice in findings:
        context.write(f"{level.upper() if level == 'bad' else level:<5}{what}\n")
        if advice:
            context.write(f"     -> {advice}\n")
    bad = sum(finding.level == "bad" for finding in findings)
    context.write(f"{where}: {'nothing bad' if not bad else f'{bad} found that must be mended'}.\n")
    return 1 if bad else 0
