"""Executions are kept in memory up to a number of bytes, and what leaves it is in the store."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.peer_sqlite import PeerSqliteStore
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.engine.execution_cache import COUNTED_FROM_BYTES
from workflowsvc.settings import Settings
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

MIB = 1 << 20
LONGEST = 32_768  # characters of an input


def activities(*inputs: str) -> list[dict[str, Any]]:
    return [
        decision("ScheduleActivityTask", activityId=f"a{number}", activityType=ACTIVITY, input=text)
        for number, text in enumerate(inputs)
    ]


def timers(count: int) -> list[dict[str, Any]]:
    return [decision("StartTimer", timerId=f"t{n}", startToFireTimeout="600") for n in range(count)]


# What a run holds while it is open: its input, and the decisions of its first task.
SHAPES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "nothing": ("", []),
    "three activities": ("x" * 200, activities(*["x" * 100] * 3)),
    "twenty timers": ("x" * 200, timers(20)),
    "five hundred timers": ("", timers(500)),
    "large inputs": ("x" * LONGEST, activities(*["x" * LONGEST] * 9)),
    "large Chinese inputs": ("中" * LONGEST, activities(*["中" * LONGEST] * 9)),
    "an emoji in a large input": ("x" * (LONGEST - 2) + "😀", []),
    "an emoji in an input of 1,500 characters": ("x" * 1500 + "😀", []),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_memory_of_executions_is_estimated_as_it_is(shape: str) -> None:
    """As Python's own account of allocations says, when they have left."""
    given, decisions = SHAPES[shape]
    on = WorldFixture(World())
    cache = on.world.state.cache

    def make(number: int) -> None:
        on.start(f"w{number}", input=given)
        on.decide(*decisions)

    make(0)  # what is kept besides executions is made by the first one
    tracemalloc.start()
    try:
        for number in range(1, 21):
            make(number)
        on.world.run()
        for run in list(cache.executions):
            cache.histories.forget(run)
        first = next(iter(cache.executions))
        cache.forget(first)
        estimate, taken = cache.size, _allocated()
        for run in list(cache.executions):
            cache.forget(run)
        taken -= _allocated()
    finally:
        tracemalloc.stop()
    assert cache.size == 0
    assert 0.8 * taken < estimate < 3 * taken


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_an_execution_that_stays_small_is_estimated_small_whatever_its_history() -> None:
    on = WorldFixture(World())
    on.start()
    for _ in range(100):
        on.world.submit(
            "SignalWorkflowExecution", domain="d", workflowId="w", signalName="s", input="x" * 1000
        )
    on.world.run()
    assert on.world.state.cache.size <= COUNTED_FROM_BYTES


def test_open_executions_with_large_inputs_leave_memory_and_go_on() -> None:
    on = WorldFixture(World(settings=Settings(max_cache_bytes=3 * MIB)))
    cache = on.world.state.cache
    runs: list[str] = []
    for number in range(20):
        runs.append(on.start(f"w{number}"))
        on.decide(*activities(*["x" * LONGEST] * 10))
        assert cache.size <= 2 * MIB
    assert 3 <= len(cache.executions) <= 6, "of 330 KB each, those used last"
    assert cache.get(max(cache.executions)) is not None
    for _ in range(200):
        task = on.ask("PollForActivityTask", taskList=LIST)
        assert task["input"] == "x" * LONGEST
        on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    assert all(
        on.types(run, f"w{number}").count("ActivityTaskCompleted") == 10 for number, run in enumerate(runs)
    )


def test_details_of_heartbeats_are_counted() -> None:
    """The last one of each activity is kept, though it is in no history."""
    on = WorldFixture(World())
    cache = on.world.state.cache
    on.start()
    on.decide(*activities(*[""] * 50))
    before = cache.size
    for _ in range(50):
        task = on.ask("PollForActivityTask", taskList=LIST)
        on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="x" * 2048)
    assert cache.size - before > 50 * 2048
    on.world.restart()
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert on.world.state.cache.size > 50 * 2048, "those that are read from the store likewise"


def lives(on: WorldFixture) -> list[list[dict[str, Any]]]:
    """The histories of three runs, whose calls share batches with each other."""
    runs = [on.start(f"w{number}") for number in range(3)]
    for _ in runs:
        on.decide(*activities("x", "y"), *timers(2))
    for _ in range(6):
        task = on.ask("PollForActivityTask", taskList=LIST)
        token = task["taskToken"]
        on.world.submit("RecordActivityTaskHeartbeat", taskToken=token, details=task["activityId"])
        on.world.submit("SignalWorkflowExecution", domain="d", workflowId="w1", signalName="s")
        on.world.submit("RespondActivityTaskCompleted", taskToken=token, result="done")
        on.world.run()
    on.world.advance(seconds=600)
    for _ in runs:
        on.decide(decision("CompleteWorkflowExecution"))
    return [on.history(run, f"w{number}") for number, run in enumerate(runs)]


@pytest.mark.parametrize("make", [SqliteStore, PeerSqliteStore])
def test_nothing_is_lost_when_every_execution_leaves_after_every_batch(
    make: Callable[[None], SqliteStore],
) -> None:
    forgetful = WorldFixture(World(store=make(None), settings=Settings(max_cache_bytes=0)))
    assert lives(forgetful) == lives(WorldFixture(World(store=make(None))))
    cache = forgetful.world.state.cache
    assert (len(cache.executions), cache.size) == (0, 0)
