"""The console over a service in this process whose clock only the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture
from workflowsvc.testing import World


@pytest.fixture
def stage() -> WorldFixture:
    """A service with a domain `d` and types."""
    return WorldFixture(World())


@pytest.fixture
def browser(stage: WorldFixture) -> Iterator[Browser]:
    """A browser without scripts that looks at its console."""
    with Browser(stage.world) as browser:
        yield browser
