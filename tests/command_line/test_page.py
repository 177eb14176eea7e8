"""The reference of commands in docs/command-line.md is what the parsers say."""

from __future__ import annotations

import re

from tools import command_page
from workflowsvc.commands import COMMANDS, statuses


def test_the_reference_of_commands_is_fresh() -> None:
    assert command_page.TARGET.read_text(encoding="utf-8") == command_page.page(), (
        "run `python -m tools.command_page`"
    )


def test_the_page_has_every_command_and_every_exit_status() -> None:
    text = command_page.TARGET.read_text(encoding="utf-8")
    assert [command.name for command in COMMANDS if f"\n### {command.name}\n" not in text] == []
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert listed == {
        value for name, value in vars(statuses).items() if name.isupper() and isinstance(value, int)
    }
