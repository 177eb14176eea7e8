"""Which entry of a map is meant by the name of a Lambda function: the name itself, or a pattern with `*`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class FunctionNames(Generic[T]):
    """A mapping from function names or ARNs, as deciders write them. `*` in a key stands for any characters."""

    def __init__(self, entries: Mapping[str, T]) -> None:
        self._exact = {name: entry for name, entry in entries.items() if "*" not in name}
        self._patterns = [
            (re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL), entry)
            for name, entry in entries.items()
            if "*" in name
        ]

    def find(self, name: str) -> T | None:
        """The entry for this name: an exact name wins over patterns, an earlier pattern over later ones."""
        if name in self._exact:
            return self._exact[name]
        for pattern, entry in self._patterns:
            if pattern.fullmatch(name):
                return entry
        return None
