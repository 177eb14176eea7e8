"""One server for all tests that need nothing special of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.support import Raw, Running, running


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running() as it:
        yield it


@pytest.fixture
def client(server: Running) -> Iterator[Raw]:
    with server.client() as it:
        yield it
