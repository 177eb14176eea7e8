"""Litestream: a store is replicated while it is served, both are killed, and what it restores is served on."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest

from tests.support.client import Client
from tests.support.journal import Journal
from tests.support.server import Server
from tests.support.waiting import until
from workflowsvc import cli
from workflowsvc.store.sqlite.store import SqliteStore

STARTED = 3_000  # of 500 bytes: enough that checkpoints come due, which then wait for Litestream
TYPE = {"name": "t", "version": "1"}


def program() -> str:
    found = shutil.which("litestream")
    if found is None:
        pytest.skip("there is no litestream on this machine")
    return found


@contextmanager
def replicating(file: Path, replica: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen([program(), "replicate", str(file), replica], stdout=out, stderr=out)
    try:
        until(lambda: "replicating to" in log.read_text(), "Litestream runs")
        yield
    finally:
        process.kill()
        process.wait()


def test_a_store_that_litestream_has_replicated_is_restored_and_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program()
    replica = f"file://{tmp_path / 'replica'}"
    restored = tmp_path / "again" / "workflowsvc.db"
    restored.parent.mkdir()
    log = tmp_path / "litestream.log"

    def restore() -> int:
        """The starts that are in what Litestream restores now."""
        for old in restored.parent.iterdir():
            old.unlink()
        subprocess.run(
            [program(), "restore", "-o", str(restored), replica], check=True, capture_output=True, text=True
        )
        assert cli.main(["restore", "--in-place", "--store", f"sqlite:{restored}"]) == 0
        said = capsys.readouterr().out
        assert "Epoch 1 begins" in said
        return int(said.partition(" runs")[0].rpartition(" ")[2].replace(",", ""))

    async def story() -> None:
        server = Server(tmp_path)
        await server.start()
        client = Client(server.port, Journal())
        try:
            with replicating(server.file, replica, log):
                await client.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
                await client.call(
                    "RegisterWorkflowType",
                    domain="d",
                    **TYPE,
                    defaultTaskList={"name": "l"},
                    defaultChildPolicy="TERMINATE",
                    defaultTaskStartToCloseTimeout="NONE",
                    defaultExecutionStartToCloseTimeout="3600",
                )
                for number in range(STARTED):
                    started = await client.call(
                        "StartWorkflowExecution",
                        domain="d",
                        workflowId=f"w{number}",
                        workflowType=TYPE,
                        input="x" * 500,
                    )
                    assert started.acknowledged, started
                await asyncio.to_thread(until, lambda: restore() == STARTED, "all was replicated")
                await server.kill()
        finally:
            client.hang_up()
            await server.end()
        assert cli.main(["fsck", "--store", f"sqlite:{server.file}"]) == 0
        assert not server.bugs_in_log()
        again = Server(restored.parent)
        await again.start()
        client = Client(again.port, Journal())
        try:
            polled = await client.call("PollForDecisionTask", domain="d", taskList={"name": "l"})
            assert polled.answer["workflowExecution"]["workflowId"] == "w0"
        finally:
            client.hang_up()
            await again.end()

    asyncio.run(story())


def test_the_tables_that_litestream_keeps_in_a_file_are_no_problem_and_others_are(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    SqliteStore(str(path)).close()

    def add(table: str) -> int:
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute(f"create table {table} (id integer primary key)")
        return cli.main(["fsck", "--store", f"sqlite:{path}"])

    assert add("_litestream_seq") == 0
    assert add("_litestream_lock") == 0
    assert add("_litestream_other") == 1
