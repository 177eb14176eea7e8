"""Tests of workflows, in pytest, unittest and plain Python: docs/testing.md.

`World` is the whole service in this process, on a clock that only the test moves:

    world = World()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(seconds=30)

Names are imported when they are used first, so that loading the pytest plugin costs a test run nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflowsvc.testing.world import LATER, Failed, PendingAnswer, World

__all__ = ["LATER", "Failed", "PendingAnswer", "World"]

_MODULES = {
    "LATER": "world",
    "Failed": "world",
    "PendingAnswer": "world",
    "World": "world",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
