"""Which members of the service model each scenario shows: what was called, refused, decided, and what its lines assert.

Owns the reading of a performance. A scenario counts for an event, a cause or a time-out only when one of its expected
lines says so, because only that is compared; what merely happens on the way counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.scenario import runner
from workflowsvc.testing.scenarios import language
from workflowsvc.testing.scenarios.judge import Auditor
from workflowsvc.testing.scenarios.language import Scenario
from workflowsvc.testing.scenarios.play import Play
from workflowsvc.testing.scenarios.service import Refused

HERE = Path(__file__).parent

_EVENT = re.compile(r"(?:\w+ gets )?[0-9]+ (?P<type>[A-Z][A-Za-z]+) \+[0-9.]+(?P<attributes>.*)")
_CAUSE = re.compile(r" cause=([A-Z_]+)")
_TIMEOUT = re.compile(r" timeoutType=([A-Z_]+)")
_CLOSE_STATUS = re.compile(r"\bcloseStatus=([A-Z_]+)|^\S+ ([A-Z_]+) @\S+ to @")
_STATUSES = {
    "execution status": re.compile(r"\bexecutionStatus=([A-Z]+)"),
    "registration status": re.compile(r"\bstatus=([A-Z]+)"),
}

Member = tuple[str, ...]
"""Its kind and name: `("action", "ListDomains")`, `("cause", "StartTimerFailed", "TIMER_ID_ALREADY_IN_USE")`."""


@dataclass
class Coverage:
    """A scenario and what it shows."""

    scenario: Scenario
    members: set[Member] = field(default_factory=set[Member])

    @property
    def sections(self) -> set[str]:
        """The sections of docs/spec/swf.md that its header names, such as `4.2`."""
        return set(re.findall(r"[0-9]+(?:\.[0-9]+)*", self.scenario.citation))


class RecordingPlay(Play):
    """Notes what the scenario itself calls, and not what is called to name and to judge runs."""

    def __init__(self, *given: Any, shown: set[Member]) -> None:
        super().__init__(*given)
        self._shown = shown

    def _call(self, operation: str, **given: Any) -> Any:
        try:
            answer = super()._call(operation, **given)
        except Refused as refusal:
            self._shown.add(("fault", operation, str(refusal).partition(":")[0]))
            raise
        self._shown.add(("action", operation))
        for decision in given.get("decisions", ()):
            self._shown.add(("decision", decision["decisionType"]))
        return answer

    def _do_history(self, rest: str) -> Iterator[str]:
        yield from super()._do_history(rest)
        self._shown.add(("action", "GetWorkflowExecutionHistory"))


def scenario_files() -> list[Path]:
    """The histories, and what this folder adds to them."""
    return [*runner.files(), *sorted(HERE.glob("*.txt"))]


def covered() -> list[Coverage]:
    """Every scenario, played in this process."""
    return [coverage(scenario) for path in scenario_files() for scenario in language.read(path)]


def coverage(scenario: Scenario) -> Coverage:
    found = Coverage(scenario)
    stage, steps = runner.settings_of(scenario)
    service = runner.in_process(stage)
    try:
        unseen: set[Member] = set()
        acting = RecordingPlay(service, Auditor(service, stage.settings.quotas), shown=unseen)
        for step in runner.prelude():
            acting.perform(step)
        unseen.clear()
        for step in steps:
            acting.perform(step)
        found.members |= unseen
    finally:
        service.close()
    for step in steps:
        for line in step.expected:
            found.members.update(_asserted(line))
    return found


def _asserted(line: str) -> Iterator[Member]:
    for statuses in _CLOSE_STATUS.findall(line):
        yield "close status", statuses[0] or statuses[1]
    for kind, expression in _STATUSES.items():
        for status in expression.findall(line):
            yield kind, status
    event = _EVENT.match(line)
    if event is None:
        return
    yield "event", event["type"]
    for cause in _CAUSE.findall(event["attributes"]):
        yield "cause", event["type"], cause
    for timeout in _TIMEOUT.findall(event["attributes"]):
        yield "timeout", event["type"], timeout
