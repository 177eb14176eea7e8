"""`workflowsvc retention`: shows, makes and deletes rules of how long closed runs are kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Shop


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


def test_rules_are_shown_made_and_deleted(run: Run, domain: str) -> None:
    assert "all types  any        1 day  as registered" in run("retention", "show", "-d", domain).out
    made = run("retention", "set", "-d", domain, "--days", "365")
    assert "all types   any        365 days" in made.out
    assert "all others  any        1 day     as registered" in made.out
    run("retention", "set", "-d", domain, "--forever", "--type", "order", "--status", "FAILED")
    (found,) = run("retention", "set", "-d", domain, "--days", "2", "--type", "order:1", "--json").objects
    assert [
        (rule.get("workflowType"), rule.get("closeStatus"), rule.get("days")) for rule in found["rules"]
    ] == [
        ({"name": "order", "version": "1"}, None, 2),
        ({"name": "order"}, "FAILED", None),
        (None, None, 365),
    ]
    assert "for ever" in run("retention", "show", "-d", domain).out
    (left,) = run("retention", "remove", "-d", domain, "--type", "order:1", "--json").objects
    assert len(left["rules"]) == 2


def test_what_is_wrong_is_said(run: Run, domain: str) -> None:
    for words, status, said in (
        (("set", "--days", "many"), 2, "'many' is no whole number"),
        (("set", "--days", "36501"), 1, "36500"),
        (("set",), 2, "--days"),
        (("set", "--days", "1", "--forever"), 2, "not allowed with"),
        (("set", "--days", "1", "--type", ":1"), 2, "neither NAME nor NAME:VERSION"),
        (("remove", "--status", "FAILED"), 3, "no such rule of retention"),
    ):
        refused = run("retention", words[0], "-d", domain, *words[1:])
        assert said in refused.err, words
        assert refused.status == status, words
