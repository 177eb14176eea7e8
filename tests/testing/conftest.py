"""A domain behind a server and one behind a World: what a test does with one, it may do with the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workflowsvc.testing.domain import TestDomain
from workflowsvc.testing.service import TestService
from workflowsvc.testing.world_service import WorldService


@pytest.fixture(scope="session")
def service() -> Iterator[TestService]:
    with TestService() as service:
        yield service


@pytest.fixture(params=["server", "world"])
def domain(request: pytest.FixtureRequest) -> Iterator[TestDomain]:
    """With types `order@1` and `remind@1`."""
    behind = request.getfixturevalue("service") if request.param == "server" else WorldService()
    with behind.domain(request.node.name) as domain:
        domain.register(workflows=["order@1"], activities=["remind@1"])
        yield domain
