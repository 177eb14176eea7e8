"""Every scenario of tests/histories happens as it is written when the data is kept in PostgreSQL."""

from __future__ import annotations

import pytest

from tests.postgres.places import open_empty_store
from tests.scenario import runner
from tests.scenario.in_process import InProcess, RestartingWorld
from tests.scenario.runner import ScenarioSettings
from tests.single_node_store import SingleNodeStore
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.language import Scenario

SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]


class InPostgres(InProcess):
    def __init__(self, stage: ScenarioSettings, *, restless: bool) -> None:
        # With peers it would poll the store every second of the years that pass in scenarios.
        store = SingleNodeStore(open_empty_store())
        self.world = RestartingWorld(settings=stage.settings, store=store)
        self.world.restless = restless
        self.world.functions_answer = stage.functions_answer
        self.world.restart()


@pytest.mark.parametrize("restless", [False, True], ids=["", "in a process that dies before every command"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_it_happens_as_written(scenario: Scenario, restless: bool) -> None:
    answers = runner.play(scenario, lambda stage: InPostgres(stage, restless=restless), restless=restless)
    different = runner.differences(scenario, answers)
    assert not different, different
