"""ListLogLevels and SetLogLevel: a running server logs more, or less, and goes back to what it did."""

from __future__ import annotations

import logging

import pytest

from tests.failing_store import FailingStore
from workflowsvc.log_parts import PARTS
from workflowsvc.model import own_shapes
from workflowsvc.testing import World


def levels(answer: dict[str, list[dict[str, object]]]) -> dict[object, tuple[object, object]]:
    return {row["part"]: (row["level"], row["isOwn"]) for row in answer["levels"]}


def test_a_part_logs_more_until_that_is_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    assert levels(world.call("ListLogLevels"))["CALLS"] == ("INFO", False)
    changed = levels(world.call("SetLogLevel", part="CALLS", level="DEBUG"))
    assert changed["CALLS"] == ("DEBUG", True)
    assert changed["WRITER"] == ("INFO", False)
    assert logging.getLogger("workflowsvc.http.calls").isEnabledFor(logging.DEBUG), "it logs every call"
    assert levels(world.call("SetLogLevel", part="CALLS"))["CALLS"] == ("INFO", False)
    assert not logging.getLogger("workflowsvc.http.calls").isEnabledFor(logging.DEBUG)
    assert "the level of calls is debug now" in caplog.text


def test_all_is_the_level_of_parts_without_their_own(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.call("SetLogLevel", part="SLOW", level="ERROR")
    changed = levels(world.call("SetLogLevel", part="ALL", level="WARNING"))
    assert changed["ACCESS"] == ("WARNING", False)
    assert changed["SLOW"] == ("ERROR", True)


def test_a_change_needs_no_store() -> None:
    store = FailingStore()
    world = World(store=store)
    store.refusals = 10**9
    assert levels(world.call("SetLogLevel", part="WRITER", level="DEBUG"))["WRITER"] == ("DEBUG", True)


def test_the_model_has_the_parts_that_the_log_has() -> None:
    assert {row["part"] for row in World().call("ListLogLevels")["levels"]} == {
        part.upper() for part in PARTS
    }
    assert own_shapes.OPERATIONS["SetLogLevel"].name == "SetLogLevel"
