"""What clients have written, as pages show it: JSON that folds exactly as it was written, text, and bounds on both."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowsvc.console.payloads import MAX_NODES, SPARE_LETTERS, Node, Room, tree_of, values_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def written(node: Node) -> str:
    """The tree as JSON again."""
    if node.below is None:
        return f"{node.name}{node.text}"
    return f"{node.name}{node.opening}{','.join(map(written, node.below))}{node.closing}"


@given(JSON)
def test_a_tree_says_what_the_text_says(value: object) -> None:
    tree = tree_of(json.dumps(value))
    if not isinstance(value, dict | list):
        assert tree is None
    elif tree is not None and "\\" not in written(tree).replace('\\"', "").replace("\\\\", ""):
        assert json.loads(written(tree)) == value


@pytest.mark.parametrize(
    "text", ['{"a": 1.0e5}', '{"a": 1, "a": 2}', "[1" + "0" * 5000 + "]", '{"big": 1e999}', "[-0.0]"]
)
def test_numbers_and_keys_stay_as_they_were_written(text: str) -> None:
    tree = tree_of(text)
    assert tree is not None
    assert written(tree).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    ["", "text", "{", '{"a":}', "[" * 100_000, "[" * 50 + "]" * 50, json.dumps(list(range(MAX_NODES)))],
)
def test_what_is_no_small_json_is_text(text: str) -> None:
    assert tree_of(text) is None


def test_letters_that_do_not_show_are_spelled_out() -> None:
    tree = tree_of('{"a\\u202e": "\\ud800\\u0000"}')
    assert tree is not None
    assert "\u202e" not in written(tree)
    assert written(tree).encode()


@given(st.lists(st.text(max_size=600), max_size=40))
def test_a_page_never_has_more_than_its_room(texts: list[str]) -> None:
    room = Room(2_000, 500)
    values = values_of({str(number): text for number, text in enumerate(texts)}, room)
    assert len(values) == len(texts)
    for text, value in zip(texts, values, strict=True):
        assert value.letters == len(text)
    spare = 6 * SPARE_LETTERS * len(texts)
    assert sum(len(value.text.encode("utf-8", "surrogatepass")) for value in values) <= 8 * (2_000 + spare)


def test_members_are_drawn_by_what_they_are() -> None:
    values = values_of(
        {
            "scheduledEventId": 5,
            "startedEventId": 0,
            "workflowExecution": {"workflowId": "w", "runId": "r"},
            "activityType": {"name": "a", "version": "1"},
            "taskList": {"name": "l"},
            "input": '{"a": 1}',
            "reason": "why",
            "details": "x" * 100,
            "lambdaRole": None,
            "odd": [1],
            "yes": True,
        },
        Room(),
    )
    assert [(value.name, value.kind, value.text[:5]) for value in values] == [
        ("scheduledEventId", "event", "5"),
        ("startedEventId", "text", "0"),
        ("workflowExecution", "run", "w"),
        ("activityType", "type", "a:1"),
        ("taskList", "text", "l"),
        ("input", "json", ""),
        ("reason", "text", "why"),
        ("details", "block", "xxxxx"),
        ("odd", "json", ""),
        ("yes", "text", "true"),
    ]
