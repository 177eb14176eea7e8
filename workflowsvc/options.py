"""One setting: its name, type, range, unit, default and help text, and how its value is read from a text.

Owns the messages about values that are refused. A leaf: it knows no setting by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

ENVIRONMENT_PREFIX = "WORKFLOWSVC_"

Value = str | int | float | bool


class SettingsError(Exception):
    """A value that cannot be used; the message names its source and says what is allowed."""


class Option(NamedTuple):
    """All that is known about one setting. It is both a command-line option and an environment variable."""

    name: str
    group: str  # heading in help and documentation
    type: type[str] | type[int] | type[float] | type[bool]
    default: Value
    help: str
    unit: str  # "" for a plain number or text
    choices: tuple[str, ...]
    minimum: float
    maximum: float
    pattern: str  # regular expression for a whole text; "" for any
    shape: str  # the pattern in words

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    def parse(self, text: str, source: str) -> Value:
        """The value that this text stands for."""
        value: Value
        if self.type is bool:
            if text.lower() not in BOOLEANS:
                raise SettingsError(f"{source}: {text!r} is neither true nor false")
            value = BOOLEANS[text.lower()]
        elif self.type is int:
            # ASCII digits only: int() would also take '٣٠٠', '3_0' and ' +30\n' (QUALITY §2.4).
            if not re.fullmatch(r"[0-9]{1,18}", text):
                raise SettingsError(f"{source}: {text!r} is not a whole number")
            value = int(text)
        elif self.type is float:
            if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
                raise SettingsError(f"{source}: {text!r} is not a number")
            value = float(text)
        else:
            value = text
        return self.check(value, source)

    def check(self, value: object, source: str) -> Value:
        """The value itself, when it may be used."""
        if self.type is float and type(value) is int:
            value = float(value)
        if not isinstance(value, self.type) or (isinstance(value, bool) and self.type is not bool):
            raise SettingsError(f"{source}: {value!r} is not of type {self.type.__name__}")
        if self.choices and value not in self.choices:
            raise SettingsError(f"{source}: {value!r} is not one of {', '.join(self.choices)}")
        if isinstance(value, str):
            if self.pattern and not re.fullmatch(self.pattern, value):
                raise SettingsError(f"{source}: {value!r} is not {self.shape}")
        elif not isinstance(value, bool) and not self.minimum <= value <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            raise SettingsError(
                f"{source}: {value} is not between {spell(self.minimum)} and {spell(self.maximum)}{unit}"
            )
        return value


BOOLEANS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def spell(value: Value) -> str:
    """A value as people write it: 60 rather than 60.0, true rather than True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def by_group(options: Iterable[Option]) -> list[tuple[str, list[Option]]]:
    """The options under their headings, in the order of the settings."""
    groups: dict[str, list[Option]] = {}
    for option in options:
        groups.setdefault(option.group, []).append(option)
    return list(groups.items())


def setting(
    help: str,
    *,
    group: str,
    unit: str = "",
    minimum: float = 0,
    maximum: float = 10**12,
    pattern: str = "",
    shape: str = "",
) -> dict[str, Any]:
    """The metadata of a setting's field: everything about it but its name, type and default."""
    return {
        "help": help,
        "group": group,
        "unit": unit,
        "minimum": minimum,
        "maximum": maximum,
        "pattern": pattern,
        "shape": shape,
    }
