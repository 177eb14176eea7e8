"""What a finding is, what the rules of findings may ask, and how a finding speaks of durations.

Owns the types alone. Must not know any rule, nor who knows about task lists, pollers and types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, get_args

from workflowsvc.core.outcome import TaskKind
from workflowsvc.model.events import Event
from workflowsvc.model.own_shapes import FindingCode, Severity

MAX_OF_A_KIND = 10  # findings of one code about single things; what is more is one finding with a count
MAX_EVENT_IDS = 10  # of one finding, as evidence
MAX_AHEAD = 1_000  # tasks ahead of one are counted up to here


class ListKnowledge(NamedTuple):
    """What the nodes that run know about the pollers of a task list. Moments are in milliseconds."""

    waiting_polls: int
    last_poll_at: int | None  # None: not since `known_since`
    known_since: int  # when the node was started that has run longest


class Quotas(Protocol):
    """The quotas that a run may reach (`workflowsvc.settings.Limits`)."""

    @property
    def max_events(self) -> int: ...
    @property
    def max_open_activities(self) -> int: ...
    @property
    def max_open_timers(self) -> int: ...
    @property
    def max_open_children(self) -> int: ...
    @property
    def max_open_lambdas(self) -> int: ...


class Knowledge(Protocol):
    """What is known beside the state of the run."""

    @property
    def quotas(self) -> Quotas: ...

    def task_list(self, kind: TaskKind, name: str) -> ListKnowledge: ...

    def tasks_ahead(self, scheduled_id: int) -> int | None:
        """Tasks that are handed out before this waiting task of the run, counted up to MAX_AHEAD; None when that was
        not looked up."""
        ...

    def polled_near(self, kind: TaskKind, name: str) -> Sequence[str]:
        """Lists of the domain that are polled and have nearly this name, the nearest first."""
        ...

    def workflow_type_is_deprecated(self, name: str, version: str) -> bool: ...

    def event(self, event_id: int) -> Event | None:
        """This event of the run; None when that was not looked up."""
        ...

    def reason_of(self, run_id: str) -> str | None:
        """The reason with which this run of the domain was closed; None when there is none, or it is not known."""
        ...


class Finding(NamedTuple):
    """One reason why a run does not go on, or something that is wrong with it."""

    code: FindingCode
    severity: Severity
    message: str  # one sentence
    action: str | None = None  # what to do
    since: int | None = None  # ms
    until: int | None = None  # ms
    event_ids: Sequence[int] = ()
    number: int | None = None  # of time-outs, failures, tasks ahead, open things
    task_list: str | None = None
    kind: TaskKind | None = None
    cause: str | None = None
    subject: str | None = None


_CODES: tuple[str, ...] = get_args(FindingCode)
_SEVERITIES: tuple[str, ...] = get_args(Severity)


def urgency(finding: Finding) -> tuple[int, int, int]:
    """Sorts findings, the most urgent first: by severity, then by code, then the one that has been so longest."""
    return (_SEVERITIES.index(finding.severity), _CODES.index(finding.code), finding.since or 0)


def is_at_least(severity: Severity, least: Severity) -> bool:
    """Whether `severity` is as urgent as `least`, or more."""
    return _SEVERITIES.index(severity) <= _SEVERITIES.index(least)


def quoted(name: str) -> str:
    """A name that a client has given, told apart from the words around it."""
    return f'"{name}"'


_MAX_REASON = 200  # characters of it in a sentence


def shortened(reason: str) -> str:
    """The beginning of a text that a client has given."""
    return f"{reason[:_MAX_REASON]}{'…' if len(reason) > _MAX_REASON else ''}"


_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def spoken(ms: int) -> str:
    """A duration in at most two units: `3 h 2 m`, `41 s`."""
    left = max(ms, 0)
    parts: list[str] = []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
        if len(parts) == 2 or (parts and not number):
            break
    return " ".join(parts) or "less than a second"
