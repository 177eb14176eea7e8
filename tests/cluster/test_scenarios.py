"""Every scenario of tests/histories happens as it is written when each call reaches the other of two nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.two_nodes import TwoNodes
from tests.postgres.places import Place, empty, new_place
from tests.scenario import language, runner
from tests.scenario.language import Scenario
from tests.scenario.runner import Stage
from workflowsvc.engine import lane
from workflowsvc.store import postgres_marks

YEAR_MS = 366 * 86_400_000
SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]


@pytest.fixture(scope="module")
def place() -> Place:
    return new_place()


@pytest.fixture(autouse=True)
def looks_around_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second of the years that pass in scenarios would take too long; hints are never lost here. Nor does real
    time pass, in which marks are forgotten.
    """
    monkeypatch.setattr(lane, "LOOK_AGAIN_MS", YEAR_MS)
    monkeypatch.setattr(postgres_marks, "FULL_LOOK_MS", 0)


@pytest.fixture
def emptied(place: Place) -> Iterator[Place]:
    yield place
    empty(place)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_it_happens_as_written_on_two_nodes(scenario: Scenario, emptied: Place) -> None:
    def nodes(stage: Stage) -> TwoNodes:
        return TwoNodes(stage, emptied)

    answers = runner.play(scenario, nodes)
    different = runner.differences(scenario, answers)
    assert not different, different
