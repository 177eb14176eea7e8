"""The tables of docs/configuration.md are what the settings say; `python -m` this file writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

from workflowsvc.cli import by_group
from workflowsvc.options import Option, spell
from workflowsvc.settings import OPTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
TABLES = re.compile(r"(<!-- tables -->\n).*(<!-- end of tables -->\n)", re.DOTALL)


def tables() -> str:
    parts: list[str] = []
    for title, options in by_group(OPTIONS):
        parts += [
            f"## {title}\n",
            "| Option | Variable | Default | Values | What it is |",
            "|---|---|---|---|---|",
        ]
        parts += [row(option) for option in options]
        parts.append("")
    return "\n".join(parts)


def row(option: Option) -> str:
    default = f"`{spell(option.default)}`" if option.default != "" else "none"
    return f"| `{option.flag}` | `{option.variable}` | {default} | {values(option)} | {option.help} |"


def values(option: Option) -> str:
    if option.type is bool:
        return "true, false"
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    if option.type is str:
        return option.shape
    numbers = "whole number" if option.type is int else "number"
    most = "" if option.most >= 10**12 else f" to {spell(option.most)}"
    unit = f" of {option.unit}" if option.unit else ""
    return f"{numbers}{unit}, {spell(option.least)}{most or ' or more'}"


def test_the_configuration_page_says_what_the_settings_say() -> None:
    found = TABLES.search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE} has lost the marks around its tables"
    again = "run `python -m tests.http.test_configuration_page`"
    assert found[0] == f"{found[1]}{tables()}{found[2]}", again


if __name__ == "__main__":
    PAGE.write_text(
        TABLES.sub(lambda found: f"{found[1]}{tables()}{found[2]}", PAGE.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
