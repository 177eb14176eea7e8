"""Prose is plain English: comments, docstrings, log messages, names of functions and documents use the field's words.

Owns the table of refused patterns, which CONTRIBUTING.md shows to people. `python -m tests.test_prose [PATH ...]`
prints each place and a count for each file below these paths. Must not judge what clients see: faults, scenarios and
the specification keep their texts.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_tidy import ROOT, committed


class Rule(NamedTuple):
    """One pattern that is refused in prose."""

    says: str  # as CONTRIBUTING.md shows it
    pattern: re.Pattern[str]
    write: str


def rule(says: str, pattern: str, write: str) -> Rule:
    """`pattern` matches whole words; a space in it matches any white space, so also a line break."""
    return Rule(says, re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+"), re.IGNORECASE), write)


RULES = (
    rule(
        "nobody, somebody, anybody, everybody, whoever",
        "nobody|somebody|anybody|everybody|whoever|whomever|no one|someone|anyone|everyone",
        "the actor: caller, client, node, poller, database, operator, reader",
    ),
    rule(
        "so many, so often, for so long, as long as that",
        "so many|so few|so often|for so long|as long as that",
        "the quantity: its number, its unit, or the name of the constant",
    ),
    rule("hush", "hush(?:es|ed|ing)?", "clear"),
    rule("bell", "bells?", "event"),
    rule("inbox", "inbox(?:es)?", "command queue"),
    rule("lane", "lanes?", "writer loop"),
    rule("complaint", "complaints?|complain(?:s|ed|ing)?", "log entry, error, bug"),
    rule("journey", "journeys?", "round trip"),
    rule("crowd", "crowd(?:s|ed)?", "batch, queue, many clients"),
    rule("onlooker", "onlookers?", "read-only store"),
    rule("strays", "strays?", "orphans"),
    rule("knob", "knobs?", "option"),
    rule("surroundings", "surroundings?", "decision context"),
    rule("exam", "exams?", "contract tests"),
    rule("misfortune", "misfortunes?", "fault"),
    rule("ordeal", "ordeals?", "disk-fault run, trial"),
    rule("mortal", "mortals?", "crashing node"),
    rule("oddity", "oddity|oddities", "defect"),
    rule("roundabout", "roundabouts?", "round-robin client"),
    rule("nursery", "nursery|nurseries", "fork server"),
    rule("zygote", "zygotes?", "prefork"),
    rule("furniture", "furniture", "fixtures"),
)
CONSTANTS = Rule(
    "MOST_x, LEAST_x, x_AT_ONCE",
    re.compile(r"^_?(?:MOST|LEAST|SO_MANY)_|_AT_ONCE$"),
    "MAX_x, MIN_x, x_BATCH_SIZE",
)

# Files whose text is not ours to change, with the reason.
NOT_JUDGED = {
    "docs/spec/": "the specification, whose texts are kept word for word",
    "docs/conformance.md": "generated from the names of scenarios, whose texts are kept",
    "workflowsvc/model/shapes.py": "generated from botocore's service model",
}
# (file, phrase in lower case) -> why it is kept
ALLOWED: dict[tuple[str, str], str] = {}

LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}
CODE_SPAN = re.compile(r"`[^`\n]*`")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(
    "\N{LEFT DOUBLE QUOTATION MARK}[^\N{RIGHT DOUBLE QUOTATION MARK}]*\N{RIGHT DOUBLE QUOTATION MARK}"
)
SIGNS = {".sql": "--", ".js": "//", ".java": "//", ".toml": "#", ".yml": "#", ".in": "#", ".sh": "#", "": "#"}


class Problem(NamedTuple):
    """A place to rewrite."""

    path: str
    line: int
    found: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.path}:{self.line} says {self.found!r}: write {self.rule.write}"


def problems(path: str, text: str) -> Iterator[Problem]:
    """Everything in this file that a rule refuses."""
    nodes = list(ast.walk(ast.parse(text))) if path.endswith(".py") else []
    prose = prose_of(path, text, nodes)
    for each in RULES:
        for match in each.pattern.finditer(prose):
            found = " ".join(match[0].split())
            if (path, found.lower()) not in ALLOWED:
                yield Problem(path, prose.count("\n", 0, match.start()) + 1, found, each)
    for name, line in constants(nodes):
        if CONSTANTS.pattern.search(name):
            yield Problem(path, line, name, CONSTANTS)


def prose_of(path: str, text: str, nodes: Sequence[ast.AST]) -> str:
    """The file with everything blanked that is not prose, code in backticks included; lines keep their numbers. `nodes`
    are those of a Python file."""
    if path.endswith(".py"):
        prose = "\n".join(python_prose(text, nodes))
    elif path.endswith(".md"):
        prose = FENCE.sub(lambda fenced: "\n" * fenced[0].count("\n"), text)
        prose = QUOTED.sub(" . ", prose)
    else:
        sign = re.escape(SIGNS[Path(path).suffix])
        comment = re.compile(rf"(?:^|\s){sign}(.*)|^\s*\*(.*)" if sign == "//" else rf"(?:^|\s){sign}(.*)")
        matches = (comment.search(line) for line in text.split("\n"))
        prose = "\n".join(" ".join(filter(None, match.groups())) if match else "" for match in matches)
    return CODE_SPAN.sub(" . ", prose)


def python_prose(text: str, nodes: Sequence[ast.AST]) -> list[str]:
    """For each line its comment, its part of a docstring or of a log message, and the names that it defines."""
    given = text.split("\n")
    prose = [""] * len(given)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            prose[token.start[0] - 1] = token.string[1:]
    for node in nodes:
        if isinstance(node, ast.Expr) and _is_text(node.value):
            spans: list[ast.AST] = [node.value]
        elif isinstance(node, ast.Assert) and node.msg is not None:
            spans = [part for part in ast.walk(node.msg) if _is_text(part)]
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOGGING
        ):
            spans = [part for argument in node.args[:1] for part in ast.walk(argument) if _is_text(part)]
        else:
            spans = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", node.name).replace("_", " ")
                prose[node.lineno - 1] += f" . {words} . "
        for span in spans:
            assert isinstance(span, ast.Constant)
            assert span.end_lineno is not None
            first, last = span.lineno - 1, span.end_lineno - 1
            if first == last:
                prose[first] += f" . {span.value} . " if "\n" not in str(span.value) else f" {given[first]}"
            else:
                prose[first : last + 1] = given[first : last + 1]
    return prose


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def constants(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """Every name in capitals that is assigned to, with its line."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.isupper():
            yield node.id, node.lineno


def judged(names: Iterable[str]) -> Iterator[str]:
    """Those of these files that have prose of ours in them."""
    for name in names:
        known = name.endswith((".py", ".md")) or Path(name).suffix in SIGNS
        if (
            known
            and not name.startswith(tuple(NOT_JUDGED))
            and Path(name).name not in ("LICENSE", ".gitignore")
        ):
            yield name


def repository() -> list[str]:
    return list(judged(path.relative_to(ROOT).as_posix() for path in committed()))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_prose_is_plain_english() -> None:
    wrong = [str(problem) for name in repository() for problem in problems(name, read(name))]
    assert not wrong, "\n".join(wrong)


def test_what_is_allowed_is_needed() -> None:
    names = repository()
    for name, phrase in ALLOWED:
        assert name in names, f"no longer needed: {name}"
        assert phrase in read(name).lower(), f"no longer needed: {name}, {phrase!r}"


def test_contributing_shows_every_pattern_with_its_replacement() -> None:
    page = read("CONTRIBUTING.md")
    missing = [each for each in (*RULES, CONSTANTS) if f"| `{each.says}` | {each.write} |" not in page]
    assert not missing, "\n".join(f"| `{each.says}` | {each.write} |" for each in missing)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "# so\n# often\n", ["so often"]),
        ("a.py", 'x = "nobody"\n', []),
        ("a.py", "def f():\n    '''Nobody\n    knows.'''\n", ["Nobody"]),
        ("a.py", 'log.error("nobody listens")\n', ["nobody"]),
        ("a.py", "def test_somebody_calls(): ...\n", ["somebody"]),
        ("a.py", "class CrowdOfClients: ...\n", ["Crowd"]),
        ("a.py", "MOST_LINES = 3  # lines\n", ["MOST_LINES"]),
        ("a.py", "# `nobody` is a workflowId\n", []),
        ("a.sql", "-- so many rows\nselect 'nobody'\n", ["so many"]),
        ("a.md", "So\nmany.\n```\nnobody\n```\n", ["So many"]),
        ("Makefile", "x: ## the exam\n\techo nobody\n", ["exam"]),
        ("a.java", "/**\n * Whoever calls\n */ // somebody\n", ["Whoever", "somebody"]),
    ],
)
def test_the_judge_reads_prose_and_nothing_else(name: str, text: str, found: list[str]) -> None:
    assert sorted(problem.found for problem in problems(name, text)) == sorted(found)


def main(words: list[str]) -> int:
    """Prints what is wrong below these paths, whether an area is still being rewritten or not."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.test_prose", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="file or folder, from the root [everything]")
    parser.add_argument("--counts", action="store_true", help="only the count of each file")
    given = parser.parse_args(words)
    found = [
        problem
        for name in repository()
        if name.startswith(tuple(given.paths) or "")
        for problem in problems(name, read(name))
    ]
    if not given.counts:
        print("\n".join(map(str, found)))
    counts = Counter(problem.path for problem in found)
    print("\n".join(f"{count:5} {path}" for path, count in counts.most_common()))
    print(f"{len(found):5} in {len(counts)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
