"""The documents are true where a machine can check it: links resolve, settings and make targets exist and are named.

Reads Markdown, the Makefile and the registries of settings. How prose is written is checked in `test_prose.py`.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.test_tidy import ROOT, committed

DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^([a-z-]+):.*## .+$", re.MULTILINE)
MAKE = re.compile(r"`make ([a-z-]+)|^\s*make ([a-z-]+)", re.MULTILINE)


def test_every_relative_link_resolves() -> None:
    wrong: list[str] = []
    for path in committed("*.md"):
        for target in links(path):
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if not there.exists():
                wrong.append(f"{path.relative_to(ROOT)}: {target} does not exist")
            elif anchor and there.suffix == ".md" and anchor not in anchors(there):
                wrong.append(f"{path.relative_to(ROOT)}: {target} names a heading that does not exist")
    assert not wrong, "\n".join(wrong)


def links(path: Path) -> list[str]:
    """The relative links of a Markdown file, without those in code."""
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    return [
        target for target in LINK.findall(prose) if "://" not in target and not target.startswith("mailto:")
    ]


def anchors(path: Path) -> set[str]:
    """The anchors that a forge gives to headings: lower case, spaces to hyphens, punctuation gone."""
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#{1,6} +(.+?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_is_listed_and_says_what_a_decision_must() -> None:
    listed = set(links(DECISIONS / "README.md"))
    for path in sorted(DECISIONS.glob("*.md")):
        if path.name == "README.md":
            continue
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name), path.name
        assert path.name in listed, f"docs/decisions/README.md does not link {path.name}"
        headings = set(re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert {"Context", "Decision", "Consequences"} <= headings, path.name


def test_no_two_decisions_share_a_number() -> None:
    numbers = [path.name[:4] for path in DECISIONS.glob("[0-9]*.md")]
    assert len(numbers) == len(set(numbers)), sorted(numbers)


def test_every_page_for_users_is_in_the_index() -> None:
    listed = {target.partition("#")[0] for target in links(DOCS / "README.md")}
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert pages <= listed, f"docs/README.md does not link {sorted(pages - listed)}"


def test_every_setting_is_described() -> None:
    settings = pytest.importorskip("workflowsvc.settings")
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    names = {
        item.name for owner in (settings.Settings, settings.Limits) for item in dataclasses.fields(owner)
    }
    for name in sorted(names - {"quotas"}):
        assert f"`--{name.replace('_', '-')}`" in page, f"docs/configuration.md lacks the option of {name}"
        assert f"`WORKFLOWSVC_{name.upper()}`" in page, f"docs/configuration.md lacks the variable of {name}"
    described = {name.lower() for name in re.findall(r"`WORKFLOWSVC_([A-Z0-9_]+)`", page)}
    assert described <= names, (
        f"docs/configuration.md describes what is no setting: {sorted(described - names)}"
    )


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    wrong = [
        f"{path.relative_to(ROOT)}: make {name}"
        for path in committed("*.md", ".ci/run")
        for pair in MAKE.findall(path.read_text(encoding="utf-8"))
        for name in [pair[0] or pair[1]]
        if name not in targets
    ]
    assert not wrong, "\n".join(wrong)


def test_no_text_installs_the_service_from_an_index_by_its_name() -> None:
    """Another owner may hold that name there."""
    by_name = re.compile(r"pip install (-\S+ )*['\"]?workflowsvc\b")
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in committed("*.md", "*.py", "*.toml", "Makefile")
        for found in [by_name.search(path.read_text(encoding="utf-8"))]
        if found
    ]
    assert not wrong, "\n".join(wrong)


def test_the_environment_of_make_serve_has_the_driver_of_postgresql() -> None:
    serve = re.search(r"^serve: \$\((\w+)\)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert serve
    lock = {"DEMO": "demo.txt", "DEV": "dev.txt"}[serve[1]]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / lock).read_text(), re.MULTILINE))
    assert {"psycopg", "psycopg-binary"} <= locked


def test_the_version_is_the_same_wherever_it_stands() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f'__version__ = "{version[1]}"' in (ROOT / "workflowsvc" / "__init__.py").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{version[1]}]" in changelog or "## [Unreleased]" in changelog
