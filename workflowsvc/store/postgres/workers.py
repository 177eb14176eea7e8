"""The workers of a Citus cluster: which there are, and how to connect to one of them.

Owns the reading of Citus's list. Workers are known by the names that the coordinator uses; a machine outside of their
network may not know these. It must not know what is asked of a worker.
"""

from __future__ import annotations

from typing import NamedTuple

from psycopg import conninfo

from workflowsvc.store.postgres import schema
from workflowsvc.store.postgres.schema import Connection


class Worker(NamedTuple):
    """Where the coordinator finds it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def workers(connection: Connection) -> list[Worker]:
    """Those in use, without the coordinator and without standbys; none where there is no Citus. Raises
    psycopg.Error."""
    if connection.execute("select to_regclass('pg_dist_node')").fetchone() == (None,):
        return []
    rows = connection.execute(
        "select nodename, nodeport from pg_dist_node"
        " where groupid <> 0 and isactive and noderole = 'primary' order by nodename, nodeport"
    )
    return [Worker(*row) for row in rows]


def connect_to(worker: Worker, dsn: str) -> Connection:
    """As the user of `dsn`, to the database of the same name. Raises StoreUnusable."""
    given = conninfo.conninfo_to_dict(dsn)
    given.pop("hostaddr", None)
    here = conninfo.make_conninfo("", **{**given, "host": worker.host, "port": worker.port})
    return schema.opened(here, str(worker))
