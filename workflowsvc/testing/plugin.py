"""The pytest plugin: fixtures for tests of workflows, and what a failing test shows. See docs/testing.md.

It is loaded by every pytest that runs where this package is installed, so it imports nothing before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from workflowsvc.settings import Settings
    from workflowsvc.testing.clock import DomainClock
    from workflowsvc.testing.domain import TestDomain
    from workflowsvc.testing.service import TestService

SECTION = "workflow runs"

_domains: pytest.StashKey[list[TestDomain]] = pytest.StashKey()


@pytest.fixture(scope="session")
def swf_settings() -> Settings | None:
    """Settings of the server, as `workflowsvc.settings.Settings(limits="aws")`: a project overrides this fixture."""
    return None


@pytest.fixture(scope="session")
def swf_service(swf_settings: Settings | None) -> Iterator[TestService]:
    """A server of SWF in this process, on a free port, with its data in memory: one for all tests."""
    from workflowsvc.testing.service import TestService

    with TestService(swf_settings) as service:
        yield service


@pytest.fixture
def swf_domain(swf_service: TestService, request: pytest.FixtureRequest) -> Iterator[TestDomain]:
    """A fresh domain for this test, in which no other test has anything."""
    yield from _used(swf_service.domain(request.node.name), request)


@pytest.fixture
def swf(swf_domain: TestDomain) -> Any:
    """A boto3 client of SWF; calls name the domain: `domain=swf_domain.name`."""
    return swf_domain.swf


@pytest.fixture
def swf_clock(swf_domain: TestDomain) -> DomainClock:
    """The clock of the test's domain: advance, freeze, run, skip."""
    return swf_domain.clock


@pytest.fixture
def swf_environment(swf_service: TestService, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that lead clients to the server; during the test they are set, so that code which makes its own
    clients, and programs that the test starts, use it."""
    environment = swf_service.environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture
def swf_world_domain(request: pytest.FixtureRequest) -> Iterator[TestDomain]:
    """A fresh domain in a World of its own: no server, no socket, no other thread at the same time."""
    from workflowsvc.testing.world_service import WorldService

    yield from _used(WorldService().domain(request.node.name), request)


def _used(domain: TestDomain, request: pytest.FixtureRequest) -> Iterator[TestDomain]:
    request.node.stash.setdefault(_domains, []).append(domain)
    try:
        yield domain
    finally:
        domain.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Adds the runs of its domains to the report of a test that fails."""
    outcome = yield
    domains = item.stash.get(_domains, None)
    if domains is None or call.excinfo is None or call.when == "teardown":
        return
    report = outcome.get_result()
    if report.failed:
        report.sections += [
            (SECTION, text) for domain in domains if (text := _shown(domain, call.excinfo.value))
        ]


def _shown(domain: TestDomain, error: BaseException) -> str:
    from workflowsvc.testing.domain import WaitedInVain

    return "" if isinstance(error, WaitedInVain) else domain.report()  # its message has the report
