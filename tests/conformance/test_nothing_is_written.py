"""A refused request leaves no trace: every table of the store is the same before and after (QUALITY §2.4).

For every constraint that the model states there is one request that breaks it and nothing else; it comes from
`tests/wire/swf_model.py`, and `tests/wire/test_requests.py` checks the text. Here it is sent to a service in which it
would be carried out, were it not for that one member: the controls at the end of this file show that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.dump import differences, dump
from tests.conformance.fixtures import Fixtures
from tests.conformance.ready import Ready
from tests.conformance.refusals import refusals
from tests.scenario.in_process import InProcess
from tests.wire import swf_model, test_constraints
from workflowsvc.settings import Settings
from workflowsvc.testing.scenarios.service import Refused

# Carried out, and nothing is different afterwards.
READING = {name for name in swf_model.OPERATIONS if name.startswith(("Describe", "List", "Count", "Get"))}


@pytest.fixture(scope="module")
def ready() -> Ready:
    return Ready(InProcess(Settings()))


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_a_request_that_breaks_one_constraint_of_the_model_writes_nothing(
    ready: Ready, operation: str
) -> None:
    before = dump(ready.store)
    for constraint in swf_model.constraints(operation):
        request = ready.request(operation, constraint.request, constraint.path)
        with pytest.raises(Refused, match="ValidationException"):
            ready.call(operation, **request)
        assert differences(before, dump(ready.store)) == [], constraint
    ready.service.audit()


@pytest.mark.parametrize(("structure", "path"), test_constraints.RULED)
def test_a_request_that_breaks_one_rule_of_the_documentation_writes_nothing(
    ready: Ready, structure: str, path: str
) -> None:
    """Bad names, durations, priorities and tags (SWF §3.4, §3.5, §2.6)."""
    before = dump(ready.store)
    for bad in test_constraints.GOOD_AND_BAD.get(
        test_constraints.constraints.MEMBERS[structure][path], ([], [])
    )[1]:
        operation, where, request = test_constraints.request_with(structure, path, bad)
        with pytest.raises(Refused, match="ValidationException"):
            ready.call(operation, **ready.request(operation, request, where))
    assert differences(before, dump(ready.store)) == []


def test_a_request_that_the_state_of_things_forbids_writes_nothing(in_process: Fixtures) -> None:
    """In this process, where what is in memory can be held against what is in the store, too."""
    before = dump(in_process.store)
    for refusal in refusals():
        with pytest.raises(Refused, match=refusal.fault):
            in_process.call(refusal.operation, refusal.tenant, **in_process.filled(refusal.members))
        assert differences(before, dump(in_process.store)) == [], refusal.title
    in_process.service.audit()


# --- the controls: what would have been written ---


@pytest.mark.parametrize("operation", swf_model.OPERATIONS)
def test_the_same_request_without_the_broken_member_is_carried_out(operation: str) -> None:
    ready = Ready(InProcess(Settings()))
    before = dump(ready.store)
    ready.call(operation, **ready.request(operation))
    assert bool(differences(before, dump(ready.store))) == (operation not in READING)


def test_there_is_a_request_for_every_member_that_is_under_a_constraint() -> None:
    """Counted by another walk through the model than the one that breaks them."""
    broken = {
        (operation, re.sub(r"\.[0-9]+\.member", "[]", constraint.path))
        for operation in swf_model.OPERATIONS
        for constraint in swf_model.constraints(operation)
    }
    bounded = {
        (operation, path)
        for operation in swf_model.OPERATIONS
        for path, shape, required in members_of(swf_model.input_of(operation))
        if required or bounds_of(shape)
    }
    assert bounded <= broken
    assert {path for _, path in broken - bounded} == {"decisions[]", "tags[]"}, (
        "a null in a list of structures"
    )


def members_of(shape: Any, path: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Path, shape and whether it is required, of every member however deep."""
    if shape.type_name == "list" and shape.member.type_name == "structure":
        yield from members_of(shape.member, f"{path}[]")
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            inner = f"{path}.{name}" if path else name
            yield inner, member, name in shape.required_members
            yield from members_of(member, inner)


def bounds_of(shape: Any) -> bool:
    """Whether it has a length, a range or an enum that a value can break."""
    raw = swf_model.RAW["shapes"]
    own = raw[shape.name]
    if own["type"] == "list" and raw[own["member"]["shape"]]["type"] != "structure":
        own = {**own, **raw[own["member"]["shape"]]}  # a list of texts is refused as a whole
    return (
        "enum" in own
        or "max" in own
        or (own.get("min", 0) > 0)
        or (own["type"] == "integer" and "min" in own)
    )
