"""Citations of the specification resolve, here and in a small tree in which some do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import citations

SIGN = "\N{SECTION SIGN}"  # spelt out in what is wrong on purpose, so that this file is right

SWF = """\
# SWF
## 1. Wire
### 1.1 Request

| # | Rule |
|---|---|
| 1.1.1 | One |
| 1.1.2 | Two |
| 1.1.3 | Three |

### 1.2 Answer
## 4. Tasks
### 4.2 Trigger
"""
QUALITY = """\
## 2. Invariants
### 2.5 Listed

**H – one history**
- H1 dense
- H2 begins
"""


def report(root: Path, name: str, text: str) -> citations.Report:
    """What is said of a tree with the two small pages and one more file."""
    for path, content in {
        **dict(zip(citations.PAGES.values(), (SWF, QUALITY), strict=True)),
        name: text,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return citations.check(root, [*citations.PAGES.values(), name])


def test_every_citation_of_this_repository_resolves() -> None:
    found = citations.check(citations.ROOT, citations.files(citations.ROOT))
    assert not found.problems, "\n".join(map(str, found.problems))
    assert len(found.rules["SWF"]) > 200
    assert len(found.rules["QUALITY"]) > 50


def test_the_numbers_of_a_page_are_headings_rows_and_invariants() -> None:
    assert list(citations.numbers(SWF)) == ["1", "1.1", "1.1.1", "1.1.2", "1.1.3", "1.2", "4", "4.2"]
    assert list(citations.numbers(QUALITY)) == ["2", "2.5", "2.5.H", "2.5.H1", "2.5.H2"]


@pytest.mark.parametrize(
    "text",
    [
        "# as it is (SWF @4.2)",
        "# SWF @1.1.1, @1.2 and @4; QUALITY @2.5.H1 to @2.5.H2",
        "# the last word of a line (SWF\n# @4.2, @1.1.1,\n# @1.2)",
        "-- SWF @1,\n-- @4",
        "x = 2.5  # 4.2 seconds",
        "sleep(4.2)",
        '"""Of (99.2) and (99.1), which are no rules."""',
        'PATTERN = r"@([0-9.]+)"',
    ],
)
def test_what_is_right_is_left_alone(tmp_path: Path, text: str) -> None:
    assert report(tmp_path, "tests/any.py", text.replace("@", SIGN)).problems == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# SWF @4.3", "SWF @4.3 does not exist in docs/spec/swf.md"),
        ("# SWF @4.2, @9", "SWF @9 does not exist in docs/spec/swf.md"),
        ("# SWF @1.1.1 to\n# @1.1.4", "SWF @1.1.4 does not exist in docs/spec/swf.md"),
        ("# QUALITY @2.5.H3", "QUALITY @2.5.H3 does not exist in docs/spec/quality.md"),
        ("# see @4.2", "a @ belongs to no citation"),
        ("# refer%sence 4.2", "write SWF @"),
        ("# the refer%sence, section 4", "write SWF @"),
        ("# qual%sity 2.5", "write QUALITY @"),
        ("# qual%sity H3", "write QUALITY @"),
        ("# des%sign 3", "name a page of docs/decisions"),
        ("# (des%sign, section 3)", "name a page of docs/decisions"),
        ("# is%ssue 2, item 8", "give the reason"),
        ("# Is%ssue #2", "give the reason"),
        ("# closed at once (4%s.2)", "4.2 stands alone"),
        ('"""It ends (1.1%s.1, 4.2)."""', "1.1.1 stands alone"),
        ("x = 1  # 4%s.2", "4.2 stands alone"),
        ('"""4%s.2: behind the event."""', "4.2 stands alone"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    wrong = f"first = 1\n{text}".replace("%s", "").replace("@", SIGN)
    (problem,) = report(tmp_path, "tests/any.py", wrong).problems
    assert str(problem).startswith("tests/any.py:2: ")
    assert said.replace("@", SIGN) in str(problem)


def test_a_bare_number_is_found_in_prose_that_is_no_python(tmp_path: Path) -> None:
    found = report(tmp_path, "docs/page.md", "A line.\n\nIt ends there (4" + ".2).\n")
    assert [(problem.line, problem.text[:3]) for problem in found.problems] == [(3, "4.2")]


def test_a_number_is_given_once(tmp_path: Path) -> None:
    again = SWF + "### 4.2 Another\n"
    (problem,) = report(tmp_path, "docs/spec/swf.md", again).problems
    assert problem.text == "the number 4.2 is given twice"


def test_rules_that_neither_code_nor_tests_cite_are_listed(tmp_path: Path) -> None:
    """A range cites all between its ends, a chapter only itself, a document nothing."""
    text = f"# SWF {SIGN}1.1.1 to {SIGN}1.1.2, {SIGN}4; QUALITY {SIGN}2.5.H1"
    assert report(tmp_path, "tests/any.py", text).uncited == {
        "SWF": ["1.1.3", "1.2", "4.2"],
        "QUALITY": ["2.5.H2"],
    }
    in_a_document = report(tmp_path, "docs/page.md", text)
    assert in_a_document.uncited["QUALITY"] == ["2.5.H1", "2.5.H2"]


def test_the_command_lists_them_and_fails_on_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(citations, "ROOT", tmp_path)
    report(tmp_path, "code.py", f"# SWF {SIGN}4.2")
    assert citations.main([]) == 0
    assert "docs/spec/swf.md: no code and no test cites 4 of 5 numbered rules" in capsys.readouterr().out
    report(tmp_path, "code.py", f"# SWF {SIGN}4.3")
    assert citations.main([]) == 1
    assert capsys.readouterr().err.startswith("code.py:1: ")


def test_the_places_that_cite_a_rule_are_listed(tmp_path: Path) -> None:
    text = f'"""SWF {SIGN}1.1.2, and more."""\n\n# SWF {SIGN}1.1.1 to {SIGN}1.1.3\n# SWF {SIGN}4.2\n'
    report(tmp_path, "workflowsvc/rules.py", text)
    names = ["workflowsvc/rules.py"]
    assert list(citations.places(tmp_path, names, "SWF", "1.1.2")) == [(names[0], 1), (names[0], 3)]
    assert list(citations.places(tmp_path, names, "SWF", "1.1")) == [(names[0], 1), (names[0], 3)]
    assert list(citations.places(tmp_path, names, "SWF", "4")) == [(names[0], 4)]
    with pytest.raises(ValueError, match="there is no SWF"):
        list(citations.places(tmp_path, names, "SWF", "9"))
