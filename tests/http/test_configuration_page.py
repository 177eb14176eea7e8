"""The tables of docs/configuration.md are what the settings say; `python -m` this file writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

from workflowsvc.cli import by_group
from workflowsvc.knobs import Knob, spell
from workflowsvc.settings import KNOBS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
TABLES = re.compile(r"(<!-- tables -->\n).*(<!-- end of tables -->\n)", re.DOTALL)


def tables() -> str:
    parts: list[str] = []
    for title, knobs in by_group(KNOBS):
        parts += [
            f"## {title}\n",
            "| Option | Variable | Default | Values | What it is |",
            "|---|---|---|---|---|",
        ]
        parts += [row(knob) for knob in knobs]
        parts.append("")
    return "\n".join(parts)


def row(knob: Knob) -> str:
    default = f"`{spell(knob.default)}`" if knob.default != "" else "none"
    return f"| `{knob.option}` | `{knob.variable}` | {default} | {values(knob)} | {knob.help} |"


def values(knob: Knob) -> str:
    if knob.type is bool:
        return "true, false"
    if knob.choices:
        return ", ".join(f"`{choice}`" for choice in knob.choices)
    if knob.type is str:
        return knob.shape
    numbers = "whole number" if knob.type is int else "number"
    most = "" if knob.most >= 10**12 else f" to {spell(knob.most)}"
    unit = f" of {knob.unit}" if knob.unit else ""
    return f"{numbers}{unit}, {spell(knob.least)}{most or ' or more'}"


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
