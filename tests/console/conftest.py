"""The console over a service in this process whose clock the test moves, and over a real server in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.console.browsing import Browser
from tests.console.real_browser import Remote, Watched, real_console, require_browser
from tests.world_fixture import WorldFixture
from tools.chromium import chromium
from workflowsvc.testing import World

# `make soak` drives the browser through all pages in both colour schemes, and shows all texts of the corpus on all
# pages. That takes minutes, so `make test` does a part of it: every text on some pages, every form of a page with some
# texts, and in the browser what only a browser can show.
WHOLE = bool(os.environ.get("BROWSE_ALL"))

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium


@pytest.fixture
def stage() -> WorldFixture:
    """A service with a domain `d` and types."""
    return WorldFixture(World())


@pytest.fixture
def browser(stage: WorldFixture) -> Iterator[Browser]:
    """A browser without scripts that looks at its console."""
    with Browser(stage.world) as browser:
        yield browser


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Remote, str]]:
    """A server: calls of its API, and the address of its console."""
    require_browser()
    with real_console(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def program_that_browses() -> Iterator[Chromium]:
    """Chromium."""
    require_browser()
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def watched_in(console: tuple[Remote, str], program_that_browses: Chromium) -> dict[str, Watched]:
    """A page in each of the two colour schemes."""
    return {scheme: Watched(program_that_browses, console[1], scheme) for scheme in ("light", "dark")}


@pytest.fixture(params=["light", "dark"] if WHOLE else ["light"])
def watched(request: pytest.FixtureRequest, watched_in: dict[str, Watched]) -> Watched:
    """A page in one of the two colour schemes."""
    return watched_in[request.param]
