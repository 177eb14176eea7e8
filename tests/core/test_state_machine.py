"""docs/state-machine.md is what the registries of the core's rules say today."""

from __future__ import annotations

from tools import state_machine
from workflowsvc.core.rules import APPLY, DECIDE, EXPIRE


def test_the_page_is_fresh() -> None:
    committed = state_machine.TARGET.read_text(encoding="utf-8")
    assert committed == state_machine.page(), "run `python -m tools.state_machine`"


def test_every_rule_that_records_is_read() -> None:
    """A rule written in a form that the page cannot read would be missing from it without notice."""
    rules = [*DECIDE.items(), *((deadline.name, rule) for deadline, (_, rule) in EXPIRE.items())]
    assert [name for name, rule in rules if not state_machine.effects(rule).records] == []


def test_every_kind_of_open_thing_is_opened_and_closed() -> None:
    found = [state_machine.effects(rule) for rule in APPLY.values()]
    assert {slot for effects in found for slot in effects.opens} == state_machine.LIVES.keys()
    assert {slot for effects in found for slot in effects.closes} == state_machine.LIVES.keys()
