"""The history of a run as a test sees it: events as JSON, and as text, one line for each.

Owns the text, which is that of the scenario language (`scenarios/render.py`) with every member. Must not know where
events come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from workflowsvc.testing.scenarios.names import Names
from workflowsvc.testing.scenarios.render import Render, attributes_of, milliseconds, seconds

Event = dict[str, Any]


@dataclass(frozen=True)
class EventLine:
    """One event, taken apart for comparing."""

    event_id: int
    event_type: str
    after_ms: int  # milliseconds from the first event of the history
    attributes: dict[str, Any]
    values: dict[str, str]  # the attributes as they are written

    def __str__(self) -> str:
        members = " ".join(f"{name}={value}" for name, value in self.values.items())
        return f"{self.event_id} {self.event_type} +{seconds(self.after_ms)} {members}".rstrip()


class History(Sequence[Event]):
    """The events of one run, oldest first, as JSON has them: times are seconds since the epoch. `str` of it is the
    text."""

    def __init__(self, execution: dict[str, str], events: list[Event]) -> None:
        self.execution = execution
        self.events = events

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return self.events[index]

    def __len__(self) -> int:
        return len(self.events)

    @property
    def types(self) -> list[str]:
        """The types of the events, in order."""
        return [event["eventType"] for event in self.events]

    def attributes(self, event_type: str) -> list[dict[str, Any]]:
        """The attributes of each event of this type, in order."""
        return [attributes_of(event) for event in self.events if event["eventType"] == event_type]

    def lines(self) -> list[EventLine]:
        """The events, ready to be compared or written."""
        return list(self._lines())

    def _lines(self) -> Iterator[EventLine]:
        zero_ms = milliseconds(self.events[0]["eventTimestamp"]) if self.events else 0
        render = Render(Names(_no_runs), zero_ms)
        for event in self.events:
            attributes = attributes_of(event)
            after_ms = milliseconds(event["eventTimestamp"]) - zero_ms
            values = {name: render.value(attributes[name], name) for name in sorted(attributes)}
            yield EventLine(event["eventId"], event["eventType"], after_ms, attributes, values)

    def __str__(self) -> str:
        return "\n".join(map(str, self._lines()))

    def __repr__(self) -> str:
        return f"History({self.execution!r}, {len(self)} events)"


def _no_runs(_: str) -> list[str]:
    """Runs keep their runIds: which others there are is not known here."""
    return []
