"""Every rule catches what it is there for: valid histories with one thing changed, as text."""

from __future__ import annotations

import pytest

from tests.lint.mutate import mutate
from tests.lint.related import change, read_related
from tests.lint.written import HERE, read_histories
from workflowsvc.lint import RULES, check_related, lint_history

HISTORIES = read_histories()
RELATED = read_related()
# Rules that no change of a single text history can break; each has a test of its own, where this says.
ELSEWHERE = {
    "H8": "test_histories.py",
    "A6": "test_limits.py",
    "C4": "test_limits.py",
    "T5": "test_limits.py",
    "W1": "test_describe.py",
    "W2": "test_describe.py",
    "W3": "test_describe.py",
    "W4": "test_describe.py",
    "W5": "test_describe.py",
    "W6": "test_describe.py",
}


def rows(file: str) -> list[tuple[str, str, str]]:
    """(rules, base, operations) of each line of a table."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    split = [line.split("|", 2) for line in lines if line and not line.startswith("#")]
    return [(rules.strip(), base.strip(), operations.strip()) for rules, base, operations in split]


@pytest.mark.parametrize(("rules", "base", "operations"), rows("mutations.txt"))
def test_a_changed_history_breaks_just_these_rules(rules: str, base: str, operations: str) -> None:
    findings = lint_history(mutate(HISTORIES[base], operations))
    assert {finding.rule for finding in findings} == set(rules.split()), findings


@pytest.mark.parametrize("name", sorted(RELATED))
@pytest.mark.parametrize("settled", [False, True])
def test_executions_that_agree_break_no_rule(name: str, settled: bool) -> None:
    assert check_related(RELATED[name], settled=settled) == []
    for history in RELATED[name].values():
        assert lint_history(history) == []


@pytest.mark.parametrize(("rules", "base", "operations"), rows("related_mutations.txt"))
def test_a_changed_group_breaks_just_these_rules(rules: str, base: str, operations: str) -> None:
    findings = check_related(change(RELATED[base], operations), settled=True)
    assert {finding.rule for finding in findings} == set(rules.split()), findings
    assert all(finding.execution for finding in findings)


def test_times_of_two_histories_are_not_compared_when_the_clock_was_set_back() -> None:
    early = change(RELATED["family"], "d/22d= at 3 +4.9; b/22b2= at 1 +1.99; a/22a= at 1 +0.5")
    assert check_related(early, settled=True)
    assert check_related(early, settled=True, one_clock=False) == []


def test_executions_that_are_not_at_hand_are_not_judged() -> None:
    for histories in RELATED.values():
        for key in histories:
            rest = {other: history for other, history in histories.items() if other != key}
            assert [f for f in check_related(rest) if f.rule != "C10"] == []


def test_every_rule_is_broken_somewhere() -> None:
    broken = {rule for rules, _, _ in rows("mutations.txt") for rule in rules.split()}
    broken |= {rule for rules, _, _ in rows("related_mutations.txt") for rule in rules.split()}
    assert broken | set(ELSEWHERE) == set(RULES)
    assert not broken & set(ELSEWHERE)
