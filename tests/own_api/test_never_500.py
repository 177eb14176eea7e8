"""Whatever a request of our own API holds, the answer is an answer or a fault that names what is wrong, never a bug."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.own_api.conftest import Stage
from tests.world_fixture import WorldFixture, decision
from workflowsvc.faults import Fault
from workflowsvc.model import own_model

MODEL = json.loads(own_model.SERVICE_MODEL.read_text(encoding="utf-8"))
SHAPES = MODEL["shapes"]

odd_text = st.sampled_from(
    ["", "\0", "a\0b", "a:b", "arn", " ", "☃", "x" * 300, "'; drop table", "-1", "0", "NONE"]
)
odd_value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    odd_text,
    st.just([]),
    st.just({}),
)
KNOWN = {"domain": "d", "workflowId": "w", "name": "list", "version": "1", "batchId": "0" * 16, "all": True}


def value_of(name: str, shape_name: str) -> st.SearchStrategy[Any]:
    """Mostly what the model allows, sometimes a name that exists, sometimes anything."""
    shape = SHAPES[shape_name]
    kind = shape["type"]
    if "enum" in shape:
        right: st.SearchStrategy[Any] = st.sampled_from(shape["enum"])
    elif kind == "structure":
        right = structure(shape_name)
    elif kind == "list":
        right = st.lists(value_of(name, shape["member"]["shape"]), max_size=2)
    elif kind in ("integer", "long"):
        right = st.integers(shape.get("min", 0), min(shape.get("max", 100), 2**31 - 1))
    elif kind == "boolean":
        right = st.booleans()
    elif kind == "timestamp":
        right = st.floats(-1e15, 1e15) | st.integers(0, 2_000_000_000)
    else:
        right = odd_text | st.text(max_size=8)
    choices = [right, right, right]
    if name in KNOWN:
        choices += [st.just(KNOWN[name])] * 6
    return st.one_of(*choices, odd_value)


def structure(name: str) -> st.SearchStrategy[dict[str, Any]]:
    shape = SHAPES[name]
    required = set(shape.get("required", ()))
    members = {member: value_of(member, inner["shape"]) for member, inner in shape["members"].items()}
    return st.fixed_dictionaries(
        {member: strategy for member, strategy in members.items() if member in required},
        optional={member: strategy for member, strategy in members.items() if member not in required},
    )


@pytest.mark.parametrize("operation", MODEL["operations"])
def test_no_request_meets_a_bug(stage: Stage, operation: str) -> None:
    on = stage()
    on.start("w", tagList=["a"])
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="60"))
    closed = on.start("v")
    on.ask("TerminateWorkflowExecution", workflowId="v")
    assert closed

    @given(structure(MODEL["operations"][operation]["input"]["shape"]))
    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    def ask(members: dict[str, Any]) -> None:
        try:
            call(on, operation, members)
        except Fault as fault:
            if fault.status >= 500:
                raise AssertionError(members) from fault
        on.world.run()

    ask()


def call(on: WorldFixture, operation: str, members: dict[str, Any]) -> None:
    on.world.call(f"WorkflowSvc.{operation}", on.tenant, **members)
