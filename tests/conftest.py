"""Conditions of every test: generated examples are the same in each run, and databases are judged afterwards.

Owns the hypothesis profiles, and the judgement of databases in folders whose tests do not judge them. Time limits and
the traceback of a hanging test are set in pyproject.toml. Fixtures of one subject are beside its tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from workflowsvc.fsck.audit import Options, audit
from workflowsvc.testing import World

# ci: the same examples in every run, so that a red build is caused by the change. explore: new examples each time, to
# look for bugs (HYPOTHESIS_PROFILE=explore make test). No deadlines: a slow machine is not a failure.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Folders and files. Others have their own judges, or cause states that no service may leave.
JUDGED_HERE = {"engine", "lambdas", "service", "service_limits", "tenants", "test_rates.py"}


@pytest.fixture(autouse=True)
def every_history_is_sound(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[World]]:
    """The worlds that a test has made; at its end lint and fsck must find nothing in their databases."""
    worlds: list[World] = []
    if JUDGED_HERE & {request.path.parent.name, request.path.name}:
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
