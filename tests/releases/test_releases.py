"""Stores of every release: this one opens, audits and serves them, tokens stay valid, and the way back is open.

The files are made by `everything.py` and never changed. `before-0.1.0` was made before there were clocks of domains.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.postgres.places import admin, given_dsn, new_empty_place
from tests.releases.everything import MASTER_KEY
from tests.world_fixture import LIST, WorldFixture, decision
from workflowsvc import cli
from workflowsvc.clock import ManualClock
from workflowsvc.fsck import Options, audit
from workflowsvc.store.interface import RepairStore
from workflowsvc.store.migrate import pending
from workflowsvc.store.postgres import schema
from workflowsvc.store.sqlite import database_file
from workflowsvc.store.sqlite.read_only import version_of_file
from workflowsvc.stores import open_store
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

LONG_MS = 400 * 86_400_000  # every time-out and retention passes
HERE = Path(__file__).parent
RELEASES = sorted(path.name for path in HERE.iterdir() if (path / "facts.json").exists())


class Old(NamedTuple):
    """A store that another release has left, and what a client of it knows."""

    where: str
    facts: dict[str, Any]
    kind: str

    @contextmanager
    def opened(self) -> Iterator[RepairStore]:
        with closing(open_store(self.where)) as store:
            yield store


@pytest.fixture(
    params=[(release, kind) for release in RELEASES for kind in ("sqlite", "postgres")], ids="-".join
)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """After the migration to the schema of this release."""
    release, kind = request.param
    facts = json.loads((HERE / release / "facts.json").read_text())
    if kind == "sqlite":
        file = tmp_path / "store.db"
        file.write_bytes(lzma.decompress((HERE / release / "store.db.xz").read_bytes()))
        where = f"sqlite:{file}"
    else:
        if given_dsn():
            pytest.skip("the dump is loaded into the server that tests start")
        place = new_empty_place()
        text = lzma.decompress((HERE / release / "dump.sql.xz").read_bytes()).decode()
        with admin(place.dsn) as connection:
            connection.execute(text.replace("public.", f"{place.schema}.").encode())
        where = place.dsn
    assert cli.main(["migrate", "--store", where]) == 0
    return Old(where, facts, kind)


def problems(store: RepairStore, now_ms: int) -> list[str]:
    with store.reader() as reader:
        return [str(problem) for problem in audit(reader, Options(now_ms))]


def test_it_is_sound_and_whole(old: Old) -> None:
    with old.opened() as store:
        assert problems(store, old.facts["nowMs"]) == []
        with store.reader() as reader:
            runs = reader.runs(-1, 1_000)
            events = sum(row.next_event_id - 1 for row in reader.executions(runs).values())
    assert (len(runs), events) == (old.facts["runs"], old.facts["events"])


def test_it_is_served_and_what_clients_hold_is_still_valid(old: Old) -> None:
    with old.opened() as store:
        clock = ManualClock(old.facts["nowMs"])
        world = World(store=store, clock=clock, functions={"f": lambda event: event})
        shop = known(world, "shop")
        page = shop.ask(
            "ListOpenWorkflowExecutions",
            startTimeFilter={"oldestDate": 0},
            maximumPageSize=1,
            nextPageToken=old.facts["pageToken"],
        )
        assert page["executionInfos"]
        shop.call(
            "RespondDecisionTaskCompleted",
            taskToken=old.facts["taskToken"],
            decisions=[decision("CompleteWorkflowExecution", result="after the upgrade")],
        )
        world.run()
        on = known(world, "d")
        for domain in (shop, on, known(world, "archive")):
            for info in every_run(domain):
                domain.history(info["execution"]["runId"], info["execution"]["workflowId"])
        drain(on)
        on.start("new", workflowType={"name": "workflow", "version": "1"})
        on.decide(decision("CompleteWorkflowExecution"))
        clock.advance(LONG_MS)
        world.run()
        assert problems(store, clock.now_ms()) == []


def known(world: World, domain: str) -> WorldFixture:
    """A domain that is there already."""
    found = WorldFixture.__new__(WorldFixture)
    found.world, found.tenant, found.domain = world, Tenant(), domain
    return found


def every_run(on: WorldFixture) -> list[dict[str, Any]]:
    times = {"startTimeFilter": {"oldestDate": 0}}
    listed = [on.ask(f"List{which}WorkflowExecutions", **times) for which in ("Open", "Closed")]
    assert not [answer for answer in listed if "nextPageToken" in answer]
    return [info for answer in listed for info in answer["executionInfos"]]


def drain(on: WorldFixture) -> None:
    """Workers and deciders do all the work that waits."""
    while "taskToken" in (task := on.ask("PollForActivityTask", taskList=LIST)):
        on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    while "taskToken" in (task := on.ask("PollForDecisionTask", taskList=LIST)):
        on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"])


def test_its_access_keys_are_read(old: Old, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "master.key"
    key.write_text(MASTER_KEY + "\n")
    key.chmod(0o600)
    where = ("--store", old.where, "--master-key-file", str(key))
    assert cli.main(["access", "user", "list", *where]) == 0
    assert "ann" in capsys.readouterr().out
    assert cli.main(["access", "key", "create", "ann", *where]) == 0


def test_the_release_that_made_it_can_open_it_again(old: Old) -> None:
    """After this release has migrated it: migrations since then have only added. A release that contracts says so in
    its notes, and this test then begins behind it."""
    if old.kind == "sqlite":
        number, migrations = old.facts["schema"], database_file.MIGRATIONS
        version = version_of_file(old.where.removeprefix("sqlite:"))
    else:
        number, migrations = old.facts["postgres"]["schema"], schema.MIGRATIONS
        with schema.opened(old.where, "here") as connection:
            version = schema.version_of(connection, "here")
    then = [migration for migration in migrations if migration.number <= number]
    assert pending(then, version, "here") == []


def test_this_release_has_its_files() -> None:
    from workflowsvc import __version__

    assert __version__ in RELEASES, "run `python -m tests.releases.everything tests/releases/VERSION`"
