"""Names in paths: any name is one segment, and comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowsvc.console.paths import BadSegment, name_of, path, segment


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_name_comes_back(name: str) -> None:
    assert name_of(segment(name)) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_name_is_one_plain_segment(name: str) -> None:
    found = segment(name)
    assert found.isascii()
    assert not set(found) & set("/%?#\\ \"'<>&+;")
    assert found not in (".", "..")
    assert not found.endswith(".json")


def test_names_that_people_give_stay_readable() -> None:
    assert (
        path("domains", "orders", "runs", "order-17:bread@1.0") == "/domains/orders/runs/order-17:bread@1.0"
    )
    assert path("domains", "a/b", tag=["x", "y"], none=None) == "/domains/a~2Fb?tag=x&tag=y"


def test_bytes_that_are_no_text_are_no_name() -> None:
    with pytest.raises(BadSegment):
        name_of("~FF")
