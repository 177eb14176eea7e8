"""`workflowsvc doctor` finds what endangers a store or makes it slow, and is content when its advice was taken."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.support.postgres_programs import require_programs
from tools import postgres
from workflowsvc.cli import context_of_process
from workflowsvc.clock import SystemClock
from workflowsvc.commands import doctor as command
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.postgres import doctor
from workflowsvc.store.postgres.store import PostgresStore

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """With fsync, as in production."""
    require_programs()
    with postgres.running(durable=True, settings={"max_prepared_transactions": "5"}) as server:
        yield server


@pytest.fixture
def patient(server: postgres.Server) -> Iterator[Connection]:
    """An administrator's connection to a healthy store."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("drop database if exists patient with (force)")
        connection.execute("create database patient")
    PostgresStore(server.dsn("patient")).close()
    with psycopg.connect(server.dsn("patient"), autocommit=True) as connection:
        yield connection


def clock_of(connection: Connection) -> int:
    row = connection.execute("select (extract(epoch from clock_timestamp()) * 1000)::bigint").fetchone()
    assert row is not None
    return int(str(row[0]))


def examined(patient: Connection, skew_ms: int = 0) -> list[doctor.Finding]:
    found = doctor.examine(patient, "here", lambda: clock_of(patient) + skew_ms)
    assert all(finding.advice or finding.level == "ok" for finding in found), found
    return found


def the_bad(patient: Connection, skew_ms: int = 0) -> tuple[str, str]:
    """The one thing that is bad, and the advice."""
    bad = [finding for finding in examined(patient, skew_ms) if finding.level == "bad"]
    assert len(bad) == 1, bad
    return bad[0].what, bad[0].advice


def test_of_a_healthy_store_nothing_bad_is_said(patient: Connection) -> None:
    found = examined(patient)
    assert [finding for finding in found if finding.level == "bad"] == []
    notes = [finding.what for finding in found if finding.level == "note" and "standby" not in finding.what]
    assert notes in ([], ["data checksums are off"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("synchronous_commit", "off"), ("zero_damaged_pages", "on"), ("default_transaction_read_only", "on")],
)
def test_a_dangerous_setting_is_bad(patient: Connection, name: str, value: str) -> None:
    patient.execute(f"set {name} = {value}".encode())
    what, advice = the_bad(patient)
    assert what == f"{name} = {value}"
    assert f"set {name} =" in advice


def test_a_server_that_trusts_the_power_supply_is_bad() -> None:
    with postgres.running(settings={"full_page_writes": "off"}) as careless:
        PostgresStore(careless.dsn()).close()
        with psycopg.connect(careless.dsn(), autocommit=True) as connection:
            bad = {finding.what for finding in examined(connection) if finding.level == "bad"}
    assert bad == {"fsync = off", "full_page_writes = off"}


def test_a_missing_index_is_bad_and_its_definition_is_the_cure(patient: Connection) -> None:
    patient.execute("drop index tasks_waiting")
    what, advice = the_bad(patient)
    assert what == "the index tasks_waiting is missing"
    patient.execute(advice.encode())
    assert not [finding for finding in examined(patient) if finding.level == "bad"]


def test_an_index_that_is_not_valid_is_bad(patient: Connection) -> None:
    patient.execute("update pg_index set indisvalid = false where indexrelid = 'executions_open'::regclass")
    what, advice = the_bad(patient)
    assert what == "the index executions_open is not valid"
    patient.execute(advice.encode())
    assert not [finding for finding in examined(patient) if finding.level == "bad"]


def test_an_old_snapshot_is_bad_until_it_is_ended(
    server: postgres.Server, patient: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LONG_SNAPSHOT_SECONDS", 0)
    holder = psycopg.connect(server.dsn("patient"), application_name="backup")
    holder.execute("set transaction isolation level repeatable read")
    holder.execute("select 1")
    what, advice = the_bad(patient)
    assert "backup" in what
    assert "idle in transaction" in what
    patient.execute(advice.removeprefix("end it: ").encode())
    holder.close()


def test_a_prepared_transaction_is_bad_until_it_is_ended(
    patient: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LONG_SNAPSHOT_SECONDS", 0)
    patient.execute("begin")
    patient.execute("delete from meta")
    patient.execute("prepare transaction 'forgotten'")
    what, advice = the_bad(patient)
    assert "forgotten" in what
    patient.execute(advice.removeprefix("end it: ").encode())


def test_a_prepared_transaction_of_citus_is_left_to_citus(
    patient: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been committed on other servers."""
    monkeypatch.setattr(doctor, "LONG_SNAPSHOT_SECONDS", 0)
    patient.execute("begin")
    patient.execute("delete from meta")
    patient.execute("prepare transaction 'citus_0_4711_15_1'")
    _, advice = the_bad(patient)
    patient.execute("rollback prepared 'citus_0_4711_15_1'")
    assert advice == "end it: select recover_prepared_transactions()"


def test_a_replication_slot_without_a_reader_is_bad(patient: Connection) -> None:
    patient.execute("select pg_create_physical_replication_slot('standby')")
    what, advice = the_bad(patient)
    assert "standby" in what
    patient.execute(advice.partition(", or ")[2].encode())
    assert not [finding for finding in examined(patient) if finding.level == "bad"]


@pytest.mark.parametrize(("skew_ms", "told"), [(5000, "behind"), (-5000, "ahead of")])
def test_clocks_that_differ_are_bad(patient: Connection, skew_ms: int, told: str) -> None:
    what, _ = the_bad(patient, skew_ms)
    assert re.fullmatch(rf"the server's clock is [45]\d\d\d ms {told} that of this machine", what)


def test_dead_rows_are_noted(patient: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MANY_DEAD_ROWS", 50)
    patient.execute("alter table meta set (autovacuum_enabled = off)")
    patient.execute("insert into meta select n::text, '' from generate_series(1, 100) n")
    patient.execute("update meta set value = 'x'")
    patient.execute("select pg_stat_force_next_flush()")
    notes = [finding.what for finding in examined(patient) if finding.level == "note"]
    assert any(note.startswith("meta has 100 dead rows beside") for note in notes), notes


def test_rights_that_are_missing_are_told_with_the_grant(
    server: postgres.Server, patient: Connection
) -> None:
    patient.execute("drop role if exists clerk")
    patient.execute("create role clerk login")
    patient.execute("grant select, insert, update, delete on all tables in schema public to clerk")
    patient.execute("revoke insert on messages from clerk")
    dsn = server.dsn("patient").replace("workflowsvc@", "clerk@")
    with psycopg.connect(dsn, autocommit=True) as clerk:
        what, advice = the_bad(clerk)
    assert what == "clerk may not insert in messages"
    patient.execute(advice.encode())
    patient.execute("drop owned by clerk")


def test_the_last_connections_are_bad(
    server: postgres.Server, patient: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CONNECTIONS_OF_A_NODE", 1000)
    what, advice = the_bad(patient)
    assert re.match(r"\d+ of \d+ connections are used", what)
    assert "max_connections" in advice


def test_an_empty_database_is_bad_and_nothing_else_is_asked(
    server: postgres.Server, patient: Connection
) -> None:
    patient.execute("drop database if exists nothing with (force)")
    patient.execute("create database nothing")
    with psycopg.connect(server.dsn("nothing"), autocommit=True) as connection:
        what, advice = the_bad(connection)
    assert what == "the database is empty"
    assert "workflowsvc migrate" in advice


class Clock(SystemClock):
    """A machine whose clock shows what it is given."""

    def __init__(self, now_ms: doctor.NowMs) -> None:
        self._shown = now_ms

    def now_ms(self) -> int:
        return self._shown()


def run(where: str, now_ms: doctor.NowMs) -> int:
    context = dataclasses.replace(context_of_process(), clock=Clock(now_ms))
    parser = argparse.ArgumentParser()
    command.add_arguments(parser, context)
    return command.run(context, parser.parse_args(["--store", where]))


def test_the_exit_status_says_whether_something_is_bad(
    server: postgres.Server, patient: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    where = server.dsn("patient")
    assert run(where, lambda: clock_of(patient)) == 0
    assert capsys.readouterr().out.endswith("patient: nothing bad.\n")
    assert run(where, lambda: 0) == 1
    printed = capsys.readouterr().out
    assert "\nBAD  the server's clock is" in printed
    assert printed.endswith("patient: 1 found that must be mended.\n")


WORKERS = """
create table pg_dist_node (groupid int, nodename text, nodeport int, isactive bool, noderole text);
insert into pg_dist_node values
    (0, '127.0.0.1', 1, true, 'primary'),
    (1, '127.0.0.1', {port}, true, 'primary'),
    (1, '127.0.0.1', 2, true, 'secondary'),
    (2, '127.0.0.1', 3, false, 'primary')
"""


@pytest.fixture
def cluster(server: postgres.Server, patient: Connection) -> Iterator[postgres.Server]:
    """A worker of the patient, whose list of servers is as that of Citus; they do not work together."""
    settings = {"full_page_writes": "off", "enable_hashjoin": "off", "jit": "off"}
    with postgres.running(settings=settings) as worker:
        with psycopg.connect(worker.dsn(), autocommit=True) as connection:
            connection.execute("create database patient")
        patient.execute(WORKERS.format(port=worker.port).encode())
        yield worker


def test_each_worker_of_a_cluster_is_examined(
    server: postgres.Server, patient: Connection, cluster: postgres.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(server.dsn("patient"), lambda: clock_of(patient)) == 1
    printed = capsys.readouterr().out
    name = f"127.0.0.1:{cluster.port}"
    bad = [line for line in printed.splitlines() if line.startswith("BAD")]
    assert bad == [f"BAD  {name}: fsync = off", f"BAD  {name}: full_page_writes = off"]
    assert (
        f"note {name}: statements may read whole tables: enable_seqscan = on, enable_bitmapscan = on"
        in printed
    )
    assert 'alter role "workflowsvc" set enable_seqscan = off' in printed
    assert "enable_hashjoin" not in printed
    assert "jit" not in printed


def test_the_advice_on_a_worker_is_taken_there(
    server: postgres.Server, patient: Connection, cluster: postgres.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    run(server.dsn("patient"), lambda: clock_of(patient))
    advice = re.search(r"-> (alter role .*)", capsys.readouterr().out)
    assert advice is not None
    with psycopg.connect(cluster.dsn("patient"), autocommit=True) as connection:
        connection.execute(advice[1].encode())
    run(server.dsn("patient"), lambda: clock_of(patient))
    assert "whole tables" not in capsys.readouterr().out


def test_a_worker_that_cannot_be_reached_is_bad(
    server: postgres.Server, patient: Connection, cluster: postgres.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.stop("immediate")
    assert run(server.dsn("patient"), lambda: clock_of(patient)) == 1
    printed = capsys.readouterr().out
    assert f"BAD  127.0.0.1:{cluster.port}: the worker is not examined" in printed
    assert "refused" in printed


def test_a_store_that_is_gone_with_its_server_needs_no_doctor() -> None:
    with pytest.raises(StoreUnusable, match="memory"):
        run("memory", lambda: 0)
