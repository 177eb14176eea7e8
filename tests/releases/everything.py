"""An installation with everything that a release can store: runs in every state, access data, a batch job, a restore.

`python -m tests.releases.everything FOLDER` writes it as `store.db.xz`, `dump.sql.xz` (PostgreSQL, by pg_dump) and
`facts.json`. It is run once for each release, with the code of that release, and the files are never changed then: all
later releases must open, serve and audit them (tests/releases/test_releases.py).
"""

from __future__ import annotations

import json
import lzma
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.fsck.full_database import FullDatabase
from tests.world_fixture import WorldFixture, decision
from tools import postgres
from workflowsvc import __version__, cli
from workflowsvc.access.secrets import new_master_key
from workflowsvc.backups.epochs import begin_epoch
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.stores import schema_number
from workflowsvc.testing import World

MASTER_KEY = new_master_key(lambda size: b"A" * size)  # of these files alone


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "store.db"
        facts = fill(file)
        add_access(file, Path(place))
        (folder / "store.db.xz").write_bytes(packed(file.read_bytes()))
        dump, facts["postgres"] = dumped(file)
        (folder / "dump.sql.xz").write_bytes(packed(dump))
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size:,} bytes")


def packed(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def fill(file: Path) -> dict[str, Any]:
    """Makes the store; what a client knows of it. Last comes what the next step of a server would change."""
    store = SqliteStore(str(file))
    with closing(store):
        on = WorldFixture(World(store=store), domain="shop")
        begin_epoch(store, on.world.clock.now_ms(), lambda size: bytes(range(size)))
        on.world.restart()  # the tokens below are of this epoch
        on.start("held")
        token = on.next_task()["taskToken"]
        more(on)
        page = on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0}, maximumPageSize=1)
        full = FullDatabase(store)
        return {
            "release": __version__,
            "schema": schema_number(f"sqlite:{file}"),
            "nowMs": max(on.world.clock.now_ms(), full.world.clock.now_ms()),
            "runs": len(full.rows("select 1 from executions")),
            "events": len(full.rows("select 1 from events")),
            "taskToken": token,
            "pageToken": page["nextPageToken"],
        }


def more(on: WorldFixture) -> None:
    """What FullDatabase has not: names that are gone or deprecated, long payloads, an import, a batch job, tags."""
    for version in ("2", "3"):
        on.ask("RegisterWorkflowType", name="workflow", version=version, description="größer \u0000 und 漢字")
        on.ask("DeprecateWorkflowType", workflowType={"name": "workflow", "version": version})
    on.ask("DeleteWorkflowType", workflowType={"name": "workflow", "version": "3"})
    on.call("RegisterDomain", name="empty", workflowExecutionRetentionPeriodInDays="NONE")
    on.call("RegisterDomain", name="gone", workflowExecutionRetentionPeriodInDays="0")
    on.call("DeprecateDomain", name="gone")
    on.call("RegisterDomain", name="tried", workflowExecutionRetentionPeriodInDays="1")
    on.call("WorkflowSvc.FreezeClock", domain="tried")
    arn = f"arn:aws:swf:us-east-1:{on.tenant.account}:/domain/{on.domain}"
    on.call("TagResource", resourceArn=arn, tags=[{"key": "team", "value": "shop"}])
    run_id = on.start("large", input="漢" * 5_000)
    on.ask("TerminateWorkflowExecution", workflowId="large", details="\u0000" * 100)
    events = on.history(run_id, "large")
    on.call("WorkflowSvc.ImportHistory", domain="archive", workflowId="old", history=json.dumps(events))
    on.start("wrong-1")
    on.call(
        "WorkflowSvc.StartBatch",
        domain=on.domain,
        operation="TERMINATE",
        reason="wrong",
        filter={"workflowIdBeginsWith": "wrong"},
    )
    on.world.advance(seconds=5)
    on.start("open")
    on.start("failed")
    on.decide(
        decision("RecordMarker", markerName="m", details="x"), decision("FailWorkflowExecution", reason="r")
    )


def add_access(file: Path, folder: Path) -> None:
    key = folder / "master.key"
    key.write_text(MASTER_KEY + "\n")
    key.chmod(0o600)
    policy = folder / "policy.json"
    statement = {"Effect": "Allow", "Action": "swf:*", "Resource": "*"}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    for words in (
        ["policy", "put", "everything", str(policy)],
        ["user", "create", "ann", "--policy", "everything", "--tag", "team=shop"],
        ["key", "create", "ann"],
    ):
        where = ("--store", f"sqlite:{file}", "--master-key-file", str(key))
        assert cli.main(["access", *words, *where]) == 0, words


def dumped(file: Path) -> tuple[bytes, dict[str, Any]]:
    """The same in PostgreSQL, as SQL that any client can run; and of which schema and server it is."""
    with postgres.running() as server:
        assert cli.main(["copy", "--from", f"sqlite:{file}", "--to", server.dsn()]) == 0
        program = shutil.which("pg_dump", path=str(postgres.find_programs())) or "pg_dump"
        options = ("--inserts", "--rows-per-insert=50", "--no-owner", "--no-privileges", "--schema=public")
        done = subprocess.run([program, *options, server.dsn()], capture_output=True, check=True)
        only_for_psql = rb"^(\\|--|CREATE SCHEMA|COMMENT ON SCHEMA|ALTER SCHEMA).*\n"
        text = re.sub(only_for_psql, b"", done.stdout, flags=re.MULTILINE)
        return text, {"schema": schema_number(server.dsn())}


if __name__ == "__main__":
    main()
