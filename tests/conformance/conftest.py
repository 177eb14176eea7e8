"""One server for all tests of conformance, and services with everything in them, here and behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.fixtures import SETTINGS, Fixtures
from tests.scenario.in_process import InProcess
from tests.scenario.over_http import OverHttp, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def over_http(server: Server) -> Iterator[Fixtures]:
    """Spoken to with boto3; each module has its own."""
    service = OverHttp(server, SETTINGS)
    yield Fixtures(service)
    service.close()


@pytest.fixture(scope="module")
def in_process() -> Iterator[Fixtures]:
    service = InProcess(SETTINGS)
    yield Fixtures(service)
    service.close()
