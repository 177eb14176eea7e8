"""The scenarios over HTTP, with the clock of their domain in place of the process's: the answers are the same.

`make test` plays every sixth of them; `make soak` plays all.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.scenario import runner
from tests.scenario.by_domain_clock import ByDomainClock
from tests.scenario.over_http import Server
from tests.scenario.runner import ScenarioSettings
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.language import Scenario

ALL = bool(os.environ.get("EVERY_SCENARIO"))
STEP = 1 if ALL else 6  # six scenarios take about a second
# What is about the clock of the machine, or happens while no process runs, has no meaning here; request rates stay in
# real time.
ELSEWHERE = re.compile(r"^(?:@\S+ )?(?:clock|sleep|restart|settings .*limits=aws)\b")


def is_played(scenario: Scenario) -> bool:
    return not any(ELSEWHERE.match(step.text) for step in scenario.steps)


PLAYED = [scenario for path in runner.files() for scenario in language.read(path) if is_played(scenario)][
    ::STEP
]


@pytest.mark.parametrize("scenario", PLAYED, ids=[scenario.name for scenario in PLAYED])
def test_it_happens_as_written_by_the_clock_of_its_domain(scenario: Scenario, server: Server) -> None:
    def by_domain_clock(stage: ScenarioSettings) -> ByDomainClock:
        return ByDomainClock(server, stage.settings, functions_answer=stage.functions_answer)

    answers = runner.play(scenario, by_domain_clock, judge_all=False)
    different = runner.differences(scenario, answers)
    assert not different, different
