"""Every scenario of this folder happens as it is written: in this process, in one that dies all the time, and over
HTTP.

What the files look like is told in README.md. `REWRITE_HISTORIES=1 pytest tests/histories`, or `python -m
tests.scenario --rewrite`, writes what the service answers into the files; read the difference before you commit it.
"""

from __future__ import annotations

import os

import pytest

from tests.scenario import language, runner
from tests.scenario.in_process import InProcess
from tests.scenario.language import Scenario
from tests.scenario.over_http import OverHttp, Server
from tests.scenario.runner import Stage

if os.environ.get("REWRITE_HISTORIES"):
    for path in runner.files():
        runner.rewrite(path)

SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]

each = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])


@each
def test_it_happens_as_written(scenario: Scenario) -> None:
    answers = runner.play(scenario, runner.in_process)
    different = runner.differences(scenario, answers)
    assert not different, different


@each
def test_it_happens_as_written_in_a_process_that_dies_before_every_command(scenario: Scenario) -> None:
    def mortal(stage: Stage) -> InProcess:
        return InProcess(stage.settings, functions_answer=stage.functions_answer, restless=True)

    answers = runner.play(scenario, mortal, restless=True)
    different = runner.differences(scenario, answers)
    assert not different, different


@each
def test_it_happens_as_written_when_every_batch_is_undone_once(scenario: Scenario) -> None:
    def unlucky(stage: Stage) -> InProcess:
        return InProcess(stage.settings, functions_answer=stage.functions_answer, unlucky=True)

    answers = runner.play(scenario, unlucky)
    different = runner.differences(scenario, answers)
    assert not different, different


@each
def test_it_happens_as_written_over_http_with_boto3(scenario: Scenario, server: Server) -> None:
    def over_http(stage: Stage) -> OverHttp:
        return OverHttp(server, stage.settings, functions_answer=stage.functions_answer)

    answers = runner.play(scenario, over_http, judge_all=False)  # they are the histories judged above
    different = runner.differences(scenario, answers)
    assert not different, different
