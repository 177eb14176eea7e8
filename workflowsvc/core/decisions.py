"""What all decisions have in common: their events repeat the decision's own members.

Owns the making of success events and of `...Failed` events. Must not know any decision's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from workflowsvc.model.shapes import EVENTS, Shape

S = TypeVar("S", bound=Shape)


@cache
def _common(
    made: type[Shape], given: type[Shape]
) -> tuple[tuple[str, ...], Callable[[Shape], tuple[Any, ...]]]:
    """The names of the members that both have, and the function that reads them."""
    names = tuple(name for name in made.__struct_fields__ if name in given.__struct_fields__)
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda shape: tuple(getattr(shape, name) for name in names)


def _members(made: type[Shape], given: Shape) -> dict[str, Any]:
    names, read = _common(made, type(given))
    return dict(zip(names, read(given), strict=True))


def repeat(made: type[S], given: Shape, **others: Any) -> S:
    """An event with the members that it shares with `given`, and `others`, which win where both name one."""
    members = _members(made, given)
    members.update(others)
    return made(**members)


def success(made: type[S], decision: Shape, completed_id: int, **others: Any) -> S:
    """The event of a decision that was carried out: the decision's own members, the completion, and `others`.

    Not by `repeat`, since passing the keyword arguments on takes time: 3.4 us instead of 3.8 for an activity task.
    """
    members = _members(made, decision)
    members["decision_task_completed_event_id"] = completed_id
    members.update(others)
    return made(**members)


def failure(decision_type: str, attributes: Shape, completed_id: int, cause: str) -> Shape:
    """The `...Failed` event of a decision. One that was never initiated says initiatedEventId 0 (SWF §5.13)."""
    made = EVENTS[f"{decision_type}Failed"].attributes
    others: dict[str, Any] = {"cause": cause, "decision_task_completed_event_id": completed_id}
    if "initiated_event_id" in made.__struct_fields__:
        others["initiated_event_id"] = 0
    return repeat(made, attributes, **others)
