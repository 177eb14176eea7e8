"""The scenarios of this folder happen as they are written, as those of tests/histories do: here, restless, over HTTP.

`python -m tests.scenario --rewrite tests/conformance/questions.txt` writes what the service answers.
"""

from __future__ import annotations

import pytest

from tests.conformance.coverage import HERE
from tests.scenario import runner
from tests.scenario.in_process import InProcess
from tests.scenario.over_http import OverHttp, Server
from tests.scenario.runner import ScenarioSettings
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.language import Scenario

SCENARIOS = [scenario for path in sorted(HERE.glob("*.txt")) for scenario in language.read(path)]

each = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])


@each
def test_it_happens_as_written(scenario: Scenario) -> None:
    assert not runner.differences(scenario, runner.play(scenario, runner.in_process))


@each
def test_it_happens_as_written_in_a_process_that_dies_before_every_command(scenario: Scenario) -> None:
    def crashing(stage: ScenarioSettings) -> InProcess:
        return InProcess(stage.settings, functions_answer=stage.functions_answer, restless=True)

    assert not runner.differences(scenario, runner.play(scenario, crashing, restless=True))


@each
def test_it_happens_as_written_over_http_with_boto3(scenario: Scenario, server: Server) -> None:
    def over_http(stage: ScenarioSettings) -> OverHttp:
        return OverHttp(server, stage.settings, functions_answer=stage.functions_answer)

    assert not runner.differences(scenario, runner.play(scenario, over_http))
