"""The names of archived runs: any workflowId is one part of a path, and is read again from it."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflowsvc.archive.names import (
    MAX_SPELT,
    day_prefix,
    domain_prefix,
    is_of,
    object_name,
    read_name,
    spelt,
)

RUN_ID = "22TaVn2X3uTLoyQXLsFhmZwGtVTv7h6kCGiyIEFfcn4p/+="
MOMENT = 1_795_982_340_999
PLAIN = set(string.ascii_letters + string.digits + "-_.%~,")
ids = st.text(min_size=1, max_size=256)


@given(domain=ids, workflow_id=ids)
@example(domain="..", workflow_id="../../etc/passwd")
@example(domain=".", workflow_id=".")
@example(domain="~", workflow_id="a~b,c")
@example(domain="é" * 256, workflow_id="\N{WHITE SMILING FACE}" * 256)
@example(domain="\0", workflow_id="a/b\\c\nd")
@example(domain="x" * MAX_SPELT, workflow_id="y" * (MAX_SPELT + 1))
def test_any_workflow_id_is_one_part_of_a_path_and_is_read_again(domain: str, workflow_id: str) -> None:
    name = object_name("000000000000", "us-east-1", domain, MOMENT, workflow_id, RUN_ID)
    parts = name.split("/")
    assert len(parts) == 7
    assert all(set(part) <= PLAIN and part not in ("", ".", "..") and len(part) <= 255 for part in parts)
    assert not any(part.startswith(".") for part in parts), "a name that the folder uses itself"
    found = read_name(name)
    assert found is not None
    assert (found.account, found.region, found.day) == ("000000000000", "us-east-1", "2026-11-29")
    assert found.run_id == RUN_ID
    assert found.domain in (domain, None)
    assert found.workflow_id in (workflow_id, None)
    assert (found.workflow_id is None) == (
        len(spelt(workflow_id)) > MAX_SPELT - 8 and "~" in spelt(workflow_id)
    )
    assert is_of(name, workflow_id)
    assert name.startswith(domain_prefix("000000000000", "us-east-1", domain))
    assert name.startswith(day_prefix("000000000000", "us-east-1", domain, "2026-11-29"))


@given(st.sets(ids, min_size=2, max_size=2))
@example({"x" * 200 + "1", "x" * 200 + "2"})
@example({"a,b", "a"})
def test_two_workflow_ids_never_share_a_name(pair: set[str]) -> None:
    first, second = (object_name("1", "r", "d", MOMENT, each, RUN_ID) for each in pair)
    assert first != second
    one, other = pair
    assert not is_of(object_name("1", "r", "d", MOMENT, one, RUN_ID), other)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b/c",
        "1/r/d/2026/11/29/w,r.json",
        "1/r/d/2026/11/29/w.jsonl.gz",
        "1/r/d/2026/11/29/,r.jsonl.gz",
        "1/r/d/2026/11/29/w,.jsonl.gz",
        "1/r/d/2026/11/29/sub/w,r.jsonl.gz",
    ],
)
def test_other_names_are_none_of_runs(name: str) -> None:
    assert read_name(name) is None
