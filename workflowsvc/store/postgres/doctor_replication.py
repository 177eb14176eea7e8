"""Examines what a fail-over would find: standbys that confirm what is committed, and hosts of which one takes writes.

Owns these examinations, which `doctor.py` puts beside the others. What synchronous replication guarantees is in
docs/postgresql.md. It reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
from psycopg import conninfo

from workflowsvc.store.examination import Finding
from workflowsvc.store.postgres.primary import hosts_of, one_line
from workflowsvc.store.postgres.schema import Connection

REPLICATION_SECONDS = 5  # a standby confirms a commit within milliseconds
MIB = 1 << 20
MUCH_LOG_BYTES = 64 * MIB  # four files of the log; a standby that follows lacks less than one
LATE_SECONDS = 30  # to replay; a standby has to catch up before it can be promoted

# Of synchronous_commit, what a fail-over can lose although a synchronous standby is there.
_CONFIRMED_EARLY = {
    "off": "no disk has what was acknowledged: a crash or a fail-over loses it",
    "local": "a fail-over can lose what was acknowledged",
    "remote_write": "a standby confirms before its disk has it: a power cut at both servers loses it",
}


def examine_replication(connection: Connection) -> Iterator[Finding]:
    yield from _waiting(connection)
    yield from _standbys(connection)


def _waiting(connection: Connection) -> Iterator[Finding]:
    """Sessions that have committed and wait for a standby."""
    ((waiting, seconds),) = _rows(
        connection,
        "select count(*), max(extract(epoch from now() - xact_start))::bigint from pg_stat_activity"
        " where wait_event = 'SyncRep' and xact_start < now() - make_interval(secs => %s)",
        REPLICATION_SECONDS,
    )
    if waiting:
        yield Finding(
            "bad",
            f"{waiting} of the sessions wait for synchronous replication, one of them for {seconds} s: "
            "nothing is acknowledged",
            "start a standby that synchronous_standby_names names; do not end these sessions, as what they "
            "have committed would then be visible, and lost in a fail-over",
        )


class _Standby(NamedTuple):
    name: str
    state: str | None  # None: this user may not see it
    sync_state: str | None
    lacks_bytes: int
    late_seconds: int

    @property
    def is_synchronous(self) -> bool:
        return self.state == "streaming" and self.sync_state in ("sync", "quorum")


def _standbys(connection: Connection) -> Iterator[Finding]:
    ((named, commit),) = _rows(
        connection,
        "select current_setting('synchronous_standby_names'), current_setting('synchronous_commit')",
    )
    standbys = [
        _Standby(*row)
        for row in _rows(
            connection,
            "select coalesce(application_name, '?'), state, sync_state,"
            " coalesce(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn), 0)::bigint,"
            " coalesce(extract(epoch from replay_lag), 0)::bigint from pg_stat_replication order by 1",
        )
    ]
    if not named:
        yield _not_synchronous(standbys)
        return
    if commit in _CONFIRMED_EARLY:
        yield Finding(
            "note",
            f"synchronous_commit = {commit}: {_CONFIRMED_EARLY[commit]}",
            "set synchronous_commit = on, also for this user and database",
        )
    if any(standby.state is None for standby in standbys):
        user = connection.info.user
        yield Finding(
            "note",
            f"{user} may not see whether a standby is synchronous",
            f'grant pg_monitor to "{user}"',
        )
        return
    synchronous = [standby.name for standby in standbys if standby.is_synchronous]
    if not synchronous:
        yield Finding(
            "bad",
            f"no standby is synchronous, and synchronous_standby_names = {named}: calls that write are not answered",
            "start a standby that is named there, or see in its log why it does not follow",
        )
    elif commit not in _CONFIRMED_EARLY:
        yield Finding("ok", f"commits are confirmed by a standby: {', '.join(synchronous)}")
    yield from _late(standbys)


def _not_synchronous(standbys: list[_Standby]) -> Finding:
    if standbys:
        return Finding(
            "note",
            "replication is not synchronous: a fail-over loses what was acknowledged last",
            "set synchronous_standby_names to the names of the standbys, or let Patroni do it: synchronous_mode",
        )
    return Finding(
        "note",
        "there is no standby: what was acknowledged since the last backup is lost with this server",
        "add a standby, and set synchronous_standby_names",
    )


def _late(standbys: list[_Standby]) -> Iterator[Finding]:
    for standby in standbys:
        if standby.lacks_bytes > MUCH_LOG_BYTES:
            yield Finding(
                "note",
                f"the standby {standby.name} lacks {standby.lacks_bytes / MIB:,.0f} MiB of the log",
                "see that it runs, and that its disk and the network keep up",
            )
        if standby.late_seconds > LATE_SECONDS:
            yield Finding(
                "note",
                f"the standby {standby.name} is {standby.late_seconds} s late in replaying the log: a fail-over to it "
                "takes as much longer",
                "look for long queries on it, and for max_standby_streaming_delay",
            )


def examine_hosts(dsn: str) -> list[Finding]:
    """Each host of an address that names several: one of them is to be the primary, and all are to be there."""
    hosts = hosts_of(dsn)
    if len(hosts) == 1:
        return []
    findings: list[Finding] = []
    primaries: list[str] = []
    for host in hosts:
        name = f"{host.get('host') or host.get('hostaddr')}:{host.get('port', 5432)}"
        try:
            is_standby = _is_standby({**host, "target_session_attrs": "any"})
        except psycopg.Error as error:
            findings.append(
                Finding(
                    "note",
                    f"{name} cannot be asked: {one_line(error)}",
                    "start it: without it the next fail-over finds no host",
                )
            )
            continue
        if not is_standby:
            primaries.append(name)
    if len(primaries) > 1:
        findings.append(
            Finding(
                "bad",
                f"{' and '.join(primaries)} are no standbys: an old primary was not stopped after a fail-over",
                "stop the one on the lower timeline, and make it a standby with pg_rewind or pg_basebackup",
            )
        )
    elif not findings:
        findings.append(Finding("ok", f"{primaries[0]} is the primary, and the other hosts are standbys"))
    return findings


def _is_standby(host: dict[str, Any]) -> bool:
    with psycopg.connect(conninfo.make_conninfo("", **host), autocommit=True) as connection:
        row = connection.execute("select pg_is_in_recovery()").fetchone()
        assert row is not None
        return bool(row[0])


def _rows(connection: Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode(), values or None).fetchall()
