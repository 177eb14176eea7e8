"""A dump of a PostgreSQL database that is served, restored into an empty one, and the epoch that must begin there."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.postgres.places import admin
from tests.world_fixture import LIST, WorldFixture
from tools import postgres
from workflowsvc import cli
from workflowsvc.faults import ValidationException
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.testing import World


def program(name: str) -> str:
    """The tool of the server that is tested; skips where there is none."""
    found = postgres.find_programs() / name
    if found.exists():
        return str(found)
    elsewhere = shutil.which(name)
    if elsewhere is None:
        pytest.skip(f"there is no {name} on this machine")
    return elsewhere


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_dump_that_is_restored_begins_a_new_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump, load = program("pg_dump"), program("pg_restore")
    with postgres.running() as server:
        lived = PostgresStore(server.dsn())
        on = WorldFixture(World(store=lived))
        on.start("w")
        run(dump, "--format=custom", f"--file={tmp_path / 'dump'}", server.dsn())
        lost = on.ask("PollForDecisionTask", taskList=LIST)
        with admin(server.dsn()) as connection:
            connection.execute("create database restored")
        restored = server.dsn("restored")
        run(load, "--exit-on-error", f"--dbname={restored}", str(tmp_path / "dump"))

        serving = PostgresStore(restored)
        with serving.transaction() as tx:
            assert tx.count_domains(on.tenant.key) == 1
        assert cli.main(["restore", "--in-place", "--store", restored]) == 1
        assert "connected" in capsys.readouterr().err
        serving.close()
        assert cli.main(["restore", "--in-place", "--store", restored]) == 0
        assert "Epoch 1 begins" in capsys.readouterr().out
        assert cli.main(["fsck", "--store", restored]) == 0
        lived.close()

        with closing(PostgresStore(restored)) as store:
            world = World(store=store)
            again = world.call("PollForDecisionTask", on.tenant, domain="d", taskList=LIST)
            assert again["startedEventId"] == lost["startedEventId"]
            with pytest.raises(ValidationException, match="Invalid token"):
                world.call("RespondDecisionTaskCompleted", on.tenant, taskToken=lost["taskToken"])
            world.call("RespondDecisionTaskCompleted", on.tenant, taskToken=again["taskToken"])
