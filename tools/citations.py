"""`python -m tools.citations`: every citation of the specification resolves, and which rules nothing cites.

`python -m tools.citations SWF §2.31` lists the places that cite a rule instead.

Owns the grammar of citations (docs/spec/README.md describes it), the forms that are refused, and the numbers that the
pages of docs/spec define. Must not know what a rule says. Exit status 1 when a citation is wrong; rules without a
citation are listed and are no failure.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import textwrap
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tools.project_files import project_files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"SWF": "docs/spec/swf.md", "QUALITY": "docs/spec/quality.md"}
GENERATED = {"docs/conformance.md"}  # its citations come from tests/conformance

_NUMBER = r"§[0-9]+(?:\.[0-9]+)*(?:\.[A-Z][0-9]*)?"
_BLANK = r"(?:[ ]|[ ]*\n[ ]*(?:(?:#|--|\*)[ ]+)?)"  # or a line break, with the comment sign of the next line
_SEPARATOR = rf"(?:,{_BLANK}|{_BLANK}and{_BLANK}|{_BLANK}to{_BLANK})"
CITATION = re.compile(rf"(?<![A-Z])(SWF|QUALITY){_BLANK}({_NUMBER}(?:{_SEPARATOR}{_NUMBER})*)")
_RANGE = re.compile(rf"({_NUMBER})(?:{_BLANK}to{_BLANK}({_NUMBER}))?")
_SIGN = re.compile(r"§[0-9]")

_HEADING = re.compile(r"#+ ([0-9]+(?:\.[0-9]+)*)\.? ")
_ROW = re.compile(r"\| ([0-9]+(?:\.[0-9]+)+) \|")
_INVARIANT = re.compile(r"(?:- ([A-Z][0-9]+) |\*\*([A-Z]) – )")

_DOTTED = r"[0-9]{1,2}(?:\.[0-9]{1,2}){1,2}"
# Forms of earlier days, and sources that a reader of the repository cannot open: what is matched -> how to write it.
REFUSED = {
    re.compile(r"\breference,?\s+(?:#\s+|--\s+)?(?:sections?\s+)?[0-9]", re.IGNORECASE): "write SWF §…",
    re.compile(r"\bquality,?\s+(?:#\s+|--\s+)?(?:section\s+)?(?:[0-9]|[A-Z][0-9])", re.IGNORECASE): (
        "write QUALITY §…"
    ),
    re.compile(r"\b[d]esign,?\s+(?:section\s+)?[0-9]|\([d]esign[:,)]|\b[d]esign, section|\b[d]esign\.md\b"): (
        "name a page of docs/decisions"
    ),
    re.compile(r"\bissues?\s+#?[0-9]|\bproduct\.md\b", re.IGNORECASE): (
        "give the reason, or name a page of docs/decisions"
    ),
}
# A number alone, in brackets or at the beginning of a comment: refused where it is that of a rule.
_BARE = re.compile(
    rf"(?<![\w\])}}>])\(({_DOTTED})(?=(?:(?:, | and | to |; | step ){_DOTTED}| step [0-9])*[);:])"
    rf"|(?:^|(?<=# )|(?<=-- )|(?<=\"\"\"))({_DOTTED})(?=[:;,]|$)",
    re.MULTILINE,
)


class Problem(NamedTuple):
    """A place that must be changed."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Report(NamedTuple):
    """What is wrong, and for each page the rules that neither code nor tests cite."""

    problems: list[Problem]
    rules: dict[str, list[str]]
    uncited: dict[str, list[str]]


def check(root: Path, names: Iterable[str]) -> Report:
    """Reads the pages below `root` and the named files, whose paths are relative to it."""
    problems: list[Problem] = []
    rules: dict[str, list[str]] = {}
    for page, name in PAGES.items():
        rules[page] = list(numbers((root / name).read_text(encoding="utf-8")))
        twice = {number for number in rules[page] if rules[page].count(number) > 1}
        problems += [Problem(name, 1, f"the number {number} is given twice") for number in sorted(twice)]
    cited: set[tuple[str, str]] = set()
    for name in sorted(set(names) - GENERATED):
        text = read(root / name)
        if text is None:
            continue
        problems += _wrong(name, text, rules)
        if not name.endswith(".md"):  # documents are neither code nor tests
            cited |= set(_cited(text, rules))
    uncited = {
        page: [number for number in _leaves(known) if (page, number) not in cited]
        for page, known in rules.items()
    }
    return Report(problems, rules, uncited)


def read(path: Path) -> str | None:
    """The text of a file; None when it is no file, or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def numbers(page: str) -> Iterator[str]:
    """The numbers that a page defines, in its order: headings, numbered rows, invariants (`2.5.H3`)."""
    section = ""
    for line in page.splitlines():
        if heading := _HEADING.match(line):
            section = heading[1]
            yield section
        elif row := _ROW.match(line):
            yield row[1]
        elif invariant := _INVARIANT.match(line):
            yield f"{section}.{invariant[1] or invariant[2]}"


def parent(number: str) -> str:
    """`1.1.11` -> `1.1`, `2.5.H3` -> `2.5.H` -> `2.5`; empty for a chapter."""
    head, _, last = number.rpartition(".")
    return f"{head}.{last[0]}" if last[0].isalpha() and len(last) > 1 else head


def _leaves(known: list[str]) -> list[str]:
    """The rules proper: numbers that no other number is a part of."""
    parents = {parent(number) for number in known}
    return [number for number in known if number not in parents]


def _wrong(name: str, text: str, rules: dict[str, list[str]]) -> Iterator[Problem]:
    found = list(CITATION.finditer(text))
    for citation in found:
        known = rules[citation[1]]
        for sign in re.findall(_NUMBER, citation[2]):
            if sign[1:] not in known:
                what = f"{citation[1]} {sign} does not exist in {PAGES[citation[1]]}"
                yield Problem(name, _line(text, citation.start()), what)
    for sign in _SIGN.finditer(text):
        if not any(citation.start() < sign.start() < citation.end() for citation in found):
            yield Problem(
                name, _line(text, sign.start()), "a § belongs to no citation: write SWF §… or QUALITY §…"
            )
    if name in PAGES.values():  # a page refers to its own sections by the bare number
        return
    for pattern, advice in REFUSED.items():
        for match in pattern.finditer(text):
            yield Problem(name, _line(text, match.start()), f"{match[0]!r}: {advice}")
    if _BARE.search(text) is None:
        return  # then not in its comments and strings either: reading these takes ten times as long
    for first, prose in _prose(name, text):
        for match in _BARE.finditer(prose):
            number = match[1] or match[2]
            if number in rules["SWF"] and not number.startswith("0."):
                what = f"{number} stands alone: write SWF §{number}"
                yield Problem(name, first + prose.count("\n", 0, match.start()), what)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _prose(name: str, text: str) -> Iterator[tuple[int, str]]:
    """What people read in a file, with the line it begins on: of Python comments and strings, else all of it."""
    if not name.endswith(".py"):
        yield 1, text
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], token.string


def _cited(text: str, rules: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Page and number of everything that is cited; of a range, all between its ends that have the same parent."""
    for _, page, number in _located(text, rules):
        yield page, number


def _located(text: str, rules: dict[str, list[str]]) -> Iterator[tuple[int, str, str]]:
    """The same, each with the position of its citation."""
    for citation in CITATION.finditer(text):
        page, known = citation[1], rules[citation[1]]
        for first, last in re.findall(_RANGE, citation[2]):
            beginning, end = first[1:], (last or first)[1:]
            if beginning not in known or end not in known:
                continue
            for number in known[known.index(beginning) : known.index(end) + 1]:
                if parent(number) == parent(beginning):
                    yield citation.start(), page, number


def places(root: Path, names: Iterable[str], page: str, number: str) -> Iterator[tuple[str, int]]:
    """File and line of each citation of a rule, or of a part of it. Raises ValueError when there is no such rule."""
    rules = {known: list(numbers((root / name).read_text(encoding="utf-8"))) for known, name in PAGES.items()}
    if number not in rules.get(page, []):
        raise ValueError(f"there is no {page} §{number}")
    for name in sorted(set(names) - GENERATED):
        text = read(root / name)
        if text is None:
            continue
        found = (at for at, of, cited in _located(text, rules) if of == page and _is_in(cited, number))
        for line in sorted({_line(text, at) for at in found}):
            yield name, line


def _is_in(number: str, section: str) -> bool:
    while number and number != section:
        number = parent(number)
    return bool(number)


def files(root: Path) -> list[str]:
    """The files of the repository and those that are new in it."""
    return [path.relative_to(root).as_posix() for path in project_files(root, untracked=True)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.citations", description=__doc__)
    parser.add_argument("rule", nargs="*", help="a rule, as in SWF §2.31: list the places that cite it")
    rule = " ".join(parser.parse_args(arguments).rule)
    if rule:
        page, _, number = rule.replace("§", " ").partition(" ")
        try:
            sys.stdout.writelines(
                f"{name}:{line}\n" for name, line in places(ROOT, files(ROOT), page, number.strip())
            )
        except ValueError as error:
            parser.error(str(error))
        return 0
    report = check(ROOT, files(ROOT))
    for page, uncited in report.uncited.items():
        count = len(_leaves(report.rules[page]))
        sys.stdout.write(
            f"{PAGES[page]}: no code and no test cites {len(uncited)} of {count} numbered rules\n"
        )
        if uncited:
            listed = textwrap.fill(", ".join(uncited), 118, initial_indent="    ", subsequent_indent="    ")
            sys.stdout.write(f"{listed}\n")
    sys.stderr.writelines(f"{problem}\n" for problem in report.problems)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
