"""The page about the checker says what the checker does."""

from __future__ import annotations

import re
from pathlib import Path

from workflowsvc.lint import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")


def test_every_rule_is_described_in_its_own_words() -> None:
    described = dict(re.findall(r"^\| ([A-Z]\d+) \| (.+) \|$", PAGE, re.MULTILINE))
    assert described == RULES


def test_every_rule_names_the_section_it_comes_from() -> None:
    assert [
        rule for rule, sentence in RULES.items() if not re.search(r"\(SWF §\d+\.\d+[^)]*\)$", sentence)
    ] == []
