"""Tests of workflows, in pytest, unittest and plain Python: docs/testing.md.

    with TestService() as service, service.domain() as domain:
        domain.run(decider, domain.swf, domain.name)
        domain.clock.skip()
        …
        assert domain.wait_for_close("order-1") == "COMPLETED"

`World` is the service alone, on a clock that only its caller moves:

    world = World()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(seconds=30)

Names are imported when they are used first, so that loading the pytest plugin costs a test run nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflowsvc.testing.boto import MissingBoto3
    from workflowsvc.testing.case import WorkflowTestCase
    from workflowsvc.testing.clock import DomainClock
    from workflowsvc.testing.domain import TestDomain, WaitedInVain
    from workflowsvc.testing.expectation import WrongExpectation
    from workflowsvc.testing.history import History
    from workflowsvc.testing.loops import LoopFailed
    from workflowsvc.testing.service import TestService
    from workflowsvc.testing.transport import connect
    from workflowsvc.testing.world import LATER, Failed, PendingAnswer, World
    from workflowsvc.testing.world_service import WorldService

__all__ = [
    "LATER",
    "DomainClock",
    "Failed",
    "History",
    "LoopFailed",
    "MissingBoto3",
    "PendingAnswer",
    "TestDomain",
    "TestService",
    "WaitedInVain",
    "WorkflowTestCase",
    "World",
    "WorldService",
    "WrongExpectation",
    "connect",
]

_MODULES = {
    "LATER": "world",
    "DomainClock": "clock",
    "Failed": "world",
    "History": "history",
    "LoopFailed": "loops",
    "MissingBoto3": "boto",
    "PendingAnswer": "world",
    "TestDomain": "domain",
    "TestService": "service",
    "WaitedInVain": "domain",
    "WorkflowTestCase": "case",
    "World": "world",
    "WorldService": "world_service",
    "WrongExpectation": "expectation",
    "connect": "transport",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
