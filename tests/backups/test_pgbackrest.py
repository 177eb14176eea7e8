"""pgBackRest: a base backup and the archived log of a database that is served, restored to a moment between the two."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.postgres.places import admin
from tests.support.postgres_programs import require_programs
from tests.support.waiting import until
from tests.world_fixture import LIST, WorldFixture
from tools import postgres
from workflowsvc import cli
from workflowsvc.faults import ValidationException
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.testing import World

CONFIGURATION = """[global]
repo1-path={folder}/repository
log-path={folder}
lock-path={folder}
spool-path={folder}
start-fast=y
archive-timeout=60

[workflowsvc]
pg1-path={data}
pg1-port={port}
pg1-socket-path={socket}
pg1-user=workflowsvc
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Open to whom the server runs as."""
    require_programs()
    if shutil.which("pgbackrest") is None:
        pytest.skip("there is no pgbackrest on this machine")
    if account := postgres.server_account():
        for place in (tmp_path, *tmp_path.parents):
            if place.owner() == "root" and place != Path("/tmp"):
                place.chmod(place.stat().st_mode | 0o055)
        os.chown(tmp_path, account["user"], account["group"])
    return tmp_path


def test_a_database_that_is_restored_to_a_moment_begins_a_new_epoch(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "pgbackrest.conf"
    archive = f"pgbackrest --config={file} --stanza=workflowsvc archive-push %p"

    def pgbackrest(*arguments: str) -> None:
        command = ("pgbackrest", f"--config={file}", "--stanza=workflowsvc", *arguments)
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, **postgres.server_account()
        )
        assert done.returncode == 0, done.stdout + done.stderr

    with postgres.running(settings={"archive_mode": "on", "archive_command": archive}) as server:
        file.write_text(
            CONFIGURATION.format(
                folder=folder, data=server.folder / "data", port=server.port, socket=server.folder
            )
        )
        pgbackrest("stanza-create")
        pgbackrest("check")
        lived = PostgresStore(server.dsn())
        on = WorldFixture(World(store=lived))
        pgbackrest("--type=full", "backup")
        ended = int(time.time())
        until(
            lambda: int(time.time()) > ended,
            "the backup ended in an earlier second, as its time has no part of one",
        )
        on.start("w")
        with admin(server.dsn()) as connection:
            ((moment,),) = connection.execute("select now()::text").fetchall()
        lost = on.ask("PollForDecisionTask", taskList=LIST)
        on.start("later")
        lived.close()

        server.stop()
        target = ("--type=time", f"--target={moment}", "--target-action=promote")
        pgbackrest("--delta", *target, "restore")
        server.start()
        until(promoted(server), "the log is replayed to the moment")
        assert cli.main(["restore", "--in-place", "--store", server.dsn()]) == 0
        assert "Epoch 1 begins" in capsys.readouterr().out
        assert cli.main(["fsck", "--store", server.dsn()]) == 0

        with closing(PostgresStore(server.dsn())) as store:
            world = World(store=store)
            again = world.call("PollForDecisionTask", on.tenant, domain="d", taskList=LIST)
            assert again["workflowExecution"]["workflowId"] == "w"
            with pytest.raises(ValidationException, match="Invalid token"):
                world.call("RespondDecisionTaskCompleted", on.tenant, taskToken=lost["taskToken"])
            world.call("RespondDecisionTaskCompleted", on.tenant, taskToken=again["taskToken"])
            assert "taskToken" not in world.call("PollForDecisionTask", on.tenant, domain="d", taskList=LIST)


def promoted(server: postgres.Server) -> Callable[[], bool]:
    def look() -> bool:
        with admin(server.dsn()) as connection:
            return connection.execute("select pg_is_in_recovery()").fetchall() == [(False,)]

    return look
