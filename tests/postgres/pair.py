"""A PostgreSQL server and a real standby, which it waits for before it answers a commit.

Owns how the pair is made, that a test sees which sessions wait for the standby, and the fail-over. The standby is
stopped, not frozen, when it is to confirm nothing: a frozen one still takes what is on its way when it wakes up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.support.postgres_programs import require_programs
from tests.support.waiting import until
from tools import postgres
from tools.postgres import Server


class Pair:
    """The primary, and its one standby, with `synchronous_standby_names` set."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary = primary
        self.standby = standby
        self.ask(primary, "alter system set synchronous_standby_names = '*'")
        self.ask(primary, "select pg_reload_conf()")
        self.await_standby()

    def ask(self, server: Server, sql: str) -> list[tuple[Any, ...]]:
        """As the superuser, in a session of its own that waits for no standby."""
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("set synchronous_commit = local")
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def await_standby(self) -> None:
        """Returns when the standby confirms what is committed on the primary."""
        follows = "select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"
        until(lambda: self.ask(self.primary, follows), "the standby follows")

    def start_standby(self) -> None:
        """It follows again; does nothing when it runs."""
        if not self.standby.is_running:
            self.standby.start()
        self.await_standby()

    def waiting(self) -> set[int]:
        """The sessions of the primary that have committed and wait for the standby, by their process ids."""
        return {
            pid
            for (pid,) in self.ask(
                self.primary, "select pid from pg_stat_activity where wait_event = 'SyncRep'"
            )
        }

    def await_waiting(self, *, besides: frozenset[int] = frozenset()) -> int:
        """Returns the process id of a session that waits for the standby, as soon as there is one."""
        found: set[int] = set()

        def look() -> bool:
            found.update(self.waiting() - besides)
            return bool(found)

        until(look, "a commit waits for the standby")
        return found.pop()

    def fail_over(self) -> None:
        """The primary dies at once, and what was the standby takes its place with what it has."""
        self.primary.kill()
        self.standby.start()
        self.ask(self.standby, "select pg_promote()")


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Skips the test when there is no PostgreSQL."""
    require_programs()
    with postgres.running() as primary, postgres.running(standby_of=primary) as standby:
        yield Pair(primary, standby)
