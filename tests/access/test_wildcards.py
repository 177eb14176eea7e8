"""Wildcards match as a slow matcher that follows the rule word by word, and a hostile pattern costs little."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowsvc.access import wildcards
from workflowsvc.access.wildcards import Variable, matcher, resolve, tokens_of


def matches(pattern: str, text: str) -> bool:
    return matcher(tokens_of(pattern, "here", wildcards=True, variables=False))(text)


def slowly(pattern: str, text: str) -> bool:
    """The rule itself: `*` is any text, `?` any one character, all else itself."""

    @cache
    def from_here(place: int, at: int) -> bool:
        if place == len(pattern):
            return at == len(text)
        sign = pattern[place]
        if sign == "*":
            return any(from_here(place + 1, end) for end in range(at, len(text) + 1))
        return at < len(text) and sign in ("?", text[at]) and from_here(place + 1, at + 1)

    return from_here(0, 0)


LONG = st.text("ab", min_size=40, max_size=60)


@given(st.sampled_from(["*a?a?a*", "*?b?b?b*a", "a*b??b?a*b", "*a??????????b*?"]), LONG)
def test_a_pattern_with_gaps_matches_where_its_text_is_nearly_everywhere(pattern: str, text: str) -> None:
    assert matches(pattern, text) is slowly(pattern, text)


def test_a_pattern_with_gaps_compiles_no_expression_until_many_places_were_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each takes as long as many tries, and a hostile policy has room for 1,400 of them."""
    compiled: list[str] = []
    compile_now = wildcards.re.compile

    def note(text: str, flags: int = 0) -> Any:
        compiled.append(text)
        return compile_now(text, flags)

    monkeypatch.setattr(wildcards.re, "compile", note)
    pattern = "*".join(f"{sign}?{sign}" for sign in "abcdefgh")
    assert matches(pattern, "".join(f"{sign}-{sign}" for sign in "abcdefgh"))
    assert not matches("*a?b*", "ab" * 10)
    assert compiled == []
    assert matches("*a?b*", "a" * 100 + "cb")
    assert compiled == ["a.b"]


SIGNS = st.text("ab.\n$é", max_size=12)


@given(st.text("ab.*?\né$", max_size=9), SIGNS)
def test_a_pattern_matches_what_the_rule_says(pattern: str, text: str) -> None:
    assert matches(pattern, text) is slowly(pattern, text)


@given(st.text("ab?*", max_size=14), st.text("ab", max_size=14))
def test_a_pattern_of_few_signs_matches_what_the_rule_says(pattern: str, text: str) -> None:
    assert matches(pattern, text) is slowly(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("?", "", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "ab", False),
        ("a?c*", "abcd", True),
        ("*?b*", "bb", True),
        ("*?b*", "b", False),
        ("**a**", "a", True),
        ("team-?", "team-\N{SNOWMAN}", True),
        (".", "a", False),
        ("[ab]", "a", False),
    ],
)
def test_edges(pattern: str, text: str, answer: bool) -> None:
    assert matches(pattern, text) is answer


@pytest.mark.parametrize("pattern", ["a*a*a*a*b", "*a?a*a?a*b", "*" + "a?" * 40 + "*b", "a*" * 3_000 + "b"])
def test_a_hostile_pattern_takes_few_steps(pattern: str) -> None:
    """Counts the calls of Python functions instead of measuring time: a matcher that backtracks makes millions."""
    accepts = matcher(tokens_of(pattern, "here", wildcards=True, variables=False))
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        assert accepts("a" * 256) is False
    finally:
        sys.setprofile(None)
    assert calls < 10 * (len(pattern) + 256)


@pytest.mark.parametrize(
    ("text", "context", "resolved"),
    [
        ("${aws:username}", {"aws:username": ("bob",)}, "bob"),
        ("a-${AWS:UserName}-z", {"aws:username": ("bob",)}, "a-bob-z"),
        ("${aws:username}", {}, None),
        ("${aws:username, 'x'}", {}, "x"),
        ("${aws:username, ''}", {}, ""),
        ("${aws:username,'x y'}", {}, "x y"),
        ("${aws:username, 'x'}", {"aws:username": ("bob",)}, "bob"),
        ("${aws:PrincipalTag/team}", {"aws:principaltag/team": ("red",)}, "red"),
        ("${*}${?}${$}", {}, "*?$"),
        ("$", {}, "$"),
        ("$x{aws:username}", {}, "$x{aws:username}"),
        ("${$}{aws:username}", {}, "${aws:username}"),
    ],
)
def test_a_variable_is_replaced_by_its_value(
    text: str, context: dict[str, tuple[str, ...]], resolved: str | None
) -> None:
    tokens = resolve(tokens_of(text, "here", wildcards=True, variables=True), context)
    assert (None if tokens is None else "".join(map(str, tokens))) == resolved


def test_a_wildcard_in_a_value_is_a_plain_character() -> None:
    tokens = resolve((Variable("aws:username"), "*"), {"aws:username": ("*",)})
    assert tokens == ("**",)


@given(SIGNS)
def test_escaped_wildcards_match_themselves_alone(text: str) -> None:
    tokens = tokens_of("${*}a${?}", "here", wildcards=True, variables=True)
    assert matcher(tokens)(text) is (text == "*a?")
