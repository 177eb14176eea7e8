"""Conditions of every test: generated examples are the same in each run, databases are judged afterwards, and nothing
that was started is left.

Owns the hypothesis profiles, the judgement of databases in folders whose tests do not judge them, and the plugins
of `support/`. Time limits and the traceback of a hanging test are set in pyproject.toml. Fixtures of one subject are
beside its tests.
"""

from __future__ import annotations

import tests.support.compiled  # noqa: F401  # before what it concerns

# isort: split
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.support import punctual, quick, running_test
from tests.support.waiting import until
from tools.guard import Guard

if TYPE_CHECKING:  # what only needs the hooks above starts sooner without the service
    from workflowsvc.testing import World

# ci: the same examples in every run, so that a red build is caused by the change. explore: new examples each time, to
# look for bugs (HYPOTHESIS_PROFILE=explore make test). No deadlines: a slow machine is not a failure.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

GUARD = pytest.StashKey[Guard]()


def pytest_addoption(parser: pytest.Parser) -> None:
    quick.add_option(parser)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if config.getoption("quick") and quick.is_ignored(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        quick.choose(config, items)
    punctual.first(items)


def pytest_collection_finish() -> None:
    """Thousands of tests are nothing that a collection of garbage has to look at again: tests that measure memory
    collect it hundreds of times."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """How many workers `-n auto` starts: three for two cores, as tests wait for a third of their time, for time-outs,
    disks and other processes. None where xdist's own variable says it."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts tests in the background has Ctrl-C ignored, also in all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[GUARD] = Guard()
    if note := running_test.note_of(config):
        config.pluginmanager.register(running_test.Note(note))
        config.pluginmanager.register(punctual.Turns(note.parent))
    else:
        config.pluginmanager.register(running_test.Notes())


@pytest.fixture(autouse=True, scope="session")
def nothing_is_left_running(pytestconfig: pytest.Config) -> Iterator[None]:
    """Each process that tests have started has ended with its test, or with the fixture that it belongs to."""
    yield
    guard = pytestconfig.stash[GUARD]
    try:
        until(lambda: not guard.left(), "all processes have ended")
    except AssertionError:
        raise AssertionError(f"left running by tests: {guard.left()}") from None


CALM_SECONDS = 0.05  # of a client of `tests/support/load.py` after each call


@pytest.fixture
def calm_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load of a short form leaves room to other tests: half as many calls as it could make, and all faults. In the
    long forms of `make soak` it makes as many as it can."""
    monkeypatch.setattr("tests.support.load.Load.rest_seconds", CALM_SECONDS)


# Folders and files. Others have their own judges, or cause states that no service may leave.
JUDGED_HERE = {"engine", "lambdas", "service", "service_limits", "tenants", "test_rates.py"}


@pytest.fixture(autouse=True)
def every_history_is_sound(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[World]]:
    """The worlds that a test has made; at its end lint and fsck must find nothing in their databases."""
    worlds: list[World] = []
    if not JUDGED_HERE & {request.path.parent.name, request.path.name}:
        yield worlds
        return
    from workflowsvc.fsck.audit import Options, audit
    from workflowsvc.testing import World

    make = World.__init__

    def remember(world: World, **given: Any) -> None:
        make(world, **given)
        worlds.append(world)

    monkeypatch.setattr(World, "__init__", remember)
    yield worlds
    for world in worlds:
        with world.store.reader() as reader:
            options = Options(world.clock.now_ms(), quotas=world.settings.quotas)
            problems = list(audit(reader, options))
        assert not problems, "\n".join(map(str, problems))
