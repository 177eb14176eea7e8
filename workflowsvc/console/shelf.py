"""Histories from files that a visitor looks at: held in memory for an hour, and stored nowhere.

Owns how many, and who sees them again: who has sent a file, by an address that cannot be guessed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from workflowsvc.console.histories import FileHistory
from workflowsvc.model.history_file import NoHistory, read_events, text_of

if TYPE_CHECKING:
    from workflowsvc.access.caller import Caller
    from workflowsvc.clock import Clock

MAX_FILES = 8
MAX_BYTES = 96 << 20  # of all of them, as they were sent; each takes about twice that
MAX_AGE_SECONDS = 3_600.0
MAX_DEPTH = 20  # of structures in an event; SWF's have four
LATEST = 253_000_000_000  # seconds: the year 9987
NAME_LETTERS = 200


class HeldFile(NamedTuple):
    """A file on the shelf."""

    name: str
    history: FileHistory
    owner: tuple[object, object]
    since: float


class Shelf:
    """Of one console."""

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._files: OrderedDict[str, HeldFile] = OrderedDict()

    async def put(self, caller: Caller, name: str, data: bytes) -> str:
        """By what name the file is taken again. NoHistory when it is none."""
        # In a thread, as a long history takes seconds.
        history = await asyncio.to_thread(_read, data)
        key = self._random_bytes(16).hex()
        self._files[key] = HeldFile(name[:NAME_LETTERS], history, _owner(caller), self._clock.monotonic())
        self._forget()
        return key

    def find(self, caller: Caller, key: str) -> HeldFile | None:
        """None when it was never there for this caller, or is no longer."""
        self._forget()
        file = self._files.get(key)
        return file if file is not None and file.owner == _owner(caller) else None

    def _forget(self) -> None:
        """The oldest, while there are too many; and those whose time is over."""
        now = self._clock.monotonic()
        for key in [key for key, file in self._files.items() if now - file.since > MAX_AGE_SECONDS]:
            del self._files[key]
        while len(self._files) > 1 and (
            len(self._files) > MAX_FILES
            or sum(file.history.size for file in self._files.values()) > MAX_BYTES
        ):
            self._files.popitem(last=False)


def _owner(caller: Caller) -> tuple[object, object]:
    # Not the key itself: it is another object when access data has changed.
    return caller.tenant, None if caller.key is None else (caller.key.id, caller.key.principal.id)


def _read(data: bytes) -> FileHistory:
    try:
        text = text_of(data)
        events = read_events(text.encode())
    except UnicodeError:
        raise NoHistory("it is no text in UTF-8 or UTF-16") from None
    for number, event in enumerate(events, 1):
        if event.get("eventId") != number:
            raise NoHistory(
                f"its events are not numbered from 1 on: where {number} is due, another one stands"
            )
        if not isinstance(event.get("eventType"), str):
            raise NoHistory(f"event {number} has no eventType")
        at = event.get("eventTimestamp")
        if not isinstance(at, int | float) or not -LATEST < at < LATEST:
            raise NoHistory(f"event {number} has no eventTimestamp")
        if not _is_flat(event, MAX_DEPTH):
            raise NoHistory(f"event {number} is nested too deeply")
    return FileHistory(events)


def _is_flat(value: object, levels: int) -> bool:
    """Whether it has at most `levels` levels."""
    if isinstance(value, dict):
        value = list(value.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if not isinstance(value, list):
        return True
    return levels > 0 and all(_is_flat(inner, levels - 1) for inner in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
