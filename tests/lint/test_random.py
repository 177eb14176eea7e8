"""Long random histories are valid, and of single random changes the stated kinds are always caught.

The kinds that must always be caught are those in which the history contradicts itself:

- an event taken out without closing the gap, unless it was the last, or one repeated with its number;
- an event taken out and the gap closed, if another event names it, or it is DecisionTaskScheduled, or
  DecisionTaskScheduled stood directly behind it (unless it is one of several failures in one batch);
- two neighbours exchanged, if one names the other or one is DecisionTaskScheduled;
- a time before that of the event before, finer than a millisecond, or in a batch other than its completion's;
- a reference to an event of another type, to itself or to a later one;
- a required member taken out, an unknown one put in, another event type over the same attributes.

What nothing else depends on (a marker, a second signal while a task waits, the order of decisions in a batch)
can be lost without a trace: of all events cut or exchanged at random most are caught, not all.
"""

from __future__ import annotations

import copy
import functools

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.lint.mutate import cut, local_references, swap
from tests.lint.simulate import simulate
from tests.lint.written import History, attributes, member_of, read_histories
from workflowsvc.lint import check_related, lint_history
from workflowsvc.lint.tables import EVENTS

LENGTH = 120
MADE = read_histories()
seeds = st.integers(0, 30)  # few seeds, so that their histories are made once
places = st.integers(1, LENGTH)
budget = settings(max_examples=60, deadline=None, derandomize=True)


@functools.cache
def valid(seed: int) -> History:
    return simulate(seed, LENGTH)


def named_later(history: History, number: int) -> bool:
    return any(number in local_references(event).values() for event in history)


def kind(history: History, number: int) -> str:
    return history[number - 1]["eventType"] if 1 <= number <= len(history) else ""


@budget
@given(seeds, places)
def test_a_simulated_history_and_its_beginnings_are_valid(seed: int, length: int) -> None:
    assert lint_history(valid(seed)[:length], complete=False) == []
    assert lint_history(valid(seed)) == []


@budget
@given(seeds, places, st.booleans())
def test_a_gap_or_a_repeated_number_is_always_caught(seed: int, number: int, twice: bool) -> None:
    history = valid(seed)
    assume(twice or number < len(history))
    changed = history[: number - 1] + [history[number - 1]] * (2 if twice else 0) + history[number:]
    assert {finding.rule for finding in lint_history(changed)} >= {"H1"}


@budget
@given(seeds, places)
def test_an_event_that_others_need_is_always_missed(seed: int, number: int) -> None:
    history = valid(seed)
    alone = (
        kind(history, number + 1) == "DecisionTaskScheduled" and not EVENTS[kind(history, number)].in_block
    )
    assume(named_later(history, number) or alone or kind(history, number) == "DecisionTaskScheduled")
    assert lint_history(cut(history, number))


@budget
@given(seeds, st.integers(1, LENGTH - 1))
def test_neighbours_that_depend_on_each_other_cannot_change_places(seed: int, number: int) -> None:
    history = valid(seed)
    dependent = number in local_references(history[number]).values()
    assume(dependent or "DecisionTaskScheduled" in (kind(history, number), kind(history, number + 1)))
    assert lint_history(swap(history, number, number + 1))


@budget
@given(seeds, st.integers(2, LENGTH), st.sampled_from((-0.001, -3_600, 0.0004)))
def test_a_time_that_goes_back_or_is_too_fine_is_always_caught(seed: int, number: int, by: float) -> None:
    changed = copy.deepcopy(valid(seed))
    base = changed[number - 1 if by > 0 else number - 2]["eventTimestamp"]
    changed[number - 1]["eventTimestamp"] = base + by
    assert lint_history(changed)


@budget
@given(seeds, places)
def test_an_event_of_a_batch_with_a_time_of_its_own_is_always_caught(seed: int, number: int) -> None:
    changed = copy.deepcopy(valid(seed))
    completed = attributes(changed[number - 1]).get("decisionTaskCompletedEventId", 0)
    assume(completed and changed[number - 1]["eventTimestamp"] == changed[completed - 1]["eventTimestamp"])
    assume("ExternalWorkflowExecutionFailed" not in kind(changed, number))
    changed[number - 1]["eventTimestamp"] += 0.001
    assert lint_history(changed)


@budget
@given(seeds, places, st.data())
def test_a_reference_to_what_it_cannot_mean_is_always_caught(
    seed: int, number: int, data: st.DataObject
) -> None:
    changed = copy.deepcopy(valid(seed))
    references = local_references(changed[number - 1])
    assume(references)
    member = data.draw(st.sampled_from(sorted(references)))
    right = kind(changed, references[member])
    target = data.draw(
        st.integers(1, len(changed) + 5).filter(lambda n: n >= number or kind(changed, n) != right)
    )
    attributes(changed[number - 1])[member] = target
    assert lint_history(changed)


@budget
@given(seeds, places, st.data())
def test_an_event_that_does_not_fit_its_type_is_always_caught(
    seed: int, number: int, data: st.DataObject
) -> None:
    changed = copy.deepcopy(valid(seed))
    event = changed[number - 1]
    members = EVENTS[event["eventType"]].members
    how = data.draw(st.sampled_from(("unset", "set", "type")))
    if how == "unset":
        required = [name for name in attributes(event) if members[name].mark != "?"]
        assume(required)
        del attributes(event)[data.draw(st.sampled_from(required))]
    elif how == "set":
        attributes(event)["unheardOf"] = 1
    else:
        other = data.draw(st.sampled_from(sorted(EVENTS)).filter(lambda name: name != event["eventType"]))
        assert member_of(other) not in event
        event["eventType"] = other
    assert lint_history(changed)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(("1" * 5_000, "NONE", "\ud800", "CHILD_POLICY_APPLIED", "SCHEDULE_TO_START")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(MADE)), st.data())
def test_no_value_anywhere_makes_the_checker_raise(name: str, data: st.DataObject) -> None:
    changed = copy.deepcopy(MADE[name])
    event = data.draw(st.sampled_from(changed))
    place = data.draw(st.sampled_from((event, attributes(event))))
    member = data.draw(st.sampled_from(sorted(place)) if place else st.text())
    place[member] = data.draw(ANYTHING)
    lint_history(changed, execution={"executionInfo": data.draw(ANYTHING), "openCounts": data.draw(ANYTHING)})
    check_related({("w", "22own="): changed}, settled=True)


def test_of_all_single_cuts_and_exchanges_most_are_caught() -> None:
    cuts = [bool(lint_history(cut(valid(seed), n))) for seed in range(2) for n in range(1, LENGTH + 1)]
    swaps = [bool(lint_history(swap(valid(seed), n, n + 1))) for seed in range(2) for n in range(1, LENGTH)]
    # Measured: 81 % and 74 %; the rest leaves a history that could as well have happened.
    assert sum(cuts) / len(cuts) > 0.75
    assert sum(swaps) / len(swaps) > 0.68
