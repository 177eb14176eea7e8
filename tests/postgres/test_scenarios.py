"""Scenarios of tests/histories happen as they are written when a single node keeps its data in PostgreSQL.

`make test` plays every third of them, and every sixth in a process that dies before every command, too; the others are
played on two nodes (`tests/cluster/test_scenarios.py`). `make soak-postgres` plays all, in all three ways.
"""

from __future__ import annotations

import os

import pytest

from tests.postgres.places import open_empty_store
from tests.scenario import runner
from tests.scenario.in_process import InProcess, RestartingWorld
from tests.scenario.runner import ScenarioSettings
from tests.single_node_store import SingleNodeStore
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.language import Scenario

SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]
ALL = bool(os.environ.get("EVERY_SCENARIO"))
# Two nodes use the same statements; what a single one does otherwise, it does alike on SQLite.
PLAIN = SCENARIOS if ALL else SCENARIOS[1::3]
# What a restart reads is read alike from every store (tests/store), and all of them are played with restarts on SQLite.
RESTLESS = SCENARIOS if ALL else SCENARIOS[::6]


def played(scenarios: list[Scenario]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scenario", scenarios, ids=[scenario.name for scenario in scenarios])


class InPostgres(InProcess):
    def __init__(self, stage: ScenarioSettings, *, restless: bool) -> None:
        # With peers it would poll the store every second of the years that pass in scenarios.
        store = SingleNodeStore(open_empty_store())
        self.world = RestartingWorld(settings=stage.settings, store=store)
        self.world.restless = restless
        self.world.functions_answer = stage.functions_answer
        self.world.restart()


@played(PLAIN)
def test_it_happens_as_written(scenario: Scenario) -> None:
    _play(scenario, restless=False)


@played(RESTLESS)
def test_it_happens_as_written_in_a_process_that_dies_before_every_command(scenario: Scenario) -> None:
    _play(scenario, restless=True)


def _play(scenario: Scenario, *, restless: bool) -> None:
    answers = runner.play(scenario, lambda stage: InPostgres(stage, restless=restless), restless=restless)
    different = runner.differences(scenario, answers)
    assert not different, different
