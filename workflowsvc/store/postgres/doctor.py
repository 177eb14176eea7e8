"""Examines a PostgreSQL database: what endangers it or makes it slow, and what to do about it.

Owns the list of examinations; `workflowsvc doctor` prints what they find. It reads, and changes nothing. Whether the
data is sound is the question of `workflowsvc fsck`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.examination import Finding, NowMs
from workflowsvc.store.postgres import schema, server
from workflowsvc.store.postgres.doctor_replication import examine_replication
from workflowsvc.store.postgres.expected_schema import compare
from workflowsvc.store.postgres.schema import Connection, failing_for
from workflowsvc.store.postgres.statements import Statement
from workflowsvc.store.postgres.wire import PLANNER, SPREAD_PLANNER
from workflowsvc.store.postgres.workers import connect_to, workers

LONG_SNAPSHOT_SECONDS = 60
MANY_DEAD_ROWS = 20_000  # some are always there between two vacuums
OLD_TRANSACTION_IDS = 1_000_000_000  # of about two thousand million
SKEW_MS = 1000
CONNECTIONS_OF_A_NODE = 6  # one writes, four read, one carries hints


def examine(connection: Connection, where: str, now_ms: NowMs) -> list[Finding]:
    """Everything, in the order of the list below."""
    findings = list(_schema(connection, where))
    if findings[0].level != "bad":
        for look in (
            _settings,
            _schema_differences,
            _rights,
            examine_replication,
            _snapshots,
            _dead_rows,
            _transaction_ids,
            _connections,
        ):
            findings += look(connection)
    return [*findings, *_clock(connection, now_ms)]


def examine_workers(connection: Connection, dsn: str) -> list[Finding]:
    """What holds for each server alone, on every worker of a Citus cluster; nothing where there is none."""
    findings: list[Finding] = []
    for worker in workers(connection):
        try:
            with connect_to(worker, dsn) as there, failing_for(str(worker)):
                found = [finding for look in _LOOKS_AT_A_WORKER for finding in look(there)]
        except StoreUnusable as error:
            found = [
                Finding(
                    "bad",
                    f"the worker is not examined: {error}",
                    "start it, or let this user and machine connect to it under the name that Citus has for it",
                )
            ]
        findings += [finding._replace(what=f"{worker}: {finding.what}") for finding in found]
    return findings


def _rows(connection: Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode(), values or None).fetchall()


def _schema(connection: Connection, where: str) -> Iterator[Finding]:
    try:
        version = schema.version_of(connection, where)
        missing = schema.missing_from(version, where)
    except StoreUnusable as error:
        yield Finding("bad", str(error))
        return
    if version.number == 0:
        yield Finding("bad", "the database is empty", "start a server on it, or run `workflowsvc migrate`")
    elif missing:
        yield Finding(
            "bad", f"schema {version.number} is too old for this release", "run `workflowsvc migrate`"
        )
    else:
        yield Finding("ok", f"schema {version.number}")


# What must not be so, and why.
_DANGEROUS = {
    ("fsync", "off"): "a crash of the machine destroys the database: set fsync = on",
    ("full_page_writes", "off"): "a crash of the machine can tear pages: set full_page_writes = on",
    ("synchronous_commit", "off"): (
        "what was acknowledged can be lost in a crash: set synchronous_commit = on, also for this user and database"
    ),
    ("zero_damaged_pages", "on"): "damaged pages are emptied without a word: set zero_damaged_pages = off",
    ("autovacuum", "off"): "dead rows are never removed: set autovacuum = on",
    ("track_counts", "off"): "autovacuum does not know where to go: set track_counts = on",
    (
        "default_transaction_read_only",
        "on",
    ): "nothing can be written: set default_transaction_read_only = off",
}


def _settings(connection: Connection) -> Iterator[Finding]:
    settings = dict(_rows(connection, "select name, setting from pg_settings"))
    dangers = [(name, value) for name, value in _DANGEROUS if settings.get(name) == value]
    for name, value in dangers:
        yield Finding("bad", f"{name} = {value}", _DANGEROUS[name, value])
    if not dangers:
        yield Finding("ok", "no setting endangers what is committed")
    if settings.get("data_checksums") == "off":
        yield Finding("note", "data checksums are off", "pg_checksums --enable finds damage of disks early")


def _schema_differences(connection: Connection) -> Iterator[Finding]:
    def ask(statement: Statement) -> list[tuple[Any, ...]]:
        return connection.execute(statement.text).fetchall()

    kind = server.ask(connection)
    differences = compare(ask, in_full=kind.knows_transaction_status or kind.is_distributed)
    found = [Finding("bad", what, cure) for what, cure in differences]
    found += _invalid_indexes(connection)
    yield from found or [Finding("ok", "tables, columns, constraints and indexes are those of this release")]


def _invalid_indexes(connection: Connection) -> Iterator[Finding]:
    found = _rows(
        connection,
        "select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where c.relnamespace = quote_ident(current_schema())::regnamespace"
        " and not (indisvalid and indisready and indislive) order by 1",
    )
    for (name,) in found:
        yield Finding("bad", f"the index {name} is not valid", f"reindex index concurrently {name}")


def _planner(connection: Connection) -> Iterator[Finding]:
    """A node sets these for its sessions, which ends at the coordinator."""
    settings = dict(_rows(connection, "select name, setting from pg_settings"))
    wanted = {**PLANNER, **SPREAD_PLANNER}
    other = [name for name, value in wanted.items() if settings.get(name, value) != value]
    if other:
        user = connection.info.user
        yield Finding(
            "note",
            f"statements may read whole tables: {', '.join(f'{name} = {settings[name]}' for name in other)}",
            "; ".join(f'alter role "{user}" set {name} = {wanted[name]}' for name in other),
        )


def _rights(connection: Connection) -> Iterator[Finding]:
    tables = [*schema.SPREAD, *schema.COPIED]
    for table, right in _rows(
        connection,
        "select t, r from unnest(%s::text[]) t cross join unnest(%s::text[]) r"
        " where to_regclass(t) is not null and not has_table_privilege(to_regclass(t), r)",
        tables,
        ["select", "insert", "update", "delete"],
    ):
        if table == "schema_versions" and right != "select":
            continue
        user = connection.info.user
        yield Finding("bad", f"{user} may not {right} in {table}", f'grant {right} on {table} to "{user}"')


def _snapshots(connection: Connection) -> Iterator[Finding]:
    """What keeps dead rows from being removed, wherever in the cluster it is."""
    found = _rows(
        connection,
        "select 'the session ' || pid || coalesce(' of ' || usename, '') || ' ('"
        " || coalesce(nullif(application_name, ''), backend_type) || ', ' || coalesce(state, '') || ')',"
        " extract(epoch from now() - xact_start)::bigint,"
        " 'select pg_terminate_backend(' || pid || ')'"
        " from pg_stat_activity where (backend_xmin is not null or backend_xid is not null)"
        " and wait_event is distinct from 'SyncRep'"  # of which examine_replication says more
        " and pid <> pg_backend_pid() and xact_start < now() - make_interval(secs => %s)"
        " union all select 'the prepared transaction ' || gid, extract(epoch from now() - prepared)::bigint,"
        # Citus knows whether those of its own are to be committed: it has a list of them on the coordinator.
        " case when starts_with(gid, 'citus_') then 'select recover_prepared_transactions()'"
        " else 'rollback prepared ' || quote_literal(gid) end from pg_prepared_xacts"
        " where prepared < now() - make_interval(secs => %s)",
        LONG_SNAPSHOT_SECONDS,
        LONG_SNAPSHOT_SECONDS,
    )
    for what, seconds, ending in found:
        yield Finding(
            "bad", f"{what} has held a snapshot for {seconds} s: dead rows pile up", f"end it: {ending}"
        )
    slots = _rows(connection, "select slot_name from pg_replication_slots where not active")
    for (name,) in slots:
        yield Finding(
            "bad",
            f"the replication slot {name} is not used: it keeps the log, and perhaps dead rows, for ever",
            f"start its reader, or select pg_drop_replication_slot('{name}')",
        )
    if not found and not slots:
        yield Finding("ok", "nobody holds an old snapshot")


def _dead_rows(connection: Connection) -> Iterator[Finding]:
    found = _rows(
        connection,
        "select relname, n_dead_tup, n_live_tup, coalesce(greatest(last_vacuum, last_autovacuum)::timestamp(0)::text,"
        " 'never') from pg_stat_user_tables where schemaname = current_schema()"
        " and n_dead_tup > %s and n_dead_tup > n_live_tup / 4 order by n_dead_tup desc",
        MANY_DEAD_ROWS,
    )
    for table, dead, live, vacuumed in found:
        yield Finding(
            "note",
            f"{table} has {dead} dead rows beside {live} living ones, last vacuumed {vacuumed}",
            f"end old snapshots, then: vacuum (verbose) {table}",
        )
    if not found:
        yield Finding("ok", "dead rows are removed in time")


def _transaction_ids(connection: Connection) -> Iterator[Finding]:
    ((age,),) = _rows(
        connection, "select age(datfrozenxid) from pg_database where datname = current_database()"
    )
    if age > OLD_TRANSACTION_IDS:
        yield Finding(
            "bad",
            f"transaction ids are {age} old; at 2,100 million the server stops",
            "end old snapshots, then: vacuum (freeze)",
        )


def _connections(connection: Connection) -> Iterator[Finding]:
    ((used, most),) = _rows(
        connection,
        "select (select count(*) from pg_stat_activity where backend_type = 'client backend'),"
        " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int",
    )
    if most - used < CONNECTIONS_OF_A_NODE:
        yield Finding(
            "bad",
            f"{used} of {most} connections are used, and a node takes {CONNECTIONS_OF_A_NODE}",
            "raise max_connections, or find out who holds them: select * from pg_stat_activity",
        )
    else:
        yield Finding("ok", f"{used} of {most} connections are used; a node takes {CONNECTIONS_OF_A_NODE}")


def _clock(connection: Connection, now_ms: NowMs) -> Iterator[Finding]:
    """Deadlines are taken by the clock of whichever node meets them first."""
    before = now_ms()
    ((theirs,),) = _rows(connection, "select (extract(epoch from clock_timestamp()) * 1000)::bigint")
    after = now_ms()
    skew = theirs - (before + after) // 2
    uncertain = (after - before) // 2
    if abs(skew) - uncertain > SKEW_MS:
        yield Finding(
            "bad",
            f"the server's clock is {abs(skew)} ms {'ahead of' if skew > 0 else 'behind'} that of this machine",
            "let both follow the same time servers: timers of other nodes fire early or late by as much",
        )
    else:
        yield Finding("ok", f"clocks agree to {abs(skew) + uncertain} ms")


# Tables, rights and the clock are the coordinator's.
_LOOKS_AT_A_WORKER = (
    _settings,
    _planner,
    _invalid_indexes,
    examine_replication,
    _snapshots,
    _dead_rows,
    _transaction_ids,
    _connections,
)
