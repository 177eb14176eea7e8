"""How large a workflow is in a SQLite file, and that what retention deletes makes room: figures of operations.md."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

RUNS = 60
DAY_SECONDS = 86_400
RETENTION_DAYS = 10  # of the domain of WorldFixture
MAX_BYTES_OF_A_RUN = 3_100 * 1.3


def generation(on: WorldFixture, name: str) -> None:
    """Workflows of one activity, from their start to their completion."""
    for number in range(RUNS):
        on.start(f"{name}{number}")
        on.decide(decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY))
        task = on.ask("PollForActivityTask", taskList=LIST)
        on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
        on.decide(decision("CompleteWorkflowExecution"))


def test_a_workflow_is_as_large_as_is_documented_and_its_room_is_used_again(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "store.db"))
    with closing(store):
        world = World(store=store)
        on = WorldFixture(world)
        empty = pages(tmp_path)
        generation(on, "first")
        after_one = pages(tmp_path)
        assert (after_one - empty) * 4096 / RUNS < MAX_BYTES_OF_A_RUN
        for number in range(4):
            world.advance(seconds=(RETENTION_DAYS + 1) * DAY_SECONDS)
            generation(on, f"later{number}")
        assert pages(tmp_path) < after_one * 1.2


def pages(folder: Path) -> int:
    """Of the database as a reader sees it, its log included."""
    import apsw

    with closing(apsw.Connection(str(folder / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return int(connection.pragma("page_count"))
