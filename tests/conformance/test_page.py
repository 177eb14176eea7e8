"""docs/conformance.md is fresh and complete: what `python -m tests.conformance.generate --check` says, as tests.

Fails when a member of the model is without a fact or a test, when something impossible happened, and when the page is
not what the tests show today.
"""

from __future__ import annotations

import pytest

from tests.conformance import evidence, generate
from tests.conformance.coverage import Coverage, covered
from tests.conformance.evidence import Evidence
from tests.wire import swf_model


@pytest.fixture(scope="module")
def played() -> list[Coverage]:
    return covered()


def test_the_page_says_what_the_tests_show(played: list[Coverage]) -> None:
    committed = generate.PAGE.read_text(encoding="utf-8")
    assert generate.page(played) == committed, "stale: run python -m tests.conformance.generate"


def test_a_member_that_nothing_shows_is_missed() -> None:
    """Without scenarios, nearly everything is."""
    missed = " ".join(Evidence([]).gaps())
    for name in [*swf_model.OPERATIONS, *swf_model.DECISION_TYPES, *swf_model.EVENT_TYPES]:
        assert name == "RecordMarkerFailed" or f"{name} is shown by no test" in missed


@pytest.mark.parametrize(
    ("member", "gap"),
    [
        (("action", "ListDomains"), "action ListDomains is shown by no test"),
        (("event", "TimerFired"), "event TimerFired is shown by no test"),
        (
            ("cause", "CancelTimerFailed", "TIMER_ID_UNKNOWN"),
            "cause CancelTimerFailed TIMER_ID_UNKNOWN is shown by no test",
        ),
    ],
)
def test_a_member_that_is_no_longer_shown_is_missed(
    played: list[Coverage], member: tuple[str, ...], gap: str
) -> None:
    without = [Coverage(coverage.scenario, coverage.members - {member}) for coverage in played]
    (found,) = Evidence(without).gaps()
    assert found.startswith(gap)


@pytest.mark.parametrize(
    ("member", "gap"),
    [
        (
            ("cause", "ScheduleLambdaFunctionFailed", "ID_ALREADY_IN_USE"),
            "cause ScheduleLambdaFunctionFailed ID_ALREADY_IN_USE is said to be impossible",
        ),
        (
            ("fault", "TagResource", "LimitExceededFault"),
            "TagResource is said never to answer LimitExceededFault",
        ),
        (("fault", "ListDomains", "TypeDeprecatedFault"), "ListDomains answers TypeDeprecatedFault"),
    ],
)
def test_what_cannot_occur_and_does_is_told(
    played: list[Coverage], member: tuple[str, ...], gap: str
) -> None:
    more = [Coverage(played[0].scenario, played[0].members | {member}), *played[1:]]
    (found,) = Evidence(more).gaps()
    assert found.startswith(gap)


def test_every_enum_of_the_model_has_its_place() -> None:
    """`enums` itself fails on one that is new."""
    members = evidence.members()
    assert len(members) == len(set(members))
    kinds = {member[0] for member in members}
    assert kinds == {
        *("action", "decision", "event", "cause", "timeout"),
        *("close status", "child policy", "execution status", "registration status"),
    }


def test_only_what_a_line_of_a_scenario_says_counts_as_shown(played: list[Coverage]) -> None:
    """What merely happens on the way is compared with nothing."""
    for coverage in played:
        said = {line for step in coverage.scenario.steps for line in step.expected}
        for kind, *names in coverage.members:
            if kind in ("event", "cause", "timeout"):
                assert any(all(name in line for name in names) for line in said)
