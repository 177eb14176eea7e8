"""Plays scenarios and compares: what a file expects, what the service answered.

Owns the three ways of playing and the settings that a scenario may begin with.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.scenario.in_process import InProcess
from workflowsvc.settings import Settings
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.judge import Auditor
from workflowsvc.testing.scenarios.language import Scenario, Step
from workflowsvc.testing.scenarios.play import Play
from workflowsvc.testing.scenarios.service import Service

FOLDER = Path(__file__).parent.parent / "histories"
PRELUDE = FOLDER / "prelude.txt"


class ScenarioSettings(NamedTuple):
    """What a scenario asks of the service that it is played on."""

    settings: Settings
    functions_answer: bool  # Lambda functions can be invoked, and answer when the scenario says so


def files() -> list[Path]:
    """Every file of scenarios."""
    return sorted(path for path in FOLDER.glob("*.txt") if path != PRELUDE)


Make = Callable[[ScenarioSettings], Service]


def settings_of(scenario: Scenario) -> tuple[ScenarioSettings, list[Step]]:
    """`settings max_events=20 functions=answer` may be the first command."""
    steps = scenario.steps
    given: dict[str, Any] = {}
    if steps and steps[0].text.startswith("settings "):
        places, given = language.words(steps[0].text.removeprefix("settings "))
        if places:
            raise language.Broken(f"{scenario.path}:{steps[0].line}: a setting is name=value, not {places}")
        steps = steps[1:]
    functions_answer = given.pop("functions", None) == "answer"
    settings = Settings.from_environment({}, given)
    return ScenarioSettings(settings, functions_answer), steps


def prelude() -> list[Step]:
    return language.read_commands(PRELUDE, PRELUDE.read_text(encoding="utf-8"))


def play(
    scenario: Scenario, make: Make, *, restless: bool = False, judge_all: bool = True
) -> dict[int, list[str]]:
    """What was answered to the command on each line. The first bug ends the play: AssertionError.

    `judge_all`: in the end every history is judged, not only those that the scenario reads.
    """
    wanted, steps = settings_of(scenario)
    service = make(wanted)
    answers: dict[int, list[str]] = {}
    try:
        acting = Play(service, Auditor(service, wanted.settings.quotas), restless=restless)
        for step in prelude():
            assert acting.perform(step) == []
        for step in steps:
            try:
                answers[step.line] = acting.perform(step)
            except AssertionError:
                raise
            except Exception as error:
                error.add_note(f"{scenario.path}:{step.line}: {step.text}")
                raise
        if judge_all:
            acting.finish()
    finally:
        service.close()
    return answers


def differences(scenario: Scenario, answers: dict[int, list[str]]) -> str:
    """Where the answers are not the expected ones, as a person wants to see it; empty when all is well."""
    told: list[str] = []
    _, steps = settings_of(scenario)
    for step in steps:
        answered = answers.get(step.line, [])
        if answered != step.expected:
            told.append(f"{scenario.path}:{step.line}: {step.text}")
            told += [f"  - {line}" for line in step.expected if line not in answered]
            told += [f"  + {line}" for line in answered if line not in step.expected]
    return "\n".join(told)


def in_process(wanted: ScenarioSettings) -> Service:
    return InProcess(wanted.settings, functions_answer=wanted.functions_answer)


def compare(path: Path) -> str:
    """What happens differently in this process."""
    told = [differences(scenario, play(scenario, in_process)) for scenario in language.read(path)]
    return "\n".join(filter(None, told))


def rewrite(path: Path) -> str:
    """The file expects what the service answers now; what has changed."""
    told = compare(path)
    answers: dict[int, list[str]] = {}
    for scenario in language.read(path):
        answers |= play(scenario, in_process)
    language.rewrite(path, answers)
    return told
