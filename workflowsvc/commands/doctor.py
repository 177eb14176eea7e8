"""`workflowsvc doctor`: what endangers a store or makes it slow, and what to do about it.

Owns the command's options and what is printed; the examinations are in `store/postgres/doctor*.py`,
`store/sqlite/doctor.py`, `backups/age.py` and `archive/overdue.py`. It reads, and changes nothing. Whether the data is
sound is the question of `workflowsvc fsck`. Exit status 0: nothing bad; 1: something is.
"""

from __future__ import annotations

import argparse
from contextlib import closing

from workflowsvc.archive.overdue import examine_retention
from workflowsvc.backups.age import examine_backups
from workflowsvc.commands.context import CommandContext
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.examination import Finding
from workflowsvc.stores import MEMORY, POSTGRESQL, sqlite_path


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.add_argument(
        "--store",
        default=context.environment.get("WORKFLOWSVC_STORE"),
        required="WORKFLOWSVC_STORE" not in context.environment,
        metavar="WHERE",
        help="postgresql://… or sqlite:FILE, as for serve [WORKFLOWSVC_STORE]",
    )
    parser.add_argument(
        "--backups",
        default=context.environment.get("WORKFLOWSVC_BACKUP_TO", ""),
        metavar="FOLDER",
        help="of SQLite: where backups are made, as for serve --backup-to [WORKFLOWSVC_BACKUP_TO]",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if arguments.store == MEMORY:
        raise StoreUnusable("a store in memory needs no doctor: it is gone with its server.")
    if arguments.store.startswith(POSTGRESQL):
        where, findings = _postgres(context, arguments.store)
    else:
        where, findings = _sqlite(context, sqlite_path(arguments.store), arguments.backups)
    if findings[0].level != "bad":
        with closing(context.open_read_only(arguments.store)) as store, store.reader() as reader:
            findings.append(Finding(*examine_retention(reader, context.clock.now_ms())))
    for level, what, advice in findings:
        context.write(f"{level.upper() if level == 'bad' else level:<5}{what}\n")
        if advice:
            context.write(f"     -> {advice}\n")
    bad = sum(finding.level == "bad" for finding in findings)
    context.write(f"{where}: {'nothing bad' if not bad else f'{bad} found that must be mended'}.\n")
    return 1 if bad else 0


def _postgres(context: CommandContext, dsn: str) -> tuple[str, list[Finding]]:
    from workflowsvc.store.postgres import doctor, schema
    from workflowsvc.store.postgres.doctor_replication import examine_hosts
    from workflowsvc.store.postgres.wire import shown_address

    where = shown_address(dsn)
    with schema.opened(dsn, where) as connection, schema.failing_for(where):
        findings = doctor.examine(connection, where, context.clock.now_ms)
        return where, findings + doctor.examine_workers(connection, dsn) + examine_hosts(dsn)


def _sqlite(context: CommandContext, path: str, backups: str) -> tuple[str, list[Finding]]:
    from workflowsvc.store.sqlite import doctor

    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    except OSError:
        mounts = None
    findings = doctor.examine(path, mounts)
    if findings[0].level != "bad":
        every = Settings.from_environment(context.environment, {}).backup_every_minutes
        for is_bad, what, advice in examine_backups(backups, path, context.clock.now_ms(), every):
            findings.append(Finding("bad" if is_bad else "note" if advice else "ok", what, advice))
    return path, findings
