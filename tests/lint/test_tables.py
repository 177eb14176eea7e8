"""The checker's own table of events agrees with botocore's model, from which it was derived by hand."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from workflowsvc import lint
from workflowsvc.lint.tables import CLOSING, EVENTS, TEXT_LENGTHS, attributes_name

loaders = pytest.importorskip("botocore.loaders")


@pytest.fixture(scope="module")
def shapes() -> dict[str, Any]:
    return loaders.Loader().load_service_model("swf", "service-2")["shapes"]


def modelled(shapes: dict[str, Any], event_type: str) -> dict[str, Any]:
    return shapes[shapes["HistoryEvent"]["members"][attributes_name(event_type)]["shape"]]


def test_there_are_the_54_events_of_the_model(shapes: dict[str, Any]) -> None:
    assert set(EVENTS) == set(shapes["EventType"]["enum"])
    assert len(EVENTS) == 54


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_an_event_has_the_members_of_the_model(shapes: dict[str, Any], event_type: str) -> None:
    shape, members = modelled(shapes, event_type), EVENTS[event_type].members
    assert set(members) == set(shape["members"])
    assert {m.name for m in members.values() if m.mark == "!"} == set(shape.get("required", []))


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_a_member_may_hold_what_the_model_lets_it_hold(shapes: dict[str, Any], event_type: str) -> None:
    for name, reference in modelled(shapes, event_type)["members"].items():
        shape, kind = shapes[reference["shape"]], EVENTS[event_type].members[name].kind
        if kind.startswith("="):
            assert set(kind[1:].split("|")) == set(shape["enum"])
        elif kind in TEXT_LENGTHS:
            assert TEXT_LENGTHS[kind] == (shape.get("min", 0), shape["max"])
            assert "enum" not in shape
        elif kind in ("seconds", "whole"):
            assert (shape["type"], shape["max"]) == ("string", 8)
        elif kind.startswith(">") or kind == "foreign":
            assert shape["type"] == "long"
            assert kind == "foreign" or kind[1:] in EVENTS
        else:
            kinds = {"taskList": "TaskList", "execution": "WorkflowExecution", "tags": "TagList"}
            types = ("WorkflowType", "ActivityType")
            assert reference["shape"] in (types if kind == "type" else (kinds.get(kind, "TaskPriority"),))


def test_the_closing_events_are_those_with_a_close_status(shapes: dict[str, Any]) -> None:
    assert set(CLOSING.values()) == set(shapes["CloseStatus"]["enum"])
    assert {event_type for event_type, shape in EVENTS.items() if shape.closes} == set(CLOSING)


def test_the_events_of_decisions_name_their_completion() -> None:
    for event_type, shape in EVENTS.items():
        assert shape.in_block == ("decisionTaskCompletedEventId" in shape.members), event_type


def test_the_checker_imports_nothing_of_the_service_that_it_judges() -> None:
    for path in Path(lint.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            for name in names:
                if name.startswith("workflowsvc"):
                    assert name.startswith("workflowsvc.lint"), f"{path.name} imports {name}"
