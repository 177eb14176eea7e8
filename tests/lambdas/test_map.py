"""The file that maps functions to URLs: two forms, two formats, and a sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflowsvc.lambdas.function_map import FunctionMap, Target, read
from workflowsvc.lambdas.names import FunctionNames
from workflowsvc.options import SettingsError


def read_text(folder: Path, text: str, suffix: str = ".json") -> FunctionMap:
    path = folder / f"functions{suffix}"
    path.write_text(text, encoding="utf-8")
    return read(str(path))


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    as_json = read_text(
        tmp_path, '{"f": "https://h/p?q", "g-*": {"lambda": "http://h:9/", "name": "function"}}'
    )
    as_toml = read_text(
        tmp_path, '"f" = "https://h/p?q"\n"g-*" = { lambda = "http://h:9/", name = "function" }\n', ".toml"
    )
    for found in (as_json, as_toml):
        assert found.size == 2
        assert found.names.find("f") == Target(True, "h", 443, "/p?q")
        assert found.names.find("g-1") == Target(False, "h", 9, "", invoke_api=True, named="function")
        assert found.names.find("h") is None


def test_an_empty_map_knows_no_function(tmp_path: Path) -> None:
    assert read_text(tmp_path, "{}").names.find("f") is None


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://h", "h"),
        ("http://h:80", "h"),
        ("https://h:443", "h"),
        ("http://h:443", "h:443"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("http://[::1]", "[::1]"),
    ],
)
def test_the_host_header_is_that_of_the_url(tmp_path: Path, url: str, authority: str) -> None:
    target = read_text(tmp_path, f'{{"f": "{url}"}}').names.find("f")
    assert target is not None
    assert target.authority == authority


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        ("[]", ".json", "not a map"),
        ("{", ".json", "functions.json: "),
        ("f = ", ".toml", "functions.toml: "),
        ('{"f": "http://h", "f": "http://i"}', ".json", "twice"),
        ('{"f": 1}', ".json", "'f': it is neither a URL nor a table"),
        ('{"f": "ftp://h"}', ".json", "'f': ftp://h is not a URL that begins with"),
        ('{"f": "http://"}', ".json", "names a host"),
        ('{"f": "h/p"}', ".json", "is not a URL"),
        ('{"f": "http://h:99999"}', ".json", "'f': Port out of range"),
        ('{"f": "http://h/a b"}', ".json", "written as %XX"),
        ('{"f": "http://h/ä"}', ".json", "written as %XX"),
        ('{"f": "http://h/\\r\\nX: y"}', ".json", "written as %XX"),
        ('{"f": "http://me:secret@h"}', ".json", "user name or a password"),
        ('{"f": "http://h/#x"}', ".json", "fragment"),
        ('{"f": {"url": "http://h"}}', ".json", 'a table has "lambda"'),
        ('{"f": {"lambda": "http://h", "timeout": 1}}', ".json", 'a table has "lambda"'),
        ('{"f": {"lambda": "http://h", "name": 1}}', ".json", 'a table has "lambda"'),
        ('{"f": {"lambda": "http://h?x=1"}}', ".json", "cannot have a query"),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, text: str, suffix: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_text(tmp_path, text, suffix)
    assert str(caught.value).startswith("--lambda-functions: ")
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.json cannot be read: No such file"):
        read(str(tmp_path / "nothing.json"))


def test_a_file_that_is_no_text_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "functions.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"functions\.json"):
        read(str(path))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a", "exact"),
        ("ab", "first"),
        ("xab", "last"),
        ("", "last"),
        ("a\nb", "first"),
        ("A", "last"),
        ("a.c", "exact dot"),
        ("x-1-y-2", "two stars"),
    ],
)
def test_exact_names_win_then_patterns_in_their_order(name: str, found: str) -> None:
    names = FunctionNames(
        {"x-*-y-*": "two stars", "a*": "first", "a.c": "exact dot", "*": "last", "a": "exact", "ab*": "never"}
    )
    assert names.find(name) == found


def test_without_a_star_nothing_but_the_name_is_meant() -> None:
    assert FunctionNames({"a.c": 1, "[ab]": 2}).find("abc") is None
