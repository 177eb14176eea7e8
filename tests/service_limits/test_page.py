"""The numbers of docs/limits.md are the ones that hold."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from workflowsvc.service.actions import SWF
from workflowsvc.service.buckets import DECISIONS
from workflowsvc.settings import Limits

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+) \| ([0-9,]+) \| ([0-9]+) \|", re.MULTILINE)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_rates_of_decisions_are_on_the_page() -> None:
    found = {name: (number(size), number(refill)) for name, size, refill in ROW.findall(PAGE)}
    for decision_type, rate in DECISIONS.items():
        assert found[decision_type] == rate


def test_the_rates_of_calls_are_on_the_page() -> None:
    rows = [(names, number(size), number(refill)) for names, size, refill in ROW.findall(PAGE)]
    for name, action in SWF.actions.items():
        assert any((size, refill) == action.rate for _, size, refill in rows), name
        for names, size, refill in rows:
            if re.search(rf"\b{name}\b", names):
                assert (size, refill) == action.rate, name


def test_the_quotas_are_on_the_page() -> None:
    quotas = PAGE.partition("## Quotas")[2].partition("## Request")[0]
    for quota in dataclasses.fields(Limits):
        assert quota.name == "max_execution_seconds" or f"| {quota.default:,}" in quotas, quota.name
    assert quotas.count("\n| ") - 1 == len(dataclasses.fields(Limits))
