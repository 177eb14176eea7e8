"""What an examination of a store finds, in the same form for every kind of store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

Level = Literal["ok", "note", "bad"]
NowMs = Callable[[], int]


class Finding(NamedTuple):
    """`advice`: what to do, for all that is not ok."""

    level: Level
    what: str
    advice: str = ""
