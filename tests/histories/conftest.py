"""One server for all scenarios that are played over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenario.over_http import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()
