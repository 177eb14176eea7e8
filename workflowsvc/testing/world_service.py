"""A World as what is behind a domain of a test: no server, no socket, and nothing happens but by the test's own calls.

service = WorldService()
domain = service.domain()
domain.swf.start_workflow_execution(domain=domain.name, …)
domain.run(decider_loop, domain.swf)
domain.wait_for_close("order-1")
"""

from __future__ import annotations

import itertools
from typing import Any

from workflowsvc.testing.boto import boto3_client
from workflowsvc.testing.domain import TestDomain, domain_name
from workflowsvc.testing.loops import Loops
from workflowsvc.testing.transport import connect
from workflowsvc.testing.turns import TurnLoops
from workflowsvc.testing.world import World

URL = "http://world.invalid"
"""The address that its clients believe in; nothing is ever sent there."""


class WorldService:
    """The service without a server. Its deciders and workers take turns (`turns.py`), so that a test is the same in
    every run."""

    def __init__(self, world: World | None = None) -> None:
        """Without a `world` a new one, whose clock stands still."""
        self.world = world or World()
        self._numbers = itertools.count(1)

    def call(self, operation: str, /, **members: Any) -> Any:
        """As `World.call`."""
        return self.world.call(operation, **members)

    def client(self, loops: Loops | None = None, **options: Any) -> Any:
        """A boto3 client whose requests the World answers; `options` are those of `botocore.config.Config`. Its polls
        wait while `loops` have anything to do, and are answered at once without them."""
        client = boto3_client(URL, loops.leave_if_over if loops else None, **options)
        return connect(client, self.world, loops.answer if isinstance(loops, TurnLoops) else None)

    def domain(self, name: str = "test") -> TestDomain:
        """A fresh domain; the text is a part of its name."""
        return TestDomain(self, domain_name(name, next(self._numbers)), TurnLoops())

    def release(self, domain: str) -> None:
        """Nothing to do: its loops are told when it is their turn."""
