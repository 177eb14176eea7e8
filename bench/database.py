"""The measured PostgreSQL: a private durable server, made for this invocation, or one that --store names.

Owns where it runs, which processes are its own, and that each measurement has a schema of its own, dropped afterwards.
The private server has fsync and PostgreSQL's default settings, except for memory and connections.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tools import postgres
from workflowsvc.store.postgres import schema
from workflowsvc.store.postgres.wire import shown_address

NAME = "postgres"  # the --store that asks for a private server
SETTINGS = {"shared_buffers": "256MB", "max_connections": "60"}  # four nodes take 24


def is_postgres(store: str) -> bool:
    """Whether --store names a PostgreSQL."""
    return store == NAME or store.startswith(("postgresql://", "postgres://"))


@dataclass(frozen=True)
class Database:
    """A database that nodes can share."""

    dsn: str
    pid: int | None  # of the server, if it runs on this machine
    distributed: bool = False  # the tables of each schema are distributed by Citus
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def connect(self, dsn: str | None = None) -> psycopg.Connection[Any]:
        return psycopg.connect(dsn or self.dsn, autocommit=True)

    def version(self) -> str:
        """Its version and the settings that decide what a commit waits for."""
        with self.connect() as connection:
            asked = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
            said = {name: connection.execute(f"show {name}".encode()).fetchone() for name in asked}
        version, *others = [row[0] if row else "unknown" for row in said.values()]
        rest = ", ".join(f"{name} {value}" for name, value in zip(asked[1:], others, strict=True))
        return f"PostgreSQL {version}, {rest}" + (", distributed by Citus" if self.distributed else "")

    @contextmanager
    def fresh_schema(self) -> Iterator[str]:
        """The --store of a new schema without data, dropped afterwards. StoreUnusable when it is to be distributed and
        cannot be."""
        name = f"workflowsvc_bench_{os.getpid()}_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f'create schema "{name}"'.encode())
        try:
            mark = "&" if "?" in self.dsn else "?"
            store = f"{self.dsn}{mark}options={quote(f'-c search_path={name}', safe='')}"
            if self.distributed:
                _distribute(store)
            yield store
        finally:
            with self.connect() as connection:
                connection.execute(f'drop schema "{name}" cascade'.encode())


def _distribute(store: str) -> None:
    where = shown_address(store)
    with schema.opened(store, where) as connection:
        schema.upgrade(connection, where)
        schema.distribute(connection, where)


@contextmanager
def database(store: str, *, distributed: bool = False) -> Iterator[Database]:
    """The database that --store names."""
    if store != NAME:
        yield Database(store, _pid_here(store), distributed)
        return
    with postgres.running(durable=True, settings=SETTINGS) as server:
        yield Database(server.dsn(), server.pid)


def _pid_here(dsn: str) -> int | None:
    """The id of the server's main process, if that runs on this machine and can be read."""
    with psycopg.connect(dsn) as connection:
        if connection.info.host not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ) and not connection.info.host.startswith("/"):
            return None
        stat = Path(f"/proc/{connection.info.backend_pid}/stat")
        # A forwarded port leads elsewhere: then this is another process, or none.
        if not stat.exists() or "(postgres)" not in (text := stat.read_text()):
            return None
        return int(text.rpartition(")")[2].split()[1])
