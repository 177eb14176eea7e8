"""Every scenario of this folder happens as it is written, in five ways: in this process; in one that dies before every
command; with every batch undone once; to several accounts at once; and over HTTP with boto3.

What the files look like is told in README.md. `REWRITE_HISTORIES=1 pytest tests/histories`, or `python -m
tests.scenario --rewrite`, writes what the service answers into the files; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.scenario import runner, together
from tests.scenario.in_process import InProcess
from tests.scenario.over_http import OverHttp, Server
from tests.scenario.runner import ScenarioSettings
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.language import Scenario

if os.environ.get("REWRITE_HISTORIES"):
    for path in runner.files():
        runner.rewrite(path)

SCENARIOS = [scenario for path in runner.files() for scenario in language.read(path)]

# Accounts are what tells several players apart, so what is about accounts cannot be played by several.
ABOUT_ACCOUNTS = re.compile(r"\bas [0-9]{12}|arn:aws:swf:|functions=answer")


def is_about_accounts(scenario: Scenario) -> bool:
    lines = [line for step in scenario.steps for line in (step.text, *step.expected)]
    return any(ABOUT_ACCOUNTS.search(line) for line in lines)


def played(scenarios: list[Scenario]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scenario", scenarios, ids=[scenario.name for scenario in scenarios])


each = played(SCENARIOS)


@each
def test_it_happens_as_written(scenario: Scenario) -> None:
    answers = runner.play(scenario, runner.in_process)
    different = runner.differences(scenario, answers)
    assert not different, different


@each
def test_it_happens_as_written_in_a_process_that_dies_before_every_command(scenario: Scenario) -> None:
    def restarting(stage: ScenarioSettings) -> InProcess:
        return InProcess(stage.settings, functions_answer=stage.functions_answer, restless=True)

    answers = runner.play(scenario, restarting, restless=True)
    different = runner.differences(scenario, answers)
    assert not different, different


@each
def test_it_happens_as_written_when_every_batch_is_undone_once(scenario: Scenario) -> None:
    def unlucky(stage: ScenarioSettings) -> InProcess:
        return InProcess(stage.settings, functions_answer=stage.functions_answer, unlucky=True)

    answers = runner.play(scenario, unlucky)
    different = runner.differences(scenario, answers)
    assert not different, different


@played([scenario for scenario in SCENARIOS if not is_about_accounts(scenario)])
def test_it_happens_as_written_to_several_at_once(scenario: Scenario) -> None:
    for answers in together.play(scenario, players=2):
        different = runner.differences(scenario, answers)
        assert not different, different


@each
def test_it_happens_as_written_over_http_with_boto3(scenario: Scenario, server: Server) -> None:
    def over_http(stage: ScenarioSettings) -> OverHttp:
        return OverHttp(server, stage.settings, functions_answer=stage.functions_answer)

    answers = runner.play(scenario, over_http, judge_all=False)  # they are the histories judged above
    different = runner.differences(scenario, answers)
    assert not different, different
