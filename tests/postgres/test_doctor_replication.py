"""`workflowsvc doctor` says what a fail-over would lose, and whether one of the hosts of an address is the primary."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import psycopg
import pytest

from tests.postgres.pair import Pair, running_pair
from tests.support.waiting import until
from workflowsvc.cli import context_of_process
from workflowsvc.commands import doctor as command
from workflowsvc.store.examination import Finding
from workflowsvc.store.postgres import doctor_replication
from workflowsvc.store.postgres.doctor_replication import examine_hosts, examine_replication
from workflowsvc.store.postgres.store import PostgresStore


@pytest.fixture(scope="module")
def module_pair() -> Iterator[Pair]:
    with running_pair() as pair:
        PostgresStore(pair.primary.dsn()).close()
        pair.ask(pair.primary, "create role clerk login")
        yield pair


@pytest.fixture
def pair(module_pair: Pair) -> Iterator[Pair]:
    """With the standby at work, and synchronous, before and after the test."""
    yield module_pair
    set_names(module_pair, "*")
    module_pair.start_standby()


def set_names(pair: Pair, names: str) -> None:
    pair.ask(pair.primary, f"alter system set synchronous_standby_names = '{names}'")
    pair.ask(pair.primary, "select pg_reload_conf()")
    wanted = "sync" if names else "async"
    if pair.standby.is_running:
        states = "select sync_state from pg_stat_replication"
        until(lambda: pair.ask(pair.primary, states) == [(wanted,)], f"the standby is {wanted}")


def stop_standby(pair: Pair) -> None:
    pair.standby.stop()
    until(lambda: not pair.ask(pair.primary, "select 1 from pg_stat_replication"), "the standby is gone")


def found(pair: Pair, user: str = "", commit: str = "on") -> list[Finding]:
    dsn = pair.primary.dsn()
    with psycopg.connect(
        dsn.replace("workflowsvc@", f"{user}@") if user else dsn, autocommit=True
    ) as connection:
        connection.execute(f"set synchronous_commit = {commit}".encode())
        return list(examine_replication(connection))


def the_one(findings: list[Finding], level: str) -> Finding:
    (finding,) = findings
    assert finding.level == level
    assert finding.advice or level == "ok"
    return finding


def test_a_synchronous_standby_is_named(pair: Pair) -> None:
    assert the_one(found(pair), "ok").what == "commits are confirmed by a standby: walreceiver"


def test_a_standby_that_is_not_waited_for_is_noted(pair: Pair) -> None:
    set_names(pair, "")
    assert "not synchronous" in the_one(found(pair), "note").what


def test_a_server_without_a_standby_is_noted(pair: Pair) -> None:
    set_names(pair, "")
    stop_standby(pair)
    assert "there is no standby" in the_one(found(pair), "note").what


def test_a_synchronous_standby_that_is_gone_is_bad(pair: Pair) -> None:
    stop_standby(pair)
    finding = the_one(found(pair), "bad")
    assert "no standby is synchronous, and synchronous_standby_names = *" in finding.what
    assert "start a standby" in finding.advice


@pytest.mark.parametrize("commit", ["off", "local", "remote_write"])
def test_commits_that_are_confirmed_too_early_are_noted(pair: Pair, commit: str) -> None:
    finding = the_one(found(pair, commit=commit), "note")
    assert finding.what.startswith(f"synchronous_commit = {commit}: ")
    assert "set synchronous_commit = on" in finding.advice


def test_commits_that_are_visible_on_the_standby_are_confirmed_too(pair: Pair) -> None:
    the_one(found(pair, commit="remote_apply"), "ok")


def test_a_user_who_may_not_see_standbys_is_noted_with_the_grant(pair: Pair) -> None:
    finding = the_one(found(pair, "clerk"), "note")
    assert finding.advice == 'grant pg_monitor to "clerk"'
    pair.ask(pair.primary, "grant pg_monitor to clerk")
    the_one(found(pair, "clerk"), "ok")
    pair.ask(pair.primary, "revoke pg_monitor from clerk")


def test_a_standby_that_lacks_much_of_the_log_is_noted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_replication, "MUCH_LOG_BYTES", -1)
    ok, late = found(pair)
    assert (ok.level, late.level) == ("ok", "note")
    assert "the standby walreceiver lacks 0 MiB of the log" in late.what


def test_a_standby_that_replays_late_is_noted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_replication, "LATE_SECONDS", -1)
    ok, late = found(pair)
    assert (ok.level, late.level) == ("ok", "note")
    assert "late in replaying" in late.what


def address(pair: Pair) -> str:
    servers = (pair.primary, pair.standby)
    return f"postgresql://workflowsvc@{','.join(f'127.0.0.1:{server.port}' for server in servers)}/postgres"


def test_hosts_of_which_one_is_the_primary_are_as_they_should_be(pair: Pair) -> None:
    what = the_one(examine_hosts(address(pair)), "ok").what
    assert what == f"127.0.0.1:{pair.primary.port} is the primary, and the other hosts are standbys"
    assert examine_hosts(pair.primary.dsn()) == []


def test_a_host_that_is_not_there_is_noted(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    stop_standby(pair)
    assert (
        f"127.0.0.1:{pair.standby.port} cannot be asked" in the_one(examine_hosts(address(pair)), "note").what
    )
    assert command.run(context_of_process(), argparse.Namespace(store=address(pair))) == 1
    out = capsys.readouterr().out
    assert "BAD  no standby is synchronous" in out
    assert "cannot be asked" in out


def test_two_hosts_that_take_writes_are_bad() -> None:
    """The old primary goes on after a fail-over."""
    with running_pair() as pair:
        pair.ask(pair.standby, "select pg_promote()")
        finding = the_one(examine_hosts(address(pair)), "bad")
        assert (
            f"127.0.0.1:{pair.primary.port} and 127.0.0.1:{pair.standby.port} are no standbys" in finding.what
        )
